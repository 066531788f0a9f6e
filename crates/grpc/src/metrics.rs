//! Metrics: what every gRPC service counts of its connections. They are registered under the service's own prefix.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use signalpost_telemetry::metrics::{Make as _, begin};

/// Why a client could not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// It spoke plain text where TLS is served, or TLS where plain text is.
    Protocol,
    /// It showed no certificate, or one that is not accepted.
    Certificate,
    /// It does not trust the server's certificate.
    Distrust,
    /// It took too long, or too many others came at the same time.
    Timeout,
    /// Anything else.
    Other,
}

impl Reason {
    const ALL: [Self; 5] = [Self::Protocol, Self::Certificate, Self::Distrust, Self::Timeout, Self::Other];
}

impl EncodeLabelValue for Reason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let word = match self {
            Self::Protocol => "protocol",
            Self::Certificate => "certificate",
            Self::Distrust => "distrust",
            Self::Timeout => "timeout",
            Self::Other => "other",
        };
        EncodeLabelValue::encode(&word, encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfReason {
    pub reason: Reason,
}

/// A service's connections and guard. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(crate) connections: Gauge,
    pub(crate) handshakes_failed: Family<OfReason, Counter>,
    pub(crate) certificate_ends: Gauge,
    pub(crate) guarded: Counter,
}

impl Metrics {
    /// Makes the metrics and registers them; `registry` is the service's own, with its prefix.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            connections: registry.make("connections", "Client connections that are open"),
            handshakes_failed: registry.make(
                "handshakes_failed",
                "Connections that failed before their first call, by reason: protocol, certificate, distrust, timeout, other",
            ),
            certificate_ends: registry.make_in(
                Unit::Seconds,
                "certificate_ends_timestamp",
                "When the certificate in use ends, as Unix time; 0 without TLS",
            ),
            guarded: registry.make(
                "guarded",
                "Calls refused unread after too many wrong credentials from their address",
            ),
        };
        begin(&metrics.handshakes_failed, Reason::ALL.map(|reason| OfReason { reason }));
        metrics
    }
}
