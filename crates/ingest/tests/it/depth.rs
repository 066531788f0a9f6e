//! As much is queued as may be: who sends more is refused, whole, and told what is full.

use signalpost_core::delivery::WhenFull;
use signalpost_ingest::Config;
use signalpost_storage::{NewBatch, Wanted};
use signalpost_testkit::event::track;
use signalpost_testkit::eventually;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::setup::{Ingest, shop, whole};

/// Events "A" go to warehouse/small, where three may wait, "B" to other/large.
fn small_and_large(when_full: WhenFull) -> Wanted {
    let mut wanted = shop(vec![whole("small", r#"event = "A""#)]);
    let mut other = wanted.sources[0].destinations[0].clone();
    (other.name, other.mappings) = ("other".to_owned(), vec![whole("large", r#"event = "B""#)]);
    let small = &mut wanted.sources[0].destinations[0].delivery;
    (small.queue_events_max, small.when_full) = (Some(3), when_full);
    wanted.sources[0].destinations.push(other);
    wanted
}

async fn ingest_with(wanted: &Wanted) -> Ingest {
    let ingest = Ingest::at(&signalpost_testkit::postgres().await.url, Config::default()).await;
    ingest.apply(wanted).await;
    ingest.ready().await;
    ingest
}

fn events(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| track(name).json()).collect()
}

fn assert_full(status: &Status, setting: &str) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.metadata["setting"].as_str()), ("QUEUE_FULL", setting));
}

#[tokio::test]
async fn a_call_that_would_go_to_a_full_lane_is_refused_whole_and_others_are_not() {
    let ingest = ingest_with(&small_and_large(WhenFull::Refuse)).await;
    assert_eq!(ingest.publish(events(&["A", "A", "A", "B"])).await.unwrap().queued, 4);
    let status = ingest.publish(events(&["B", "A"])).await.unwrap_err();
    assert_full(&status, "delivery.queue_events_max");
    assert_eq!(status.get_details_error_info().unwrap().metadata["mapping"], "warehouse/small");
    assert!(status.message().contains("the queue of warehouse/small is full: 3 events wait and 3 may"));
    assert_eq!(ingest.publish(events(&["B"])).await.unwrap().queued, 1);
    assert_eq!(ingest.queued().await.iter().map(|(_, events, _)| events).sum::<i32>(), 5);

    sqlx::raw_sql("DELETE FROM signalpost.batches").execute(ingest.storage.pool()).await.unwrap();
    eventually("it is known that there is room", async || ingest.publish(events(&["A"])).await.ok()).await;
}

#[tokio::test]
async fn a_stream_ends_at_the_message_that_would_go_to_a_full_lane() {
    let ingest = ingest_with(&small_and_large(WhenFull::Refuse)).await;
    let mut stream = crate::stream::open(&ingest).await;
    assert_eq!(stream.send(1, events(&["A", "A", "A"])).await.unwrap().queued, 3);
    assert_eq!(stream.send(2, events(&["B"])).await.unwrap().queued, 1);
    assert_full(&stream.send(3, events(&["A", "B"])).await.unwrap_err(), "delivery.queue_events_max");
    assert_eq!(ingest.queued().await.len(), 2);
}

#[tokio::test]
async fn a_lane_that_buries_its_oldest_refuses_nobody() {
    let ingest = ingest_with(&small_and_large(WhenFull::BuryOldest)).await;
    for _ in 0..3 {
        assert_eq!(ingest.publish(events(&["A", "A"])).await.unwrap().queued, 2);
    }
}

#[tokio::test]
async fn what_others_queued_counts_towards_the_limit_of_all() {
    let config = Config { queued_events_max: 10, ..Config::default() };
    let ingest = Ingest::start(config, vec![whole("whole", r#"event = "A""#)]).await;
    let batch =
        NewBatch { mapping_id: 99, event_count: 10, payload: "[]".to_owned(), target: None, traces: None };
    ingest.storage.queue().enqueue(&[batch], &[]).await.unwrap();
    let status =
        eventually("it is known what others queued", async || ingest.publish(events(&["A"])).await.err())
            .await;
    assert_full(&status, "ingest.queued_events_max");
    assert_eq!(ingest.publish(events(&["B"])).await.unwrap().unwanted, 1, "it would not be queued");
}
