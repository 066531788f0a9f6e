//! Traces: what a stand-in for an OpenTelemetry collector hears of a call, its commit and its attempts.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use signalpost_proto::v1::event::Form;
use signalpost_proto::v1::ingest_service_client::IngestServiceClient;
use signalpost_proto::v1::{Event, PublishRequest};
use signalpost_testkit::{Answer, Recorded, event, eventually, postgres, receiver};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::support::{Stand, WRITE_KEY};

/// Takes whatever is exported.
#[derive(Clone, Default)]
struct Collector {
    heard: Arc<Mutex<Vec<Span>>>,
    serving: Arc<Mutex<JoinSet<Result<(), tonic::transport::Error>>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scopes =
            request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        self.heard.lock().expect("no panic").extend(scopes.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Starts one; its URL.
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(self.clone()));
        let serving = server.serve_with_incoming(TcpListenerStream::new(listener));
        self.serving.lock().expect("no panic").spawn(serving);
        url
    }

    /// All spans of this name, once there are so many.
    async fn spans(&self, name: &str, count: usize) -> Vec<Span> {
        eventually(&format!("{count} spans called {name}"), async || {
            let spans = self.heard.lock().expect("no panic");
            let found: Vec<Span> = spans.iter().filter(|span| span.name.contains(name)).cloned().collect();
            (found.len() >= count).then_some(found)
        })
        .await
    }
}

/// A stand whose processes trace what their callers trace.
async fn stand(collector: &Collector) -> Stand {
    let mut stand = Stand::new(&postgres().await.url);
    stand.variables = vec![
        ("SIGNALPOST_TRACES__ENDPOINT", collector.start().await),
        ("SIGNALPOST_TRACES__SAMPLE_RATIO", "0".to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
    ];
    stand
}

/// A call with one order, as part of the caller's span `number`.
async fn publish(stand: &Stand, number: u64) {
    let mut client =
        eventually("a connection", async || IngestServiceClient::connect(stand.grpc_url()).await.ok()).await;
    let json = event::order(&format!("m-{number}"), 1).json().into_bytes().into();
    let events = vec![Event { form: Some(Form::Json(json)), ..Event::default() }];
    let mut request = Request::new(PublishRequest { events, all_or_nothing: false });
    let metadata = request.metadata_mut();
    metadata.insert("authorization", format!("Bearer {WRITE_KEY}").parse().expect("legal metadata"));
    metadata.insert("traceparent", traceparent(number).parse().expect("legal metadata"));
    client.publish(request).await.expect("it is accepted");
}

fn traceparent(number: u64) -> String {
    format!("00-{:032x}-{:016x}-01", trace_id(number), number)
}

fn trace_id(number: u64) -> u128 {
    0xabc0_0000 + u128::from(number)
}

fn header_of(span: &Span) -> String {
    format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn track(url: &str, more: &str) -> String {
    format!("{{ url = '{url}' {more} }}")
}

#[tokio::test]
async fn a_call_its_commit_and_every_attempt_are_one_trace() {
    let (collector, receiver) = (Collector::default(), receiver().await);
    let mut stand = stand(&collector).await;
    stand.delivery = "propagate_traceparent = true, retry = { base = '10ms' },";
    let failures = Mutex::new(1..=1);
    receiver.script(move |_: &Recorded| {
        Answer::status(if failures.lock().unwrap().next().is_some() { 503 } else { 200 })
    });
    stand.apply(&[("orders", r#"type = "track""#, &track(&receiver.url("/"), ""))]);
    let _process = stand.start("serve").await;
    publish(&stand, 7).await;

    let requests = receiver.wait_for(2).await;
    let call = &collector.spans("IngestService/Publish", 1).await[0];
    assert_eq!(hex(&call.trace_id), format!("{:032x}", trace_id(7)), "the caller's trace is taken over");
    assert_eq!(hex(&call.parent_span_id), format!("{:016x}", 7));
    let commit = &collector.spans("commit", 1).await[0];
    assert_eq!((&commit.trace_id, &commit.parent_span_id), (&call.trace_id, &call.span_id));
    let attempts = collector.spans("attempt", 2).await;
    for (attempt, request) in attempts.iter().zip(&requests) {
        assert_eq!((&attempt.trace_id, &attempt.parent_span_id), (&call.trace_id, &call.span_id));
        assert_eq!(request.header("traceparent"), Some(header_of(attempt).as_str()));
    }
    let failed = attempts[0].status.as_ref().unwrap();
    assert!(failed.message.contains("503"), "{failed:?}");
}

#[tokio::test]
async fn an_attempt_that_joins_the_events_of_many_calls_is_linked_to_each() {
    let (collector, receiver) = (Collector::default(), receiver().await);
    let mut stand = stand(&collector).await;
    stand.delivery = "propagate_traceparent = true,";
    stand.apply(&[("orders", r#"type = "track""#, &track(&receiver.url("/"), ", enable_batching = true"))]);
    let _ingest = stand.start("ingest").await;
    publish(&stand, 1).await;
    publish(&stand, 2).await;
    let _dispatcher = stand.start("dispatcher").await;

    let request = &receiver.wait_for(1).await[0];
    assert_eq!(request.events().len(), 2);
    let calls = collector.spans("IngestService/Publish", 2).await;
    let attempt = &collector.spans("attempt", 1).await[0];
    let mut linked: Vec<_> = attempt.links.iter().map(|link| (&link.trace_id, &link.span_id)).collect();
    let mut called: Vec<_> = calls.iter().map(|call| (&call.trace_id, &call.span_id)).collect();
    linked.sort_unstable();
    called.sort_unstable();
    assert_eq!(linked, called);
    assert!(attempt.parent_span_id.is_empty(), "it has a trace of its own");
    assert_eq!(request.header("traceparent"), Some(header_of(attempt).as_str()));
}

#[tokio::test]
async fn without_traces_a_receiver_is_told_the_callers_when_it_asks_and_nothing_when_not() {
    for (asks, told) in [("propagate_traceparent = true,", Some(traceparent(3))), ("", None)] {
        let (mut stand, receiver) = (Stand::new(&postgres().await.url), receiver().await);
        stand.delivery = asks;
        stand.apply(&[("orders", r#"type = "track""#, &track(&receiver.url("/"), ""))]);
        let _process = stand.start("serve").await;
        publish(&stand, 3).await;
        assert_eq!(receiver.wait_for(1).await[0].header("traceparent"), told.as_deref());
    }
}

#[tokio::test]
async fn a_collector_that_is_away_costs_its_spans_and_nothing_else() {
    let (mut stand, receiver) = (Stand::new(&postgres().await.url), receiver().await);
    stand.variables = vec![
        ("SIGNALPOST_TRACES__ENDPOINT", "http://127.0.0.1:9".to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
    ];
    stand.apply(&[("orders", r#"type = "track""#, &track(&receiver.url("/"), ""))]);
    let process = stand.start("serve").await;
    publish(&stand, 5).await;
    receiver.wait_for(1).await;
    eventually("it is said", async || process.log().contains("traces can't be sent").then_some(())).await;
    assert_eq!(process.terminate().await, Some(0));
}
