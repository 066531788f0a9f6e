//! What is refused is said by index and field.

use signalpost_proto::v1::{PublishRequest, problem};
use signalpost_testkit::event::track;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic_types::StatusExt as _;

use crate::setup::{Ingest, KEY, event, publish, whole};

const TRACKS: &str = r#"type = "track""#;

fn good() -> String {
    track("A").id("good").json()
}

fn nobody() -> String {
    r#"{"type":"track","event":"A","messageId":"nobody"}"#.to_owned()
}

#[tokio::test]
async fn refused_events_are_listed_and_the_others_accepted() {
    let ingest = Ingest::with(vec![whole("whole", TRACKS)]).await;
    let receipt = ingest.publish([good(), nobody(), "{".to_owned()]).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused), (1, 2));
    let problem = &receipt.problems[0];
    assert_eq!((problem.index, problem.kind()), (1, problem::Kind::Refused));
    assert_eq!((problem.message_id.as_str(), problem.path.as_str()), ("nobody", "userId"));
    assert_eq!(receipt.problems[1].index, 2);
    assert_eq!(ingest.queued_ids().await, ["good"]);
}

#[tokio::test]
async fn a_call_whose_every_event_is_refused_fails_naming_event_and_field() {
    let ingest = Ingest::with(vec![whole("whole", TRACKS)]).await;
    let status = ingest.publish([nobody()]).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().starts_with("events[0].userId: "), "{}", status.message());
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "events[0].userId");
}

#[tokio::test]
async fn all_or_nothing_accepts_nothing_when_one_is_refused() {
    let ingest = Ingest::with(vec![whole("whole", TRACKS)]).await;
    let events = [good(), nobody()].map(event).to_vec();
    let request = PublishRequest { events, all_or_nothing: true };
    let status = ingest.client(KEY).await.publish(request).await.unwrap_err();
    assert!(status.message().starts_with("events[1].userId: "), "{}", status.message());
    assert!(ingest.queued().await.is_empty());
}

#[tokio::test]
async fn an_event_over_the_limit_is_refused_and_the_others_are_not() {
    let ingest = Ingest::with(vec![whole("whole", TRACKS)]).await;
    let large = track("A").property("text", "x".repeat(40_000)).json();
    let receipt = ingest.publish([large, good()]).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused), (1, 1));
    assert!(receipt.problems[0].reason.contains("32768"), "{}", receipt.problems[0].reason);
}

#[tokio::test]
async fn a_request_without_events_is_refused() {
    let ingest = Ingest::with(vec![]).await;
    let status = ingest.publish([]).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("at least one"), "{}", status.message());
}

#[tokio::test]
async fn a_request_with_too_many_events_is_refused_with_the_limit() {
    let ingest = Ingest::with(vec![]).await;
    let status = ingest.publish((0..10_001).map(|_| good())).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("10000"), "{}", status.message());
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_however_large() {
    let ingest = Ingest::with(vec![]).await;
    let filler = track("A").property("text", "x".repeat(30_000)).json();
    for megabytes in [45, 60, 120] {
        // Tenths: just over the limit, over what the transport reads at all, far over.
        let count = megabytes * 100_000 / filler.len();
        let status = ingest.publish((0..count).map(|_| filler.clone())).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains("bytes"), "{}", status.message());
    }
}

#[tokio::test]
async fn a_compressed_request_is_measured_unpacked() {
    let ingest = Ingest::with(vec![]).await;
    let mut client = ingest.client(KEY).await.send_compressed(CompressionEncoding::Gzip);
    assert_eq!(publish(&mut client, [good()]).await.unwrap().accepted, 1);
    let filler = track("A").property("text", "x".repeat(30_000)).json();
    let status = publish(&mut client, (0..300).map(|_| filler.clone())).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
}
