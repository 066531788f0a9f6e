//! What a mapping makes of events, and what its receiver says.

use signalpost_core::secret::Secret;
use signalpost_core::signature::Signer;
use signalpost_proto::v1::event::Form;
use signalpost_proto::v1::{AttemptOutcome, Event, PreviewRequest, Role, SendTestRequest};
use signalpost_testkit::{Answer, receiver};

use crate::setup::{Admin, ORDERS, ROOT, shop};

fn event(json: &str) -> Event {
    Event { form: Some(Form::Json(json.to_owned().into())), ..Event::default() }
}

#[tokio::test]
async fn a_preview_tells_the_verdict_the_payload_and_the_exact_request() {
    let (admin, mut client) = Admin::with_shop().await;
    let request = PreviewRequest {
        mapping: ORDERS.to_owned(),
        fields_json: Some(
            r#"{"url":"https://receiver.example/x","data":{"n":{"@path":"$.properties.n"}}}"#.to_owned(),
        ),
        events: vec![
            event(r#"{"type":"track","event":"A","userId":"u","properties":{"n":1.0}}"#),
            event(r#"{"type":"page","userId":"u"}"#),
            event(r#"{"type":"nothing"}"#),
        ],
        ..PreviewRequest::default()
    };
    let told = client.preview(request.clone()).await.unwrap().into_inner();
    let verdicts: Vec<_> = told.events.iter().map(|one| (one.is_wanted, one.payload.as_deref())).collect();
    assert_eq!(verdicts, [(true, Some(r#"{"n":1}"#)), (false, None), (false, None)]);
    assert!(
        told.events[1].why.iter().any(|line| line.contains("it is \"page\"")),
        "{:?}",
        told.events[1].why
    );
    assert!(told.events[2].problem.contains("refused"), "{}", told.events[2].problem);
    assert_eq!((told.requests.len(), told.requests[0].url.as_str()), (1, "https://receiver.example/x"));
    assert_eq!(told.requests[0].event_indexes, [0]);
    let signature = |told: &signalpost_proto::v1::PreviewResponse| {
        let headers = told.requests[0].headers.iter();
        headers.clone().find(|header| header.name == "x-signature").unwrap().value.clone()
    };
    let signed = Signer::new(&Secret::new("hush-shared-secret")).sign(br#"{"n":1}"#);
    assert_eq!(signature(&told), signed);
    // Whoever may only look gets no signature over a body of their choice.
    let mut viewer = admin.client_of(Role::Viewer).await;
    assert_eq!(signature(&viewer.preview(request).await.unwrap().into_inner()), "***");
}

#[tokio::test]
async fn a_test_reaches_the_receiver_once_marked_and_shows_its_answer() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(503));
    let admin = Admin::start().await;
    let mut client = admin.client(ROOT).await;
    shop(&mut client, &receiver.url("/hook")).await;
    let test = SendTestRequest { mapping: ORDERS.to_owned(), event: None };
    let told = client.send_test(test).await.unwrap().into_inner();
    assert_eq!((told.status, told.outcome()), (503, AttemptOutcome::Retryable));
    assert!(told.error.contains("503"), "{}", told.error);
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].headers["x-signalpost-test"], "true");
    assert_eq!(requests[0].body, told.request.unwrap().body);
    assert_eq!(admin.count("SELECT count(*) FROM signalpost.attempts").await, 0);
    assert_eq!(admin.count("SELECT count(*) FROM signalpost.audit_log WHERE action = 'lane.test'").await, 1);
}

#[tokio::test]
async fn a_test_obeys_the_address_rules() {
    let (admin, mut client) = Admin::with_shop().await;
    admin.execute("UPDATE signalpost.mappings SET fields = '{\"url\":\"http://10.0.0.1/\",\"method\":\"POST\",\"data\":{}}'").await;
    let test = SendTestRequest { mapping: ORDERS.to_owned(), event: None };
    let told = client.send_test(test).await.unwrap().into_inner();
    assert_eq!(told.status, 0);
    assert!(told.error.contains("10.0.0.1"), "{}", told.error);
}
