//! Groups: the dispatcher's metrics by what they are about, each with its name, its help and its first values.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use signalpost_core::outcome::Outcome;
use signalpost_storage::BuryReason;
use signalpost_telemetry::metrics::{Buckets, Make as _, OfMapping, OfOutcome, OfReason, begin};

use super::{Arc, BEATS, Dropped, Metrics, OUTCOMES, OfDropped, Pulse, REASONS, RwLock};
use crate::lanes::action::Attempted;

/// Buckets of every duration.
const BUCKETS: u16 = 18;

/// Requests and what came of them.
#[derive(Debug)]
pub(crate) struct Attempts {
    count: Family<OfOutcome, Counter>,
    events: Family<OfOutcome, Counter>,
    duration: Histogram,
}

impl Attempts {
    fn register(ours: &mut Registry) -> Self {
        Self {
            count: ours.make("attempts", "Requests made, by outcome: delivered, retryable, rejected"),
            events: ours.make("events", "Events in those requests, by outcome"),
            duration: ours.make_histogram(
                Buckets::seconds(BUCKETS),
                "attempt_duration",
                "From starting a request to knowing its outcome",
            ),
        }
    }

    /// An attempt is over.
    pub(crate) fn made(&self, attempted: &Attempted, events: u32) {
        let label = |outcome: Outcome| OfOutcome { outcome: outcome.as_str() };
        self.count.get_or_create(&label(attempted.outcome)).inc();
        if attempted.each.is_empty() {
            self.events.get_or_create(&label(attempted.outcome)).inc_by(u64::from(events));
        }
        for event in &attempted.each {
            self.events.get_or_create(&label(event.outcome)).inc();
        }
        self.duration.observe(attempted.latency.as_secs_f64());
    }
}

/// What was recorded, and what was given up.
#[derive(Debug, Clone)]
pub(crate) struct Settlements {
    pub(crate) retried_events: Counter,
    pub(crate) buried_events: Family<OfReason, Counter>,
    pub(crate) overflowed_events: Family<OfMapping, Counter>,
    pub(crate) duration: Histogram,
    pub(crate) settled: Counter,
    pub(crate) stale: Counter,
}

impl Settlements {
    fn register(ours: &mut Registry) -> Self {
        Self {
            retried_events: ours
                .make("retried_events", "Events put back to be tried again, alone or in halves too"),
            buried_events: ours.make(
                "buried_events",
                "Events given up and kept as dead letters, by reason: rejected, expired, exhausted, overflow",
            ),
            overflowed_events: ours.make(
                "overflowed_events",
                "Events buried because their lane held more than it may, by mapping",
            ),
            duration: ours.make_histogram(
                Buckets::seconds(BUCKETS),
                "settle_duration",
                "How long recording outcomes took, per statement",
            ),
            settled: ours.make("settled", "Requests whose outcome was recorded"),
            stale: ours.make(
                "stale",
                "Outcomes that were not recorded because the partition has another owner by now",
            ),
        }
    }
}

/// What this dispatcher owns, and what it works with.
#[derive(Debug, Clone)]
pub(crate) struct Ownership {
    pub(crate) partitions: Gauge,
    pub(crate) partitions_unowned: Gauge,
    pub(crate) heartbeats: Family<OfOutcome, Counter>,
    pub(crate) owning: Gauge,
    pub(crate) clock_offset: Gauge<f64, AtomicU64>,
    pub(crate) catalog_version: Gauge,
    pub(crate) mappings_broken: Gauge,
    pub(crate) database_up: Gauge,
}

impl Ownership {
    fn register(ours: &mut Registry) -> Self {
        Self {
            partitions: ours.make("partitions", "Partitions this dispatcher owns, of 64"),
            partitions_unowned: ours.make(
                "partitions_unowned",
                "Partitions that no dispatcher owns, as Postgres has it; looked at every 15 seconds",
            ),
            heartbeats: ours.make(
                "heartbeats",
                "Heartbeats that renew the lease, by outcome: renewed, late (the lease was over), failed",
            ),
            owning: ours
                .make("owning", "1 while the lease is valid beyond doubt; 0: nothing is sent until it is"),
            clock_offset: ours.make_in(
                Unit::Seconds,
                "clock_offset",
                "By how much this machine's clock is ahead of Postgres's; it is sent as webhook-timestamp",
            ),
            catalog_version: ours.make("catalog_version", "Version of the configuration in use"),
            mappings_broken: ours
                .make("mappings_broken", "Mappings that do not compile: what is queued for them waits"),
            database_up: ours.make("database_up", "1 while Postgres answers"),
        }
    }
}

/// What is in memory.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    pub(crate) loaded_bytes: Gauge,
    pub(crate) unsettled: Gauge,
}

impl Memory {
    fn register(ours: &mut Registry) -> Self {
        Self {
            loaded_bytes: ours.make_in(Unit::Bytes, "loaded", "Bytes of queued rows in memory"),
            unsettled: ours.make("unsettled", "Requests under way or not recorded yet"),
        }
    }
}

/// What is done beside delivering.
#[derive(Debug, Clone)]
pub(crate) struct Housekeeping {
    pub(crate) dropped: Family<OfDropped, Counter>,
    pub(crate) failures: Counter,
    pub(crate) redriven_events: Counter,
}

impl Housekeeping {
    fn register(ours: &mut Registry) -> Self {
        Self {
            dropped: ours.make("dropped", "What was dropped because it was older than is kept: attempt_days, dead_batches, rejected_events"),
            failures: ours.make("housekeeping_failures", "Times that dropping what is old failed; tried again after a minute"),
            redriven_events: ours.make("redriven_events", "Events among the dead letters that a redrive queued again"),
        }
    }
}

/// Lanes: in sum, and those with most to do.
#[derive(Debug, Clone)]
pub(crate) struct Lanes {
    pub(crate) count: Gauge,
    pub(crate) open: Gauge,
    pub(crate) oldest_age: Gauge<f64, AtomicU64>,
    pub(crate) lane_in_flight: Family<OfMapping, Gauge>,
    pub(crate) lane_window: Family<OfMapping, Gauge>,
    pub(crate) lane_known_rows: Family<OfMapping, Gauge>,
    pub(crate) lane_open: Family<OfMapping, Gauge>,
    pub(crate) lane_oldest_age: Family<OfMapping, Gauge<f64, AtomicU64>>,
}

impl Lanes {
    /// What is shown of each lane.
    pub(crate) fn families(&self) -> [&Family<OfMapping, Gauge>; 4] {
        [&self.lane_in_flight, &self.lane_window, &self.lane_known_rows, &self.lane_open]
    }

    fn register(ours: &mut Registry) -> Self {
        Self {
            count: ours.make("lanes", "Lanes in memory: those with something to do"),
            open: ours.make("lanes_open", "Lanes whose breaker keeps them from sending, but for probes"),
            oldest_age: ours.make_in(Unit::Seconds, "oldest_age", "For how long the oldest row of this dispatcher's lanes has waited; looked at every 15 seconds"),
            lane_in_flight: ours.make("lane_in_flight", "Requests of a lane under way, by mapping (the 500 busiest lanes, as all lane_… but the oldest age)"),
            lane_window: ours.make("lane_window", "Requests of a lane that may be under way at a time, by mapping"),
            lane_known_rows: ours.make("lane_known_rows", "Queued rows of a lane known in memory, at most some thousand, by mapping"),
            lane_open: ours.make("lane_open", "1 while a lane's breaker keeps it from sending, but for probes, by mapping"),
            lane_oldest_age: ours.make_in(Unit::Seconds, "lane_oldest_age", "For how long the first row of a lane has waited, by mapping: the 500 oldest lanes"),
        }
    }
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let ours = registry.sub_registry_with_prefix("signalpost_dispatcher");
        let metrics = Self {
            attempts: Arc::new(Attempts::register(ours)),
            settlements: Settlements::register(ours),
            ownership: Ownership::register(ours),
            memory: Memory::register(ours),
            housekeeping: Housekeeping::register(ours),
            lanes: Lanes::register(ours),
            names: Arc::new(RwLock::default()),
            pulse: Arc::new(Pulse::new()),
        };
        metrics.begin();
        metrics
    }

    fn begin(&self) {
        begin(&self.attempts.count, OUTCOMES.map(|outcome| OfOutcome { outcome }));
        begin(&self.attempts.events, OUTCOMES.map(|outcome| OfOutcome { outcome }));
        begin(&self.ownership.heartbeats, BEATS.map(|outcome| OfOutcome { outcome }));
        let reasons = REASONS.map(BuryReason::as_str);
        begin(&self.settlements.buried_events, reasons.map(|reason| OfReason { reason }));
        begin(&self.housekeeping.dropped, Dropped::ALL.map(Dropped::as_str).map(|what| OfDropped { what }));
    }

    /// One of everything that is shown by mapping: for the reference, which lists what there can be.
    #[doc(hidden)]
    pub fn exemplify(&self) {
        begin(&self.settlements.overflowed_events, [OfMapping::example()]);
        begin(&self.lanes.lane_oldest_age, [OfMapping::example()]);
        for family in self.lanes.families() {
            begin(family, [OfMapping::example()]);
        }
    }
}
