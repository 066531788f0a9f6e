//! Groups: ingest's metrics by what they are about, each with its name, its help and its first values.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use signalpost_telemetry::metrics::{Buckets, Make as _, OfMapping, OfOutcome, OfReason, begin};

use super::{Arc, Metrics, OUTCOMES, OfVerdict, Refusal, Turned, VERDICTS, Working};

/// Buckets of every duration.
const BUCKETS: u16 = 15;
/// Buckets of the requests that share a commit.
const REQUESTS: Buckets = Buckets { unit: None, first: 1.0, factor: 2.0, count: 12 };

/// Events and the payloads made of them.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    pub(crate) verdicts: Family<OfVerdict, Counter>,
    pub(crate) refused: Family<OfReason, Counter>,
    pub(crate) mapped_payloads: Counter,
    pub(crate) unmapped_payloads: Family<OfMapping, Counter>,
    pub(crate) queued_payloads: Counter,
    pub(crate) refused_calls: Family<OfReason, Counter>,
}

impl Events {
    fn register(ours: &mut Registry) -> Self {
        Self {
            verdicts: ours.make("events", "Events by verdict: accepted, refused, unwanted (accepted as well, and no mapping wants them)"),
            refused: ours.make("refused_events", "Refused events by reason: not_an_event, too_large, field, time"),
            mapped_payloads: ours.make("mapped_payloads", "Payloads made: one for each event and mapping that wants it"),
            unmapped_payloads: ours.make("unmapped_payloads", "Payloads that could not be made, recorded in rejected_events, by mapping"),
            queued_payloads: ours.make("queued_payloads", "Payloads whose commit succeeded: each is delivered at least once, or buried"),
            refused_calls: ours.make("refused_calls", "Calls and messages refused as a whole, by reason: unauthenticated, invalid, no_event_accepted, waiting_full, \
             reading_full, queue_full, unavailable"),
        }
    }
}

/// What is queued, and what was refused for it.
#[derive(Debug, Clone)]
pub(crate) struct Depth {
    pub(crate) queue_refused: Family<OfMapping, Counter>,
    pub(crate) queue_full: Family<OfMapping, Gauge>,
    pub(crate) queued_events: Gauge,
    pub(crate) queued_bytes: Gauge,
    pub(crate) queued_ratio: Gauge<f64, AtomicU64>,
    pub(crate) lane_queued_events: Family<OfMapping, Gauge>,
    pub(crate) lane_queued_bytes: Family<OfMapping, Gauge>,
}

impl Depth {
    fn register(ours: &mut Registry) -> Self {
        Self {
            queue_refused: ours.make("queue_refused", "Requests refused because the queue of a mapping, or of all, was full"),
            queue_full: ours.make("queue_full", "1 while requests are refused because the queue of a mapping, or of all, is full"),
            queued_events: ours.make("queued_events", "Events queued in all, nearly; each ingest says the same"),
            queued_bytes: ours.make_in(Unit::Bytes, "queued", "Bytes queued in all as they will be sent, nearly; each ingest says the same"),
            queued_ratio: ours.make_in(Unit::Other(String::from("ratio")), "queued", "Which part of queued_events_max or queued_bytes_max is queued, whichever is nearer to its limit"),
            lane_queued_events: ours.make("lane_queued_events", "Events queued in a lane, nearly, by mapping: the 500 fullest lanes; each ingest says the same"),
            lane_queued_bytes: ours.make_in(Unit::Bytes, "lane_queued", "Bytes queued in a lane, nearly, by mapping: the 500 fullest lanes; each ingest says the same"),
        }
    }
}

/// Requests and the commits that they share.
#[derive(Debug, Clone)]
pub(crate) struct Commits {
    pub(crate) request_duration: Histogram,
    pub(crate) outcomes: Family<OfOutcome, Counter>,
    pub(crate) duration: Histogram,
    pub(crate) requests: Histogram,
}

impl Commits {
    fn register(ours: &mut Registry) -> Self {
        Self {
            request_duration: ours.make_histogram(
                Buckets::seconds(BUCKETS),
                "request_duration",
                "Time from reading a request, or a message of a stream, to its acknowledgement",
            ),
            outcomes: ours.make("commits", "Commits by outcome: committed, unavailable, failed"),
            duration: ours.make_histogram(
                Buckets::seconds(BUCKETS),
                "commit_duration",
                "Time one commit took",
            ),
            requests: ours.make_histogram(REQUESTS, "commit_requests", "Requests that shared one commit"),
        }
    }
}

/// What is in memory.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    pub(crate) reading_bytes: Gauge,
    pub(crate) waiting_bytes: Gauge,
    pub(crate) streams: Gauge,
}

impl Memory {
    fn register(ours: &mut Registry) -> Self {
        Self {
            reading_bytes: ours.make_in(
                Unit::Bytes,
                "reading",
                "Bytes reserved for requests that are being read",
            ),
            waiting_bytes: ours.make_in(
                Unit::Bytes,
                "waiting",
                "Bytes reserved by requests that are not committed yet",
            ),
            streams: ours.make("streams", "Streams that are open"),
        }
    }
}

/// What it works with.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) catalog_version: Gauge,
    pub(crate) mappings_broken: Gauge,
    pub(crate) ready: Gauge,
}

impl Standing {
    fn register(ours: &mut Registry) -> Self {
        Self {
            catalog_version: ours.make("catalog_version", "Version of the configuration in use"),
            mappings_broken: ours.make(
                "mappings_broken",
                "Enabled mappings that do not compile; events for them go to rejected_events",
            ),
            ready: ours.make("ready", "1 while Postgres answers and the configuration is loaded, else 0"),
        }
    }
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let ours = registry.sub_registry_with_prefix("signalpost_ingest");
        let metrics = Self {
            grpc: signalpost_grpc::Metrics::register(ours),
            events: Events::register(ours),
            depth: Depth::register(ours),
            commits: Commits::register(ours),
            memory: Memory::register(ours),
            standing: Standing::register(ours),
            committing: Arc::new(Working::default()),
        };
        metrics.begin();
        metrics
    }

    fn begin(&self) {
        begin(&self.events.verdicts, VERDICTS.map(|verdict| OfVerdict { verdict }));
        begin(&self.events.refused, Refusal::CLASSES.map(|reason| OfReason { reason }));
        let turned = Turned::ALL.map(Turned::as_str);
        begin(&self.events.refused_calls, turned.map(|reason| OfReason { reason }));
        begin(&self.commits.outcomes, OUTCOMES.map(|outcome| OfOutcome { outcome }));
    }

    /// One of everything that is shown by mapping: for the reference, which lists what there can be.
    #[doc(hidden)]
    pub fn exemplify(&self) {
        for family in [&self.events.unmapped_payloads, &self.depth.queue_refused] {
            begin(family, [OfMapping::example()]);
        }
        for family in [&self.depth.queue_full, &self.depth.lane_queued_events, &self.depth.lane_queued_bytes]
        {
            begin(family, [OfMapping::example()]);
        }
    }
}
