//! What is accepted is stored as the mappings say.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{Struct, Timestamp, Value};
use serde_json::json;
use signalpost_proto::v1::event::Form;
use signalpost_proto::v1::{Event, PublishRequest, Track, problem};
use signalpost_testkit::event::{identify, orders, track};

use crate::setup::{Ingest, KEY, mapping, whole};

const ORDERS: &str = r#"type = "track" and event = "Order Completed""#;
const TRACKS: &str = r#"type = "track""#;

#[tokio::test]
async fn accepted_events_are_stored_before_they_are_acknowledged() {
    let ingest = Ingest::with(vec![whole("orders", ORDERS)]).await;
    let receipt = ingest.publish(orders("m", 100).map(|order| order.json())).await.unwrap();
    assert_eq!((receipt.accepted, receipt.queued, receipt.problems.len()), (100, 100, 0));
    let rows = ingest.queued().await;
    assert_eq!((rows.len(), rows[0].1), (1, 100));
    assert_eq!(ingest.queued_ids().await, (0..100).map(|number| format!("m-{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_event_no_mapping_wants_stores_nothing() {
    let ingest = Ingest::with(vec![whole("orders", ORDERS)]).await;
    let receipt = ingest.publish([identify("u-1").json()]).await.unwrap();
    assert_eq!((receipt.accepted, receipt.unwanted, receipt.queued), (1, 1, 0));
    assert!(ingest.queued().await.is_empty());
}

#[tokio::test]
async fn a_mapping_that_is_disabled_gets_nothing() {
    let mut off = whole("off", TRACKS);
    off.enabled = false;
    let ingest = Ingest::with(vec![off, whole("on", TRACKS)]).await;
    ingest.publish([track("A").json()]).await.unwrap();
    let names: Vec<_> = ingest.queued().await.into_iter().map(|row| row.0).collect();
    assert_eq!(names, ["on"]);
}

#[tokio::test]
async fn without_batching_a_row_bounds_what_a_crash_can_repeat() {
    let single = mapping("single", TRACKS, json!({ "data": { "name": { "@path": "$.event" } } }));
    let ingest = Ingest::with(vec![single]).await;
    ingest.publish((0..60).map(|number| track(&format!("e-{number}")).json())).await.unwrap();
    let rows = ingest.queued().await;
    assert_eq!(rows.iter().map(|row| row.1).collect::<Vec<_>>(), [25, 25, 10]);
    assert_eq!(rows[2].2[9], json!({ "name": "e-59" }));
}

#[tokio::test]
async fn payloads_with_different_targets_do_not_share_a_row() {
    let by_event = json!({
        "enable_batching": true,
        "url": { "@template": "https://receiver.example/{{event}}" },
        "data": { "@path": "$.properties" },
    });
    let ingest = Ingest::with(vec![mapping("by-event", TRACKS, by_event)]).await;
    let events = ["a", "b", "a"].map(|name| track(name).property("at", name).json());
    ingest.publish(events).await.unwrap();
    let rows = ingest.queued().await;
    assert_eq!(rows.iter().map(|row| row.1).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(rows[0].2, json!([{ "at": "a" }, { "at": "a" }]));
}

#[tokio::test]
async fn a_mapping_that_fails_is_recorded_and_the_others_get_the_event() {
    let failing = mapping("failing", TRACKS, json!({ "url": { "@path": "$.properties.url" } }));
    let ingest = Ingest::with(vec![failing, whole("whole", TRACKS)]).await;
    let receipt = ingest.publish([track("A").id("m-1").json()]).await.unwrap();
    assert_eq!((receipt.accepted, receipt.queued, receipt.unmapped), (1, 1, 1));
    let problem = &receipt.problems[0];
    assert_eq!(problem.kind(), problem::Kind::Unmapped);
    assert_eq!((problem.message_id.as_str(), problem.mapping.as_str()), ("m-1", "warehouse/failing"));
    let (message_id, reason, event): (String, String, String) =
        sqlx::query_as("SELECT message_id, reason, event FROM signalpost.rejected_events")
            .fetch_one(ingest.storage.pool())
            .await
            .unwrap();
    assert_eq!((message_id.as_str(), reason.as_str()), ("m-1", problem.reason.as_str()));
    assert!(event.contains(r#""event":"A""#), "{event}");
    assert_eq!(ingest.queued().await[0].0, "whole");
}

#[tokio::test]
async fn a_message_id_with_a_nul_does_not_fail_the_commit() {
    let failing = mapping("failing", TRACKS, json!({ "url": { "@path": "$.properties.url" } }));
    let ingest = Ingest::with(vec![failing]).await;
    let receipt = ingest.publish([track("A").id("m\u{0}1").json()]).await.unwrap();
    assert_eq!(receipt.unmapped, 1);
}

#[tokio::test]
async fn a_typed_event_is_stored_like_its_json() {
    let wanted = json!({
        "enable_batching": true,
        "data": { "@path": "$." },
    });
    let ingest = Ingest::with(vec![mapping("whole", TRACKS, wanted)]).await;
    let total = Value { kind: Some(Kind::NumberValue(58.5)) };
    let typed = Event {
        form: Some(Form::Track(Track {
            event: "Order Completed".to_owned(),
            properties: Some(Struct { fields: BTreeMap::from([("total".to_owned(), total)]) }),
        })),
        message_id: "m-1".to_owned(),
        user_id: "u-1".to_owned(),
        timestamp: Some(Timestamp { seconds: 1_795_000_000, nanos: 0 }),
        ..Event::default()
    };
    let request = PublishRequest { events: vec![typed], all_or_nothing: false };
    ingest.client(KEY).await.publish(request).await.unwrap();
    let json = track("Order Completed")
        .id("m-1")
        .property("total", 58.5)
        .with("timestamp", "2026-11-18T11:06:40.000Z");
    ingest.publish([json.json()]).await.unwrap();
    let rows = ingest.queued().await;
    let [mut typed, mut json] = [&rows[0], &rows[1]].map(|row| row.2[0].clone());
    for event in [&mut typed, &mut json] {
        assert!(event.as_object_mut().unwrap().remove("receivedAt").is_some());
    }
    assert_eq!(typed, json);
}

#[tokio::test]
async fn a_missing_message_id_is_made() {
    let ingest = Ingest::with(vec![whole("whole", TRACKS)]).await;
    ingest.publish([track("A").json(), track("B").json()]).await.unwrap();
    let ids = ingest.queued_ids().await;
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}
