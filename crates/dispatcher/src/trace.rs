//! Trace: the span of an attempt, for requests that carry events of calls that are traced.
//!
//! Invariants: a request without such events costs nothing here; a span ends with its attempt, also when that is cut off.

use http::header::{HeaderName, HeaderValue};
use opentelemetry::global::{self, BoxedSpan};
use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use signalpost_core::outcome::Outcome;
use signalpost_core::trace::Traceparent;
use signalpost_telemetry::trace;

use crate::attempt::Route;
use crate::lanes::action::{Attempted, Request};

/// What receivers are told.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// An attempt that is traced, or only tells where its events came from.
pub(crate) struct Span {
    span: Option<BoxedSpan>,
    told: Option<Traceparent>,
}

impl Span {
    /// One traced call: the attempt is a part of it. Several: a trace of its own that is linked to each.
    pub(crate) fn begin(request: &Request, route: &Route) -> Option<Self> {
        let calls: Vec<Traceparent> = Traceparent::list(request.traces.as_deref()?).collect();
        let told = || if let [only] = calls[..] { Some(only) } else { None };
        let sampled: Vec<SpanContext> =
            calls.iter().filter(|call| call.is_sampled).map(trace::remote).collect();
        let (parent, links) = match &sampled[..] {
            [] => return Some(Self { span: None, told: told() }),
            [only] => (Context::new().with_remote_span_context(only.clone()), Vec::new()),
            _ => (Context::new(), sampled.into_iter().map(|call| Link::new(call, Vec::new(), 0)).collect()),
        };
        let identity = request.identity;
        let builder = SpanBuilder::from_name("attempt")
            .with_kind(SpanKind::Client)
            .with_links(links)
            .with_attributes([
                KeyValue::new("signalpost.mapping", route.name.to_string()),
                KeyValue::new("signalpost.mapping_id", request.mapping_id),
                KeyValue::new("signalpost.batch_id", identity.batch_id.to_string()),
                KeyValue::new("signalpost.attempt", i64::from(identity.attempt)),
                KeyValue::new("signalpost.events", i64::from(request.events)),
            ]);
        let span = global::tracer("signalpost").build_with_context(builder, &parent);
        if span.is_recording() {
            let told = Some(trace::told(span.span_context()));
            Some(Self { span: Some(span), told })
        } else {
            Some(Self { span: None, told: told() })
        }
    }

    /// The header that tells the receiver.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.told?.to_string()).ok()
    }

    /// The attempt is over.
    pub(crate) fn end(self, attempted: &Attempted) {
        let Some(mut span) = self.span else { return };
        span.set_attribute(KeyValue::new("signalpost.outcome", attempted.outcome.as_str()));
        if let Some(status) = attempted.status {
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        }
        if attempted.outcome != Outcome::Delivered {
            span.set_status(Status::error(attempted.error.clone().unwrap_or_default()));
        }
        span.end();
    }
}
