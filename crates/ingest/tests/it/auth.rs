//! Only a source's write key lets events in.

use signalpost_proto::v1::PublishRequest;
use signalpost_proto::v1::ingest_service_client::IngestServiceClient;
use signalpost_testkit::event::track;
use signalpost_testkit::eventually;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::setup::{Ingest, KEY, publish, shop, whole};

#[tokio::test]
async fn a_call_without_a_key_is_told_how_to_send_one() {
    let ingest = Ingest::with(vec![]).await;
    let mut client = IngestServiceClient::new(ingest.channel().await);
    let status = client.publish(PublishRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().contains("authorization: Bearer <write key>"), "{}", status.message());
}

#[tokio::test]
async fn an_unknown_key_is_refused() {
    let ingest = Ingest::with(vec![]).await;
    let status = publish(&mut ingest.client("wk_other").await, [track("A").json()]).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "the write key is unknown, revoked or expired")
    );
}

#[tokio::test]
async fn whoever_guesses_write_keys_is_slowed_down_and_others_go_on() {
    let ingest = Ingest::with(vec![]).await;
    let mut guessing = ingest.client("wk_guess").await;
    let mut refused = None;
    for _ in 0..25 {
        let status = publish(&mut guessing, [track("A").json()]).await.unwrap_err();
        refused = (status.code() == Code::ResourceExhausted).then_some(status);
    }
    let refused = refused.expect("after twenty wrong keys");
    assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
    assert_eq!(refused.get_details_error_info().unwrap().reason, "WRONG_CREDENTIALS_LIMIT");
    let known = publish(&mut ingest.client(KEY).await, [track("A").json()]).await.unwrap();
    assert_eq!(known.accepted, 1, "this key was right from here before");
}

#[tokio::test]
async fn basic_authorization_is_accepted_as_segments_libraries_send_it() {
    let ingest = Ingest::with(vec![]).await;
    let mut client = ingest.client_with("Basic d2tfc2hvcDo=").await; // wk_shop:
    assert_eq!(publish(&mut client, [track("A").json()]).await.unwrap().accepted, 1);
}

#[tokio::test]
async fn a_revoked_key_stops_working_for_calls_and_for_open_streams() {
    let ingest = Ingest::with(vec![whole("whole", r#"type = "track""#)]).await;
    let mut stream = crate::stream::open(&ingest).await;
    assert!(stream.send(1, [track("A").json()]).await.is_ok());

    let mut wanted = shop(vec![whole("whole", r#"type = "track""#)]);
    wanted.sources[0].write_keys = vec!["wk_new".into()];
    ingest.apply(&wanted).await;
    let mut client = ingest.client(KEY).await;
    eventually("the key is refused", async || {
        let answer = publish(&mut client, [track("A").json()]).await;
        answer.is_err_and(|status| status.code() == Code::Unauthenticated).then_some(())
    })
    .await;
    let status = stream.send(2, [track("B").json()]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(publish(&mut ingest.client("wk_new").await, [track("A").json()]).await.is_ok());
}
