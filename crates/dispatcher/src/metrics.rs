//! Metrics: what the dispatcher counts, all under `signalpost_dispatcher_`.
//!
//! Invariants: labels are bounded: by the program (outcomes, reasons: shown at 0 from the start, so that the first of
//! anything counts as a rise), or by mapping, of which at most [`LANES_SHOWN_MAX`] are shown at a time.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use signalpost_core::outcome::Outcome;
use signalpost_storage::{BuryReason, Settlement, Survey};

use crate::lanes::LaneView;
use crate::lanes::action::Attempted;

mod pulse;
mod register;

pub(crate) use pulse::Pulse;

/// Lanes that are shown one by one: those with most to do. The others are in the sums.
pub(crate) const LANES_SHOWN_MAX: usize = 500;

/// What an attempt proved.
const OUTCOMES: [&str; 3] = ["delivered", "retryable", "rejected"];
/// Why events are given up.
const REASONS: [BuryReason; 4] =
    [BuryReason::Rejected, BuryReason::Expired, BuryReason::Exhausted, BuryReason::Overflow];
/// What came of a heartbeat.
const BEATS: [&str; 3] = ["renewed", "late", "failed"];

/// What is dropped when it is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    AttemptDays,
    DeadBatches,
    RejectedEvents,
}

impl Dropped {
    const ALL: [Self; 3] = [Self::AttemptDays, Self::DeadBatches, Self::RejectedEvents];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AttemptDays => "attempt_days",
            Self::DeadBatches => "dead_batches",
            Self::RejectedEvents => "rejected_events",
        }
    }
}

/// What came of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    Renewed,
    Late,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfDropped {
    what: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfOutcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfReason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfMapping {
    /// "source/destination/mapping".
    mapping: String,
}

/// What mappings are called, by id.
type Names = HashMap<i64, Arc<str>>;

/// The dispatcher's metrics. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Metrics {
    attempts: Family<OfOutcome, Counter>,
    events: Family<OfOutcome, Counter>,
    attempt_duration: Histogram,
    retried_events: Counter,
    buried_events: Family<OfReason, Counter>,
    pub(crate) settle_duration: Histogram,
    settled: Counter,
    stale: Counter,
    partitions: Gauge,
    partitions_unowned: Gauge,
    heartbeats: Family<OfOutcome, Counter>,
    owning: Gauge,
    clock_offset: Gauge<f64, AtomicU64>,
    catalog_version: Gauge,
    mappings_broken: Gauge,
    pub(crate) database_up: Gauge,
    pub(crate) loaded_bytes: Gauge,
    pub(crate) unsettled: Gauge,
    overflowed_events: Family<OfMapping, Counter>,
    dropped: Family<OfDropped, Counter>,
    pub(crate) housekeeping_failures: Counter,
    pub(crate) redriven_events: Counter,
    lanes: Gauge,
    lanes_open: Gauge,
    oldest_age: Gauge<f64, AtomicU64>,
    lane_in_flight: Family<OfMapping, Gauge>,
    lane_window: Family<OfMapping, Gauge>,
    lane_known_rows: Family<OfMapping, Gauge>,
    lane_open: Family<OfMapping, Gauge>,
    lane_oldest_age: Family<OfMapping, Gauge<f64, AtomicU64>>,
    names: Arc<RwLock<Names>>,
    pub(crate) pulse: Arc<Pulse>,
}

impl Metrics {
    /// Whether it has said that it lives recently enough to own anything.
    pub fn is_owning(&self) -> bool {
        self.owning.get() == 1
    }

    /// Whether the configuration is loaded.
    pub fn is_configured(&self) -> bool {
        self.catalog_version.get() > 0
    }

    /// How long ago its main loop last turned; none when it does not run. It never waits for Postgres or receivers.
    pub fn turned_ago(&self) -> Option<Duration> {
        self.pulse.ago()
    }

    fn of(&self, mapping_id: i64) -> OfMapping {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        OfMapping {
            mapping: names.get(&mapping_id).map_or_else(|| mapping_id.to_string(), ToString::to_string),
        }
    }

    /// The configuration in use.
    pub(crate) fn configured(&self, version: i64, broken: usize, names: Names) {
        self.catalog_version.set(version);
        self.mappings_broken.set(i64::try_from(broken).unwrap_or(i64::MAX));
        *self.names.write().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// A heartbeat is over; how many partitions are ours by it.
    pub(crate) fn beaten(&self, beat: Beat, partitions: Option<usize>) {
        let [renewed, late, failed] = BEATS;
        let outcome = match beat {
            Beat::Renewed => renewed,
            Beat::Late => late,
            Beat::Failed => failed,
        };
        self.heartbeats.get_or_create(&OfOutcome { outcome }).inc();
        if let Some(partitions) = partitions {
            self.partitions.set(i64::try_from(partitions).unwrap_or(i64::MAX));
            self.owning(true);
        }
    }

    /// Whether what we own is ours beyond doubt.
    pub(crate) fn owning(&self, is_owning: bool) {
        self.owning.set(i64::from(is_owning));
    }

    /// A settlement was answered.
    pub(crate) fn settled(&self, row: &Settlement, is_stale: bool) {
        if is_stale {
            self.stale.inc();
            return;
        }
        let count = |events: i32| u64::try_from(events).unwrap_or(0);
        self.settled.inc_by(u64::from(row.log.is_some()));
        let retried =
            row.put.iter().filter(|put| put.due_in.is_some()).map(|put| count(put.event_count)).sum();
        self.retried_events.inc_by(retried);
        for bury in &row.bury {
            let events = count(bury.event_count);
            self.buried_events.get_or_create(&OfReason { reason: bury.reason.as_str() }).inc_by(events);
            if bury.reason == BuryReason::Overflow {
                self.overflowed_events.get_or_create(&self.of(row.mapping_id)).inc_by(events);
            }
        }
    }

    pub(crate) fn dropped(&self, what: Dropped, count: u64) {
        self.dropped.get_or_create(&OfDropped { what: what.as_str() }).inc_by(count);
    }

    pub(crate) fn attempted(&self, attempted: &Attempted, events: u32) {
        let label = |outcome: Outcome| OfOutcome { outcome: outcome.as_str() };
        self.attempts.get_or_create(&label(attempted.outcome)).inc();
        if attempted.each.is_empty() {
            self.events.get_or_create(&label(attempted.outcome)).inc_by(u64::from(events));
        }
        for event in &attempted.each {
            self.events.get_or_create(&label(event.outcome)).inc();
        }
        self.attempt_duration.observe(attempted.latency.as_secs_f64());
    }

    /// Shows the lanes that are in memory, and only those: with most under way or waiting first.
    pub(crate) fn show_lanes(&self, lanes: impl Iterator<Item = LaneView>) {
        for family in [&self.lane_in_flight, &self.lane_window, &self.lane_known_rows, &self.lane_open] {
            family.clear();
        }
        let mut lanes: Vec<LaneView> = lanes.collect();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.lanes.set(count(lanes.len()));
        self.lanes_open.set(count(lanes.iter().filter(|lane| lane.is_open).count()));
        if lanes.len() > LANES_SHOWN_MAX {
            lanes.sort_unstable_by_key(|lane| {
                std::cmp::Reverse((lane.is_open, lane.in_flight, lane.known_rows))
            });
        }
        for lane in lanes.into_iter().take(LANES_SHOWN_MAX) {
            let of = self.of(lane.mapping_id);
            self.lane_in_flight.get_or_create(&of).set(count(lane.in_flight));
            self.lane_window.get_or_create(&of).set(i64::from(lane.window));
            self.lane_known_rows.get_or_create(&of).set(count(lane.known_rows));
            self.lane_open.get_or_create(&of).set(i64::from(lane.is_open));
        }
    }

    /// Shows what Postgres said: `seconds` is our own clock's time of the survey.
    pub(crate) fn surveyed(&self, mut survey: Survey, seconds: f64) {
        self.partitions_unowned.set(survey.unowned);
        self.clock_offset.set(seconds - survey.seconds);
        survey.oldest.sort_unstable_by_key(|(_, age)| std::cmp::Reverse(*age));
        let oldest = survey.oldest.first().map_or(0.0, |(_, age)| age.as_secs_f64());
        self.oldest_age.set(oldest);
        self.lane_oldest_age.clear();
        for (mapping_id, age) in survey.oldest.into_iter().take(LANES_SHOWN_MAX) {
            self.lane_oldest_age.get_or_create(&self.of(mapping_id)).set(age.as_secs_f64());
        }
    }
}
