//! Lane states: what this dispatcher says of its lanes for the `queue` view, and which of them it counts for that.
//!
//! Invariants: something is said only when it changed, in one statement at a time and at most one a second; counting takes
//! at most a fiftieth of the database's time; no delivery waits for either, and an idle dispatcher says nothing.

mod lane;

use std::collections::HashMap;
use std::time::Duration;

use signalpost_storage::{DeepLane, LaneState, Waiting, partition_of};

use self::lane::Lane;
use crate::lanes::LaneView;
use crate::lanes::action::{FoundRow, Moment, Settlement};

/// The view counts so many rows of a lane itself, at least.
pub(crate) const DEEP_ROWS: i64 = 8;
/// Between two statements that say something.
const TELL_PAUSE: Duration = Duration::from_secs(1);
/// Lanes that one statement is about, at most.
const TELL_MAX: usize = 1000;
/// Between two counts, at least; and at least so many times what a count took.
const COUNT_PAUSE: Duration = Duration::from_secs(2);
const COUNT_SHARE: u32 = 50;
/// Lanes that are counted together, at most.
const COUNT_MAX: usize = 200;
/// After a count that failed.
const COUNT_AGAIN: Duration = Duration::from_mins(1);

/// What is to be said.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    pub(crate) states: Vec<LaneState>,
    pub(crate) forget: Vec<i64>,
}

/// What is to be counted.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    /// Partitions of which it is not known which lanes are deep.
    pub(crate) acquired: Vec<i16>,
    /// Lanes whose rows are counted, and lanes whose dead letters are.
    pub(crate) waiting: Vec<i64>,
    pub(crate) dead: Vec<i64>,
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) deep: Vec<DeepLane>,
    pub(crate) waiting: Vec<(i64, Waiting)>,
    /// Lane, rows, events.
    pub(crate) dead: Vec<(i64, i64, i64)>,
    pub(crate) took: Duration,
}

/// What is known of the lanes that there is something to say of.
#[derive(Debug, Default)]
pub(crate) struct LaneStates {
    lanes: HashMap<i64, Lane>,
    acquired: Vec<i16>,
    looked_at: Moment,
    /// When something was said last; none: never.
    told_at: Option<Moment>,
    /// The lanes that something is being said of.
    telling: Option<Vec<i64>>,
    is_counting: bool,
    next_count_at: Moment,
}

impl LaneStates {
    // ---- what happens

    /// Partitions became ours: what we said of their lanes in an earlier epoch does not hold any more.
    pub(crate) fn acquired(&mut self, partitions: &[i16]) {
        self.acquired.extend(partitions);
        self.lanes.retain(|mapping_id, _| !partitions.contains(&partition_of(*mapping_id)));
        self.next_count_at = Moment::ZERO;
    }

    /// Rows were queued.
    pub(crate) fn arrived(&mut self, rows: &[FoundRow]) {
        for row in rows {
            if let Some(lane) = self.lanes.get_mut(&row.mapping_id) {
                lane.arrived(row);
            }
        }
    }

    /// A request is over, or rows are given up.
    pub(crate) fn settling(&mut self, settlement: &Settlement) {
        self.lanes.entry(settlement.mapping_id).or_default().settling(settlement);
    }

    /// When to look again, if there is anything to look at.
    pub(crate) fn next_tick(&self) -> Option<Moment> {
        (!self.lanes.is_empty() || !self.acquired.is_empty()).then_some(self.looked_at + TELL_PAUSE)
    }

    // ---- saying

    /// A look at the lanes in memory, about once a second; what to say now, if anything.
    pub(crate) fn look(
        &mut self,
        now: Moment,
        views: impl Iterator<Item = LaneView>,
        is_burying: impl Fn(i64) -> bool,
        owned: &[i16],
    ) -> Option<Telling> {
        // After a time with nothing to look at, what was delivered was delivered just now.
        let since = now.saturating_sub(self.looked_at).min(2 * TELL_PAUSE);
        self.looked_at = now;
        self.lanes.retain(|mapping_id, _| owned.contains(&partition_of(*mapping_id)));
        self.lanes.values_mut().for_each(|lane| lane.view = None);
        for view in views {
            let lane = self.lanes.entry(view.mapping_id).or_default();
            lane.view = Some(view);
        }
        for (mapping_id, lane) in &mut self.lanes {
            lane.look(since, is_burying(*mapping_id));
        }
        self.lanes.retain(|_, lane| lane.is_worth_remembering());
        self.tell(now)
    }

    fn tell(&mut self, now: Moment) -> Option<Telling> {
        let is_soon = self.told_at.is_some_and(|at| now.saturating_sub(at) < TELL_PAUSE);
        if self.telling.is_some() || is_soon {
            return None;
        }
        let mut news: Vec<(Option<Moment>, i64)> = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.has_news(now))
            .map(|(mapping_id, lane)| (lane.last_told_at(), *mapping_id))
            .collect();
        if news.is_empty() {
            return None;
        }
        news.sort_unstable(); // what was told longest ago first
        news.truncate(TELL_MAX);
        let mut telling = Telling::default();
        for (_, mapping_id) in &news {
            let Some(lane) = self.lanes.get_mut(mapping_id) else { continue };
            let said = lane.says();
            match &said {
                Some(said) => telling.states.push(said.state(*mapping_id, now)),
                None => telling.forget.push(*mapping_id),
            }
            lane.told(said, now);
        }
        self.told_at = Some(now);
        self.telling = Some(news.into_iter().map(|(_, mapping_id)| mapping_id).collect());
        Some(telling)
    }

    /// What was to be said was said; or not, and will be again.
    pub(crate) fn told(&mut self, is_done: bool) {
        for mapping_id in self.telling.take().into_iter().flatten().filter(|_| is_done) {
            if let Some(lane) = self.lanes.get_mut(&mapping_id) {
                lane.heard();
            }
        }
    }

    // ---- counting

    /// What to count now, if it is time.
    pub(crate) fn count(&mut self, now: Moment) -> Option<Counting> {
        if self.is_counting || now < self.next_count_at {
            return None;
        }
        let mut counting = Counting { acquired: std::mem::take(&mut self.acquired), ..Counting::default() };
        for (mapping_id, lane) in &mut self.lanes {
            if counting.waiting.len() < COUNT_MAX && lane.begin_count(now) {
                counting.waiting.push(*mapping_id);
            }
            if counting.dead.len() < COUNT_MAX && lane.begin_count_of_dead(now) {
                counting.dead.push(*mapping_id);
            }
        }
        let Counting { acquired, waiting, dead } = &counting;
        self.is_counting = !(acquired.is_empty() && waiting.is_empty() && dead.is_empty());
        self.is_counting.then_some(counting)
    }

    /// It was counted; or not, and will be later.
    pub(crate) fn counted(&mut self, now: Moment, counted: Option<Counted>) {
        self.is_counting = false;
        let Some(counted) = counted else {
            self.next_count_at = now + COUNT_AGAIN;
            return;
        };
        for deep in &counted.deep {
            self.lanes.entry(deep.mapping_id).or_default().is_deep(deep);
        }
        for (mapping_id, waiting) in counted.waiting {
            if let Some(lane) = self.lanes.get_mut(&mapping_id) {
                lane.counted(now, waiting);
            }
        }
        for (mapping_id, rows, events) in counted.dead {
            if let Some(lane) = self.lanes.get_mut(&mapping_id) {
                lane.counted_dead(now, rows, events);
            }
        }
        let pause = COUNT_PAUSE.max(counted.took * COUNT_SHARE);
        self.next_count_at = if counted.deep.is_empty() { now + pause } else { now };
    }
}

#[cfg(test)]
mod tests;
