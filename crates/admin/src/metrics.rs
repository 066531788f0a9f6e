//! Metrics: what the control API counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfCall {
    /// One of those in the table of roles.
    pub(crate) call: String,
}

/// The control API's metrics. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) grpc: signalpost_grpc::Metrics,
    pub(crate) calls: Family<OfCall, Counter>,
    pub(crate) unauthenticated: Counter,
    pub(crate) not_allowed: Counter,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("signalpost_admin");
        let metrics = Self {
            grpc: signalpost_grpc::Metrics::register(registry),
            calls: Family::default(),
            unauthenticated: Counter::default(),
            not_allowed: Counter::default(),
        };
        registry.register(
            "calls",
            "Calls of the control API that were let in, by call",
            metrics.calls.clone(),
        );
        registry.register(
            "unauthenticated",
            "Calls refused for want of a valid admin token",
            metrics.unauthenticated.clone(),
        );
        registry.register(
            "not_allowed",
            "Calls refused because the token's role is too low",
            metrics.not_allowed.clone(),
        );
        metrics
    }

    /// One of what is shown by call: for the reference, which lists what there can be.
    #[doc(hidden)]
    pub fn exemplify(&self) {
        let _zero = self.calls.get_or_create(&OfCall { call: String::from("Call") });
    }
}
