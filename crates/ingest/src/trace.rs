//! Trace: the span of a call, or of a message of a stream, and of its commit.
//!
//! Invariants: while traces are off a call costs one look at its metadata and no event costs anything; what a call's
//! events carry on to their attempts is its own span when that is recorded, else what the caller sent.

use opentelemetry::global::{self, BoxedSpan, BoxedTracer};
use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use signalpost_core::trace::Traceparent;
use signalpost_proto::v1::Receipt;
use signalpost_telemetry::trace::{remote, told};
use tonic::metadata::MetadataMap;

/// Begins the spans of calls.
pub(crate) struct Tracer(BoxedTracer);

impl Tracer {
    /// With whatever traces the process has begun; none, and every span is nothing.
    pub(crate) fn new() -> Self {
        Self(global::tracer("signalpost"))
    }

    /// A call, or a message of a stream, begins.
    pub(crate) fn begin(&self, name: &'static str, caller: Option<Traceparent>) -> Call {
        let parent = caller
            .map_or_else(Context::new, |caller| Context::new().with_remote_span_context(remote(&caller)));
        let builder = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_attributes([KeyValue::new("rpc.system", "grpc")]);
        let span = self.0.build_with_context(builder, &parent);
        Call { span: span.is_recording().then_some(span), caller }
    }

    /// The part of a call from its place in line to its commit.
    pub(crate) fn commit(&self, call: &Call) -> Option<BoxedSpan> {
        let parent = call.span.as_ref()?.span_context().clone();
        let parent = Context::new().with_remote_span_context(parent);
        Some(self.0.build_with_context(SpanBuilder::from_name("commit"), &parent))
    }
}

/// What the caller says of its own trace.
pub(crate) fn caller(metadata: &MetadataMap) -> Option<Traceparent> {
    Traceparent::parse(metadata.get("traceparent")?.to_str().ok()?)
}

/// A call under way. Its span ends when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Call {
    span: Option<BoxedSpan>,
    caller: Option<Traceparent>,
}

impl Call {
    /// Where its events come from.
    pub(crate) fn origin(&self) -> Option<Origin> {
        match &self.span {
            Some(span) => Some(Origin { traceparent: told(span.span_context()), is_recorded: true }),
            None => self.caller.map(|traceparent| Origin { traceparent, is_recorded: false }),
        }
    }

    /// What became of its events.
    pub(crate) fn received(&mut self, receipt: &Receipt) {
        let Some(span) = &mut self.span else { return };
        for (name, count) in [
            ("signalpost.accepted", receipt.accepted),
            ("signalpost.refused", receipt.refused),
            ("signalpost.unmapped", receipt.unmapped),
            ("signalpost.queued", receipt.queued),
        ] {
            span.set_attribute(KeyValue::new(name, i64::from(count)));
        }
    }

    /// It ends with an error.
    pub(crate) fn failed(&mut self, status: &tonic::Status) {
        let Some(span) = &mut self.span else { return };
        span.set_attribute(KeyValue::new("rpc.grpc.status_code", i64::from(i32::from(status.code()))));
        span.set_status(Status::error(status.message().to_owned()));
    }
}

/// Where events come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) traceparent: Traceparent,
    /// We record the call: its attempts are to be found in its trace.
    pub(crate) is_recorded: bool,
}
