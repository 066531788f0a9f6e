//! Why an event did not arrive.

use signalpost_proto::v1::event::Form;
use signalpost_proto::v1::{Event, EventFate, ExplainRequest, Explanation};
use tonic::Code;

use crate::setup::{Admin, Client, ORDERS, fields};

async fn fate(client: &mut Client, message_id: &str, event: Option<&str>) -> Explanation {
    let event =
        event.map(|json| Event { form: Some(Form::Json(json.to_owned().into())), ..Event::default() });
    let request = ExplainRequest {
        message_id: message_id.to_owned(),
        source: "shop".to_owned(),
        event,
        ..ExplainRequest::default()
    };
    let told = client.explain(request).await.unwrap().into_inner();
    assert!(told.summary.contains(message_id), "{}", told.summary);
    told.explanations.into_iter().next().unwrap()
}

#[tokio::test]
async fn an_event_is_found_where_it_is() {
    let (admin, mut client) = Admin::with_shop().await;
    admin.queue(1, r#"[{"messageId":"m-queued"}]"#).await;
    admin
        .execute(
            "INSERT INTO signalpost.rejected_events (mapping_id, message_id, path, reason, event)
             SELECT id, 'm-rejected', '/data/x', 'it is no number', '{}' FROM signalpost.mappings;
             INSERT INTO signalpost.dead_batches (mapping_id, position, event_count, payload, attempts, enqueued_at, reason,
                                                  last_error, batch_id)
             SELECT id, 7, 1, '[{\"messageId\":\"m-dead\"}]', 3, now() - interval '1 minute', 'rejected',
                    'the receiver answered 400', '00000000-0000-0000-0000-000000000007' FROM signalpost.mappings;
             INSERT INTO signalpost.attempts (mapping_id, started_at, batch_id, attempt, outcome, status, event_count,
                                              body_bytes, latency_ms)
             SELECT id, now(), '00000000-0000-0000-0000-000000000007', 3, 'rejected', 400, 1, 1, 1 FROM signalpost.mappings",
        )
        .await;
    let queued = fate(&mut client, "m-queued", None).await;
    assert_eq!((queued.mapping.as_str(), queued.fate()), (ORDERS, EventFate::Queued));
    let rejected = fate(&mut client, "m-rejected", None).await;
    assert_eq!(rejected.fate(), EventFate::Unmapped);
    assert!(rejected.steps[0].contains("it is no number"), "{:?}", rejected.steps);
    let dead = fate(&mut client, "m-dead", None).await;
    assert_eq!((dead.fate(), dead.attempts.len()), (EventFate::Dead, 1));
    assert_eq!(dead.attempts[0].status, 400);
    assert_eq!(fate(&mut client, "m-gone", None).await.fate(), EventFate::NotFound);
}

#[tokio::test]
async fn with_the_event_at_hand_trigger_and_mapping_are_tried() {
    let (admin, mut client) = Admin::with_shop().await;
    let unwanted = fate(&mut client, "m-1", Some(r#"{"type":"page","userId":"u","messageId":"m-1"}"#)).await;
    assert_eq!(unwanted.fate(), EventFate::Unwanted);
    // A payload without the id cannot be found: that is said, and nothing is guessed.
    admin
        .execute("UPDATE signalpost.mappings SET fields = '{\"url\":\"https://a.example\",\"method\":\"POST\",\"data\":{\"a\":1}}'")
        .await;
    let event = r#"{"type":"track","event":"A","userId":"u","messageId":"m-2"}"#;
    let unknown = fate(&mut client, "m-2", Some(event)).await;
    assert_eq!(unknown.fate(), EventFate::Unspecified);
    assert!(
        unknown.steps.iter().any(|step| step.contains("does not hold the messageId")),
        "{:?}",
        unknown.steps
    );
    admin.execute("UPDATE signalpost.destinations SET enabled = false").await;
    assert_eq!(fate(&mut client, "m-3", None).await.fate(), EventFate::Disabled);
}

#[tokio::test]
async fn what_is_asked_for_must_be_there() {
    let (_admin, mut client) = Admin::with_shop().await;
    assert_eq!(fields(&client.explain(ExplainRequest::default()).await.unwrap_err()), ["message_id"]);
    let unknown = ExplainRequest {
        message_id: "m".to_owned(),
        mapping: "shop/warehouse/none".to_owned(),
        ..ExplainRequest::default()
    };
    assert_eq!(client.explain(unknown).await.unwrap_err().code(), Code::NotFound);
}
