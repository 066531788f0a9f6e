//! Lane: what is known of one lane beside the lane itself, and what of it is said.
//!
//! Invariants: a number that is counted in the database is kept near the truth by what is seen to come and go; what hardly
//! changed is not said again at once.

use std::time::Duration;

use signalpost_core::outcome::Outcome;
use signalpost_storage::{BreakerState, DeepLane, LaneState, Waiting};

use super::DEEP_ROWS;
use crate::lanes::LaneView;
use crate::lanes::action::{Attempted, FoundRow, Moment, Settlement};

/// What only moves is said again after so long; what changes at once.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Deliveries a second are an average over about this time.
const AVERAGE_OVER: f64 = 5.0;
/// What was counted is counted again after so long, although nothing is known to have changed.
const RECOUNT_AFTER: Duration = Duration::from_mins(5);
/// A reason is not longer than this.
const REASON_CHARS: usize = 300;

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Lane {
    /// As it was at the last look; none: not in memory.
    pub(super) view: Option<LaneView>,
    /// Looks in a row at which it was.
    looks: u32,
    is_burying: bool,
    /// Events delivered since the last look.
    delivered: u64,
    per_second: f64,
    reason: Option<String>,
    waiting: Option<Estimate>,
    /// Events among its dead letters, when there are many, and when that was counted.
    dead: Option<(i64, Moment)>,
    /// Something came or went since it was counted.
    is_touched: bool,
    /// Whether much waits is not known.
    is_unsure: bool,
    is_unsure_of_dead: bool,
    told: Option<(Moment, Said)>,
    /// What was told last is not known to have been heard.
    is_doubtful: bool,
}

/// How much waits: as counted, and what has come and gone since.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    counted: Waiting,
    at: Moment,
    batches: i64,
    events: i64,
    bytes: i64,
}

impl Estimate {
    fn now(&self) -> Waiting {
        Waiting {
            batches: (self.counted.batches + self.batches).max(0),
            events: (self.counted.events + self.events).max(0),
            bytes: (self.counted.bytes + self.bytes).max(0),
            ..self.counted
        }
    }
}

/// What is said of a lane.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    in_flight: usize,
    window: Option<u32>,
    breaker: BreakerState,
    next_probe: Option<Moment>,
    reason: Option<String>,
    is_burying: bool,
    per_second: f64,
    waiting: Option<Waiting>,
    dead: Option<i64>,
}

impl Lane {
    // ---- what happens

    pub(super) fn arrived(&mut self, row: &FoundRow) {
        self.is_touched = true;
        if let Some(estimate) = &mut self.waiting {
            estimate.batches += 1;
            estimate.events += i64::from(row.events);
            estimate.bytes += i64::try_from(row.bytes).unwrap_or(0);
        }
    }

    pub(super) fn settling(&mut self, settlement: &Settlement) {
        self.is_touched = true;
        self.is_unsure |= !settlement.put.is_empty();
        self.is_unsure_of_dead |= !settlement.bury.is_empty() || !settlement.overflow.is_empty();
        let log = settlement.log.as_ref();
        let delivered = log.map_or(0, |log| delivered(&log.attempted, log.events));
        self.delivered += u64::from(delivered);
        if let Some(log) = log {
            self.learn(&log.attempted);
        }
        if let Some(estimate) = &mut self.waiting {
            let rows = |rows: usize| i64::try_from(rows).unwrap_or(0);
            let added = settlement.put.iter().filter(|put| !put.is_in_place).count();
            let buried = settlement.bury.iter().filter(|bury| bury.row.is_in_place).count();
            estimate.batches +=
                rows(added) - rows(settlement.delete.len() + buried + settlement.overflow.len());
            let buried: u32 = settlement.bury.iter().map(|bury| bury.row.events).sum();
            let overflowed: u32 = settlement.overflow.iter().map(|row| row.events).sum();
            estimate.events -= i64::from(delivered) + i64::from(buried) + i64::from(overflowed);
            if delivered > 0 {
                estimate.bytes -= log.map_or(0, |log| rows(log.attempted.body_bytes));
            }
        }
    }

    fn learn(&mut self, attempted: &Attempted) {
        if attempted.outcome == Outcome::Delivered {
            self.reason = None;
            return;
        }
        let why =
            attempted.error.clone().or_else(|| attempted.status.map(|status| format!("status {status}")));
        self.reason = why.map(|why| why.chars().take(REASON_CHARS).collect());
    }

    pub(super) fn look(&mut self, since: Duration, is_burying: bool) {
        self.is_burying = is_burying;
        self.looks = if self.view.is_some() { self.looks.saturating_add(1) } else { 0 };
        self.is_unsure |= self.is_touched && self.view.is_some_and(|view| is_many(view.known_rows));
        let seconds = since.as_secs_f64().max(0.001);
        let delivered = u32::try_from(std::mem::take(&mut self.delivered)).unwrap_or(u32::MAX);
        let kept = (-seconds / AVERAGE_OVER).exp();
        self.per_second = self.per_second * kept + f64::from(delivered) / seconds * (1.0 - kept);
    }

    pub(super) fn is_worth_remembering(&self) -> bool {
        let is_known = self.told.is_some() || self.says().is_some() || self.view.is_some();
        is_known || self.is_unsure || self.is_unsure_of_dead || self.is_doubtful
    }

    // ---- saying

    /// What there is to say, if anything. A lane that is in memory for a moment is not worth a word.
    pub(super) fn says(&self) -> Option<Said> {
        let (breaker, next_probe) = match &self.view {
            Some(LaneView { is_open: true, next_probe: Some(at), .. }) => (BreakerState::Open, Some(*at)),
            Some(LaneView { is_open: true, .. }) => (BreakerState::Probing, None),
            _ => (BreakerState::Closed, None),
        };
        let said = Said {
            in_flight: self.view.map_or(0, |view| view.in_flight),
            window: self.view.map(|view| view.window),
            breaker,
            next_probe,
            reason: self.reason.clone().filter(|_| self.view.is_some()),
            is_burying: self.is_burying,
            per_second: rounded(self.per_second),
            waiting: self.waiting.as_ref().map(Estimate::now),
            dead: self.dead.map(|(events, _)| events),
        };
        let is_busy = self.looks >= 2 && said.in_flight > 0;
        let is_open = breaker != BreakerState::Closed;
        let is_deep = said.waiting.is_some() || said.dead.is_some();
        (is_busy || is_open || is_deep || said.is_burying || said.per_second > 0.0).then_some(said)
    }

    pub(super) fn has_news(&self, now: Moment) -> bool {
        match (&self.told, self.says()) {
            _ if self.is_doubtful => true,
            (None, says) => says.is_some(),
            (Some(_), None) => true,
            (Some((at, told)), Some(says)) => {
                let is_again = now.saturating_sub(*at) >= AGAIN_AFTER;
                says.differs_at_once(told) || (is_again && says != *told)
            }
        }
    }

    pub(super) fn last_told_at(&self) -> Option<Moment> {
        self.told.as_ref().map(|(at, _)| *at)
    }

    pub(super) fn told(&mut self, said: Option<Said>, now: Moment) {
        self.told = said.map(|said| (now, said));
        self.is_doubtful = true;
    }

    /// What was told last was heard; until then it is news.
    pub(super) fn heard(&mut self) {
        self.is_doubtful = false;
    }

    // ---- counting

    pub(super) fn begin_count(&mut self, now: Moment) -> bool {
        let is_old = self.waiting.is_some_and(|estimate| now.saturating_sub(estimate.at) >= RECOUNT_AFTER);
        let begins = self.is_unsure || is_old || (self.is_touched && self.waiting.is_some());
        if begins {
            (self.is_unsure, self.is_touched) = (false, false);
            if let Some(estimate) = &mut self.waiting {
                // What comes and goes from now on, the count may or may not see.
                estimate.counted = estimate.now();
                (estimate.batches, estimate.events, estimate.bytes) = (0, 0, 0);
                estimate.at = now;
            }
        }
        begins
    }

    pub(super) fn begin_count_of_dead(&mut self, now: Moment) -> bool {
        let is_old = self.dead.is_some_and(|(_, at)| now.saturating_sub(at) >= RECOUNT_AFTER);
        let begins = self.is_unsure_of_dead || is_old;
        if begins {
            self.is_unsure_of_dead = false;
            self.dead = self.dead.map(|(events, _)| (events, now));
        }
        begins
    }

    pub(super) fn is_deep(&mut self, deep: &DeepLane) {
        self.is_unsure |= deep.waits;
        self.is_unsure_of_dead |= deep.is_dead;
    }

    pub(super) fn counted(&mut self, now: Moment, counted: Waiting) {
        let since = self.waiting.map_or((0, 0, 0), |before| (before.batches, before.events, before.bytes));
        let (batches, events, bytes) = since;
        self.waiting =
            (counted.batches >= DEEP_ROWS).then_some(Estimate { counted, at: now, batches, events, bytes });
    }

    pub(super) fn counted_dead(&mut self, now: Moment, rows: i64, events: i64) {
        self.dead = (rows >= DEEP_ROWS).then_some((events, now));
    }
}

impl Said {
    pub(super) fn state(&self, mapping_id: i64, now: Moment) -> LaneState {
        LaneState {
            mapping_id,
            in_flight: i32::try_from(self.in_flight).unwrap_or(i32::MAX),
            window: self.window.map(|window| i32::try_from(window).unwrap_or(i32::MAX)),
            breaker: self.breaker,
            reason: self.reason.clone(),
            next_probe_in: self.next_probe.map(|at| at.saturating_sub(now)),
            is_burying: self.is_burying,
            delivered_per_second: self.per_second,
            waiting: self.waiting,
            dead_events: self.dead,
        }
    }

    /// Whether somebody who looks now should know.
    fn differs_at_once(&self, told: &Self) -> bool {
        let shape = |said: &Self| {
            (said.breaker, said.next_probe, said.is_burying, said.waiting.is_some(), said.dead.is_some())
        };
        shape(self) != shape(told)
    }
}

fn is_many(rows: usize) -> bool {
    i64::try_from(rows).is_ok_and(|rows| rows >= DEEP_ROWS)
}

fn delivered(attempted: &Attempted, events: u32) -> u32 {
    if attempted.each.is_empty() {
        return if attempted.outcome == Outcome::Delivered { events } else { 0 };
    }
    let delivered = attempted.each.iter().filter(|event| event.outcome == Outcome::Delivered).count();
    u32::try_from(delivered).unwrap_or(u32::MAX)
}

/// Two digits, so that a steady rate is not news; next to nothing is nothing.
fn rounded(per_second: f64) -> f64 {
    if per_second < 0.05 {
        return 0.0;
    }
    let unit = 10_f64.powf(per_second.log10().floor() - 1.0);
    (per_second / unit).round() * unit
}
