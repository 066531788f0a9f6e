//! Metrics: what ingest counts, all under `signalpost_ingest_`.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Verdict {
    Accepted,
    Refused,
    Unwanted,
}

/// How a commit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum CommitOutcome {
    Committed,
    Unavailable,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfVerdict {
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfCommit {
    pub outcome: CommitOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfMapping {
    /// "source/destination/mapping": as many as are configured.
    pub mapping: String,
}

/// Ingest's metrics. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) grpc: signalpost_grpc::Metrics,
    pub(crate) events: Family<OfVerdict, Counter>,
    pub(crate) payloads: Counter,
    pub(crate) unmapped: Family<OfMapping, Counter>,
    pub(crate) unauthenticated: Counter,
    pub(crate) exhausted: Counter,
    pub(crate) queue_refused: Family<OfMapping, Counter>,
    pub(crate) queue_full: Family<OfMapping, Gauge>,
    pub(crate) queued_events: Gauge,
    pub(crate) queued_bytes: Gauge,
    pub(crate) request_duration: Histogram,
    pub(crate) commits: Family<OfCommit, Counter>,
    pub(crate) commit_duration: Histogram,
    pub(crate) commit_requests: Histogram,
    pub(crate) reading_bytes: Gauge,
    pub(crate) waiting_bytes: Gauge,
    pub(crate) streams: Gauge,
    pub(crate) catalog_version: Gauge,
    pub(crate) mappings_broken: Gauge,
    pub(crate) ready: Gauge,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("signalpost_ingest");
        let metrics = Self::new(signalpost_grpc::Metrics::register(registry));
        registry.register(
            "events",
            "Events by what became of them: accepted events that no mapping wants count as unwanted",
            metrics.events.clone(),
        );
        registry.register(
            "payloads",
            "Payloads queued: one for each event and mapping that wants it",
            metrics.payloads.clone(),
        );
        registry.register(
            "unmapped",
            "Payloads that could not be made, recorded in rejected_events, by mapping",
            metrics.unmapped.clone(),
        );
        registry.register(
            "unauthenticated",
            "Calls refused for want of a valid write key",
            metrics.unauthenticated.clone(),
        );
        registry.register(
            "exhausted",
            "Calls refused because too much was waiting",
            metrics.exhausted.clone(),
        );
        metrics.register_depth(registry);
        registry.register_with_unit(
            "request_duration",
            "Time from reading a request, or a message of a stream, to its acknowledgement",
            Unit::Seconds,
            metrics.request_duration.clone(),
        );
        registry.register("commits", "Commits by how they ended", metrics.commits.clone());
        registry.register_with_unit(
            "commit_duration",
            "Time one commit took",
            Unit::Seconds,
            metrics.commit_duration.clone(),
        );
        registry.register(
            "commit_requests",
            "Requests that shared one commit",
            metrics.commit_requests.clone(),
        );
        registry.register_with_unit(
            "reading",
            "Bytes reserved for requests that are being read",
            Unit::Bytes,
            metrics.reading_bytes.clone(),
        );
        registry.register_with_unit(
            "waiting",
            "Bytes reserved by requests that are not committed yet",
            Unit::Bytes,
            metrics.waiting_bytes.clone(),
        );
        registry.register("streams", "Streams that are open", metrics.streams.clone());
        registry.register(
            "catalog_version",
            "Version of the configuration in use",
            metrics.catalog_version.clone(),
        );
        registry.register(
            "mappings_broken",
            "Enabled mappings that do not compile; events for them go to rejected_events",
            metrics.mappings_broken.clone(),
        );
        registry.register(
            "ready",
            "1 while Postgres answers and the configuration is loaded, else 0",
            metrics.ready.clone(),
        );
        metrics
    }

    fn register_depth(&self, registry: &mut Registry) {
        registry.register(
            "queue_refused",
            "Requests refused because the queue of a mapping, or of all, was full",
            self.queue_refused.clone(),
        );
        registry.register(
            "queue_full",
            "1 while requests are refused because the queue of a mapping, or of all, is full",
            self.queue_full.clone(),
        );
        registry.register("queued_events", "Events queued in all, nearly", self.queued_events.clone());
        registry.register_with_unit(
            "queued",
            "Bytes queued in all as they will be sent, nearly",
            Unit::Bytes,
            self.queued_bytes.clone(),
        );
    }

    fn new(grpc: signalpost_grpc::Metrics) -> Self {
        Self {
            grpc,
            events: Family::default(),
            payloads: Counter::default(),
            unmapped: Family::default(),
            unauthenticated: Counter::default(),
            exhausted: Counter::default(),
            queue_refused: Family::default(),
            queue_full: Family::default(),
            queued_events: Gauge::default(),
            queued_bytes: Gauge::default(),
            request_duration: Histogram::new(exponential_buckets(0.000_5, 2.0, 15)),
            commits: Family::default(),
            commit_duration: Histogram::new(exponential_buckets(0.000_5, 2.0, 15)),
            commit_requests: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            reading_bytes: Gauge::default(),
            waiting_bytes: Gauge::default(),
            streams: Gauge::default(),
            catalog_version: Gauge::default(),
            mappings_broken: Gauge::default(),
            ready: Gauge::default(),
        }
    }
}
