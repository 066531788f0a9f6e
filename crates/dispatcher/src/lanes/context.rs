//! Context: what all lanes share while one of them works: the time, the memory, and the actions so far.

use std::collections::VecDeque;
use std::time::Duration;

use super::action::{Action, Moment};
use crate::lane::Kind;

/// Bounds over all lanes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of rows in memory. A lane that has none may always have one row.
    pub loaded_bytes: usize,
    /// Requests that are under way or not settled. A lane that has none may always have one.
    pub unsettled: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { loaded_bytes: 64_000_000, unsettled: 20_000 }
    }
}

/// A row to be loaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadKey {
    pub(crate) mapping_id: i64,
    pub(crate) generation: u64,
    pub(crate) kind: Kind,
    pub(crate) position: i64,
    pub(crate) bytes: usize,
}

/// What a lane may do, by its partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Right {
    pub(crate) partition: i16,
    pub(crate) epoch: i64,
    /// It is ours beyond doubt.
    pub(crate) may_send: bool,
    /// It is to be given back.
    pub(crate) is_leaving: bool,
    /// What was queued before then may have been sent by another owner that could not record it.
    pub(crate) maybe_repeated: Option<Before>,
}

/// A moment that may be before this dispatcher's time: so long before `noted_at`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    pub(crate) noted_at: Moment,
    pub(crate) ago: Duration,
}

impl Before {
    /// Whether what has this age now is from before.
    pub(crate) fn covers(self, age: Duration, now: Moment) -> bool {
        age >= self.ago + now.saturating_sub(self.noted_at)
    }
}

/// A lane leaves free as much as it has, once it is sending twice as much. So one alone gets half of all or a third; of many
/// that take all they can get each gets the same, and as much again stays free for who comes next.
const OTHERS: usize = 2;

/// How much has to be free for a lane that has so many bytes to get more.
pub(crate) fn free_for_more(held: usize, more: usize, is_sending: bool) -> usize {
    (held + more) * if is_sending { OTHERS } else { 1 }
}

/// How many requests have to be free for a lane that has so many to make another: as many, so that what hangs never keeps another from
/// its next.
pub(crate) fn free_for_another(unsettled: usize) -> usize {
    if unsettled == 0 { 0 } else { unsettled + 1 }
}

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) now: Moment,
    pub(crate) limits: Limits,
    pub(crate) actions: VecDeque<Action>,
    /// Rows to be loaded, of lanes that have none in memory, and of all others.
    pub(crate) first_loads: Vec<LoadKey>,
    pub(crate) further_loads: Vec<LoadKey>,
    pub(crate) loaded_bytes: usize,
    pub(crate) unsettled: usize,
    /// When to look for due retries.
    pub(crate) find_due_at: Moment,
    ids: u64,
}

impl Context {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            now: Moment::ZERO,
            limits,
            actions: VecDeque::new(),
            first_loads: Vec::new(),
            further_loads: Vec::new(),
            loaded_bytes: 0,
            unsettled: 0,
            find_due_at: Moment::ZERO,
            ids: 0,
        }
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// Memory that nobody has.
    pub(crate) fn free_bytes(&self) -> usize {
        self.limits.loaded_bytes.saturating_sub(self.loaded_bytes)
    }

    /// Requests that may be under way and are not.
    pub(crate) fn free_requests(&self) -> usize {
        self.limits.unsettled.saturating_sub(self.unsettled)
    }
}
