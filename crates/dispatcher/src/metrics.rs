//! Metrics: what the dispatcher counts, all under `signalpost_dispatcher_`.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use signalpost_core::outcome::Outcome;

use crate::lanes::LaneView;
use crate::lanes::action::Attempted;

/// What an attempt proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Proved {
    Delivered,
    Retryable,
    Rejected,
}

impl Proved {
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Delivered => Self::Delivered,
            Outcome::Retryable { .. } => Self::Retryable,
            Outcome::Rejected { .. } => Self::Rejected,
        }
    }
}

/// What is dropped when it is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Dropped {
    AttemptDays,
    DeadBatches,
    RejectedEvents,
}

impl Dropped {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AttemptDays => "attempt days",
            Self::DeadBatches => "dead batches",
            Self::RejectedEvents => "rejected events",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfDropped {
    pub what: Dropped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfOutcome {
    pub outcome: Proved,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfMapping {
    /// The mapping's id: as many as are configured.
    pub mapping: i64,
}

/// The dispatcher's metrics. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Metrics {
    attempts: Family<OfOutcome, Counter>,
    events: Family<OfOutcome, Counter>,
    attempt_duration: Histogram,
    pub(crate) buried_events: Counter,
    pub(crate) settle_duration: Histogram,
    pub(crate) settled: Counter,
    pub(crate) stale: Counter,
    pub(crate) partitions: Gauge,
    pub(crate) database_up: Gauge,
    pub(crate) loaded_bytes: Gauge,
    pub(crate) unsettled: Gauge,
    overflowed_events: Family<OfMapping, Counter>,
    dropped: Family<OfDropped, Counter>,
    pub(crate) housekeeping_failures: Counter,
    pub(crate) redriven_events: Counter,
    lanes: Gauge,
    lane_in_flight: Family<OfMapping, Gauge>,
    lane_window: Family<OfMapping, Gauge>,
    lane_known_rows: Family<OfMapping, Gauge>,
    lane_open: Family<OfMapping, Gauge>,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 18))
}

impl Metrics {
    /// Registers all of them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            attempts: Family::default(),
            events: Family::default(),
            attempt_duration: seconds(),
            buried_events: Counter::default(),
            settle_duration: seconds(),
            settled: Counter::default(),
            stale: Counter::default(),
            partitions: Gauge::default(),
            database_up: Gauge::default(),
            loaded_bytes: Gauge::default(),
            unsettled: Gauge::default(),
            overflowed_events: Family::default(),
            dropped: Family::default(),
            housekeeping_failures: Counter::default(),
            redriven_events: Counter::default(),
            lanes: Gauge::default(),
            lane_in_flight: Family::default(),
            lane_window: Family::default(),
            lane_known_rows: Family::default(),
            lane_open: Family::default(),
        };
        metrics.register_in(registry.sub_registry_with_prefix("signalpost_dispatcher"));
        metrics
    }

    fn register_in(&self, registry: &mut Registry) {
        registry.register("attempts", "Requests made, by what they proved", self.attempts.clone());
        registry.register("events", "Events in those requests, by what they proved", self.events.clone());
        let duration = self.attempt_duration.clone();
        registry.register_with_unit(
            "attempt_duration",
            "From starting a request to knowing its outcome",
            Unit::Seconds,
            duration,
        );
        registry.register(
            "buried_events",
            "Events given up and kept as dead letters",
            self.buried_events.clone(),
        );
        let duration = self.settle_duration.clone();
        registry.register_with_unit(
            "settle_duration",
            "How long recording outcomes took, per statement",
            Unit::Seconds,
            duration,
        );
        registry.register("settled", "Requests whose outcome was recorded", self.settled.clone());
        let help = "Outcomes that were not recorded because the partition has another owner by now";
        registry.register("stale", help, self.stale.clone());
        registry.register("partitions", "Partitions this dispatcher owns", self.partitions.clone());
        registry.register("database_up", "1 while Postgres answers", self.database_up.clone());
        registry.register_with_unit(
            "loaded",
            "Bytes of queued rows in memory",
            Unit::Bytes,
            self.loaded_bytes.clone(),
        );
        registry.register("unsettled", "Requests under way or not recorded yet", self.unsettled.clone());
        self.register_housekeeping(registry);
        registry.register("lanes", "Lanes in memory: those with something to do", self.lanes.clone());
        registry.register("lane_in_flight", "Requests of a lane under way", self.lane_in_flight.clone());
        registry.register(
            "lane_window",
            "Requests of a lane that may be under way at a time",
            self.lane_window.clone(),
        );
        registry.register(
            "lane_known_rows",
            "Queued rows of a lane known in memory",
            self.lane_known_rows.clone(),
        );
        registry.register(
            "lane_open",
            "1 while a lane's breaker keeps it from sending",
            self.lane_open.clone(),
        );
    }

    fn register_housekeeping(&self, registry: &mut Registry) {
        registry.register(
            "overflowed_events",
            "Events buried because their lane held more than it may, by mapping",
            self.overflowed_events.clone(),
        );
        registry.register(
            "dropped",
            "Rows dropped because they were older than is kept, and days of the delivery log",
            self.dropped.clone(),
        );
        registry.register(
            "housekeeping_failures",
            "Times that dropping what is old failed; tried again after a minute",
            self.housekeeping_failures.clone(),
        );
        let help = "Events among the dead letters that a redrive queued again";
        registry.register("redriven_events", help, self.redriven_events.clone());
    }

    pub(crate) fn overflowed(&self, mapping: i64, events: u64) {
        if events > 0 {
            self.overflowed_events.get_or_create(&OfMapping { mapping }).inc_by(events);
        }
    }

    pub(crate) fn dropped(&self, what: Dropped, count: u64) {
        self.dropped.get_or_create(&OfDropped { what }).inc_by(count);
    }

    pub(crate) fn attempted(&self, attempted: &Attempted, events: u32) {
        let label = |outcome| OfOutcome { outcome: Proved::of(outcome) };
        self.attempts.get_or_create(&label(attempted.outcome)).inc();
        if attempted.each.is_empty() {
            self.events.get_or_create(&label(attempted.outcome)).inc_by(u64::from(events));
        }
        for event in &attempted.each {
            self.events.get_or_create(&label(event.outcome)).inc();
        }
        self.attempt_duration.observe(attempted.latency.as_secs_f64());
    }

    /// Shows the lanes that are in memory, and only those.
    pub(crate) fn show_lanes(&self, lanes: impl Iterator<Item = LaneView>) {
        for family in [&self.lane_in_flight, &self.lane_window, &self.lane_known_rows, &self.lane_open] {
            family.clear();
        }
        let mut count = 0;
        for lane in lanes {
            count += 1;
            let of = OfMapping { mapping: lane.mapping_id };
            self.lane_in_flight.get_or_create(&of).set(i64::try_from(lane.in_flight).unwrap_or(i64::MAX));
            self.lane_window.get_or_create(&of).set(i64::from(lane.window));
            self.lane_known_rows.get_or_create(&of).set(i64::try_from(lane.known_rows).unwrap_or(i64::MAX));
            self.lane_open.get_or_create(&of).set(i64::from(lane.is_open));
        }
        self.lanes.set(count);
    }
}
