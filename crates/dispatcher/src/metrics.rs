//! Metrics: what the dispatcher counts, all under `signalpost_dispatcher_`.
//!
//! Invariants: labels are bounded: by the program (outcomes, reasons: shown at 0 from the start, so that the first of
//! anything counts as a rise), or by mapping, of which at most [`LANES_SHOWN_MAX`] are shown at a time.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use signalpost_storage::{BuryReason, Settlement, Survey};
use signalpost_telemetry::metrics::{LANES_SHOWN_MAX, OfMapping, OfOutcome, OfReason};

use crate::lanes::LaneView;

mod groups;
mod pulse;

use groups::{Attempts, Housekeeping, Lanes, Memory, Ownership, Settlements};
pub(crate) use pulse::Pulse;

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

/// What mappings are called, by id.
type Names = HashMap<i64, Arc<str>>;

/// The dispatcher's metrics. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) attempts: Arc<Attempts>,
    pub(crate) settlements: Settlements,
    pub(crate) ownership: Ownership,
    pub(crate) memory: Memory,
    pub(crate) housekeeping: Housekeeping,
    lanes: Lanes,
    names: Arc<RwLock<Names>>,
    pub(crate) pulse: Arc<Pulse>,
}

impl Metrics {
    /// Whether it has said that it lives recently enough to own anything.
    pub fn is_owning(&self) -> bool {
        self.ownership.owning.get() == 1
    }

    /// Whether the configuration is loaded.
    pub fn is_configured(&self) -> bool {
        self.ownership.catalog_version.get() > 0
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
        self.ownership.catalog_version.set(version);
        self.ownership.mappings_broken.set(i64::try_from(broken).unwrap_or(i64::MAX));
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
        self.ownership.heartbeats.get_or_create(&OfOutcome { outcome }).inc();
        if let Some(partitions) = partitions {
            self.ownership.partitions.set(i64::try_from(partitions).unwrap_or(i64::MAX));
            self.owning(true);
        }
    }

    /// Whether what we own is ours beyond doubt.
    pub(crate) fn owning(&self, is_owning: bool) {
        self.ownership.owning.set(i64::from(is_owning));
    }

    /// A settlement was answered.
    pub(crate) fn settled(&self, row: &Settlement, is_stale: bool) {
        if is_stale {
            self.settlements.stale.inc();
            return;
        }
        let count = |events: i32| u64::try_from(events).unwrap_or(0);
        self.settlements.settled.inc_by(u64::from(row.log.is_some()));
        let retried =
            row.put.iter().filter(|put| put.due_in.is_some()).map(|put| count(put.event_count)).sum();
        self.settlements.retried_events.inc_by(retried);
        for bury in &row.bury {
            let events = count(bury.event_count);
            self.settlements
                .buried_events
                .get_or_create(&OfReason { reason: bury.reason.as_str() })
                .inc_by(events);
            if bury.reason == BuryReason::Overflow {
                self.settlements.overflowed_events.get_or_create(&self.of(row.mapping_id)).inc_by(events);
            }
        }
    }

    pub(crate) fn dropped(&self, what: Dropped, count: u64) {
        self.housekeeping.dropped.get_or_create(&OfDropped { what: what.as_str() }).inc_by(count);
    }

    /// Shows the lanes that are in memory, and only those: with most under way or waiting first.
    pub(crate) fn show_lanes(&self, lanes: impl Iterator<Item = LaneView>) {
        for family in self.lanes.families() {
            family.clear();
        }
        let mut lanes: Vec<LaneView> = lanes.collect();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.lanes.count.set(count(lanes.len()));
        self.lanes.open.set(count(lanes.iter().filter(|lane| lane.is_open).count()));
        if lanes.len() > LANES_SHOWN_MAX {
            lanes.sort_unstable_by_key(|lane| {
                std::cmp::Reverse((lane.is_open, lane.in_flight, lane.known_rows))
            });
        }
        for lane in lanes.into_iter().take(LANES_SHOWN_MAX) {
            let of = self.of(lane.mapping_id);
            self.lanes.lane_in_flight.get_or_create(&of).set(count(lane.in_flight));
            self.lanes.lane_window.get_or_create(&of).set(i64::from(lane.window));
            self.lanes.lane_known_rows.get_or_create(&of).set(count(lane.known_rows));
            self.lanes.lane_open.get_or_create(&of).set(i64::from(lane.is_open));
        }
    }

    /// Shows what Postgres said: `seconds` is our own clock's time of the survey.
    pub(crate) fn surveyed(&self, mut survey: Survey, seconds: f64) {
        self.ownership.partitions_unowned.set(survey.unowned);
        self.ownership.clock_offset.set(seconds - survey.seconds);
        survey.oldest.sort_unstable_by_key(|(_, age)| std::cmp::Reverse(*age));
        let oldest = survey.oldest.first().map_or(0.0, |(_, age)| age.as_secs_f64());
        self.lanes.oldest_age.set(oldest);
        self.lanes.lane_oldest_age.clear();
        for (mapping_id, age) in survey.oldest.into_iter().take(LANES_SHOWN_MAX) {
            self.lanes.lane_oldest_age.get_or_create(&self.of(mapping_id)).set(age.as_secs_f64());
        }
    }
}
