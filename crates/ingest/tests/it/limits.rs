//! What waits is bounded, and who is turned away is told when to come back.

use std::time::Duration;

use bytesize::ByteSize;
use signalpost_ingest::Config;
use signalpost_testkit::event::orders;
use sqlx::{Connection as _, PgConnection};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::setup::{Ingest, KEY, publish, whole};

/// Ingest whose commits wait for as long as the connection that is returned lives.
async fn held_up(config: Config) -> (Ingest, PgConnection) {
    let database = signalpost_testkit::postgres().await;
    let ingest = Ingest::at(&database.url, config).await;
    ingest.apply(&crate::setup::shop(vec![whole("whole", r#"type = "track""#)])).await;
    ingest.ready().await;
    let mut lock = PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE signalpost.batches IN SHARE MODE").execute(&mut lock).await.unwrap();
    (ingest, lock)
}

fn some(count: usize) -> impl Iterator<Item = String> {
    orders("m", count).map(|order| order.json())
}

#[tokio::test]
async fn nothing_is_acknowledged_before_its_commit() {
    let (ingest, lock) = held_up(Config::default()).await;
    let mut client = ingest.client(KEY).await;
    let mut call = std::pin::pin!(publish(&mut client, some(3)));
    tokio::select! {
        _ = &mut call => panic!("acknowledged although its commit can't have happened"),
        () = ingest.waiting_for_lock("relation") => {}
    }
    lock.close().await.unwrap();
    assert_eq!(call.await.unwrap().accepted, 3);
}

#[tokio::test]
async fn a_call_that_finds_no_room_is_told_when_to_come_back() {
    let config = Config {
        request_bytes_max: ByteSize::kib(64),
        waiting_bytes_max: ByteSize::kib(64),
        waiting_time_max: Duration::from_millis(50),
        ..Config::default()
    };
    let (ingest, lock) = held_up(config).await;
    let mut client = ingest.client(KEY).await;
    let mut first = std::pin::pin!(publish(&mut client, some(60)));
    tokio::select! {
        _ = &mut first => panic!("acknowledged although its commit can't have happened"),
        () = ingest.waiting_for_lock("relation") => {}
    }
    let status = ingest.publish(some(60)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    lock.close().await.unwrap();
    assert_eq!(first.await.unwrap().accepted, 60);
    assert_eq!(ingest.publish(some(60)).await.unwrap().accepted, 60);
}

#[tokio::test]
async fn a_stream_that_is_ahead_is_not_read_any_further() {
    let config = Config { stream_window: ByteSize::kib(16), ..Config::default() };
    let (ingest, lock) = held_up(config).await;
    let stream = crate::stream::open(&ingest).await;
    let large = || some(1000).collect::<Vec<_>>();
    // The transport's own windows take a few messages; then the client is made to wait.
    let mut sent = 0;
    let sending = async {
        for number in 0..64 {
            stream.messages.send(crate::stream::message(number, large())).await.unwrap();
            sent += 1;
        }
    };
    let stalled = tokio::time::timeout(Duration::from_secs(3), sending).await;
    assert!(stalled.is_err(), "all {sent} messages were read although none could be answered");
    lock.close().await.unwrap();
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_its_commit_does_not() {
    let (ingest, lock) = held_up(Config::default()).await;
    let mut client = ingest.client(KEY).await;
    let events = some(2).map(crate::setup::event).collect();
    let mut request =
        tonic::Request::new(signalpost_proto::v1::PublishRequest { events, all_or_nothing: false });
    request.set_timeout(Duration::from_secs(3));
    let (answer, ()) = tokio::join!(client.publish(request), ingest.waiting_for_lock("relation"));
    let status = answer.unwrap_err();
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    lock.close().await.unwrap();
    signalpost_testkit::eventually("what was being committed is committed", async || {
        (ingest.queued_ids().await.len() == 2).then_some(())
    })
    .await;
}
