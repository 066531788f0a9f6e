//! Trace: a [`Traceparent`] as the tracing library has it, and back.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use signalpost_core::trace::Traceparent;

/// The span of somebody else that a traceparent names.
pub fn remote(told: &Traceparent) -> SpanContext {
    SpanContext::new(
        TraceId::from(told.trace_id),
        SpanId::from(told.span_id),
        if told.is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() },
        true,
        TraceState::NONE,
    )
}

/// What names a span of ours to others.
pub fn told(context: &SpanContext) -> Traceparent {
    Traceparent {
        trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(context.span_id().to_bytes()),
        is_sampled: context.is_sampled(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_tells_is_what_others_are_told() {
        for is_sampled in [false, true] {
            let caller = Traceparent { trace_id: 0x4bf9_2f35, span_id: 0x00f0_67aa, is_sampled };
            assert_eq!(told(&remote(&caller)), caller);
        }
    }
}
