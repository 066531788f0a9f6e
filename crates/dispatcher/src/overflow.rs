//! Overflow: which lanes hold more than they may and bury their oldest for it; looked at now and then.
//!
//! Invariant: only lanes of partitions that are ours are looked at, and the lanes themselves decide which rows go.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use signalpost_core::delivery::{Delivery, WhenFull};
use signalpost_storage::{Found, Queue, StorageError, partition_of};
use tracing::{info, warn};

use crate::lanes::action::{Excess, Moment};

/// Between two looks, at least; and at least so many times what a look took.
const LOOK_PAUSE: Duration = Duration::from_secs(2);
const LOOK_SHARE: u32 = 50;
/// When there was more to bury than one look shows.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How many rows of a lane one look shows.
const OLDEST_MAX: i64 = 1000;
/// Nothing was buried for so long: the lane is not full any more.
const CALM: Duration = Duration::from_secs(30);

/// How much of a lane may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    events: Option<u64>,
    bytes: Option<u64>,
}

impl Limit {
    /// Of a destination that buries; none when it refuses, which ingest does, or when it has no limit.
    pub(crate) fn of(delivery: &Delivery) -> Option<Self> {
        let limit = Self { events: delivery.queue_events_max, bytes: delivery.queue_bytes_max };
        let is_limit = limit.events.is_some() || limit.bytes.is_some();
        (is_limit && delivery.when_full == WhenFull::BuryOldest).then_some(limit)
    }

    fn excess(self, events: u64, bytes: u64) -> Excess {
        Excess {
            events: self.events.map_or(0, |max| events.saturating_sub(max)),
            bytes: self.bytes.map_or(0, |max| bytes.saturating_sub(max)),
        }
    }
}

/// A lane that holds too much.
#[derive(Debug)]
pub(crate) struct Full {
    pub(crate) mapping_id: i64,
    pub(crate) excess: Excess,
    pub(crate) oldest: Vec<Found>,
}

impl Full {
    /// Whether more has to go than the rows that the look shows.
    fn has_more(&self) -> bool {
        let sum = |of: fn(&Found) -> i64| {
            self.oldest.iter().map(|row| u64::try_from(of(row)).unwrap_or(0)).sum::<u64>()
        };
        self.excess.events > sum(|row| row.event_count.into())
            || self.excess.bytes > sum(|row| row.bytes.into())
    }
}

/// What a look found, and how long it took.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) full: Vec<Full>,
    took: Duration,
}

/// Looks at lanes that have a limit.
pub(crate) async fn look(queue: &Queue, limits: &HashMap<i64, Limit>) -> Result<Looked, StorageError> {
    let started = Instant::now();
    let lanes: Vec<i64> = limits.keys().copied().collect();
    let mut full = Vec::new();
    for depth in queue.depths_of(&lanes).await? {
        let Some(limit) = limits.get(&depth.mapping_id) else { continue };
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        let excess = limit.excess(count(depth.events), count(depth.bytes));
        if !excess.is_none() {
            let oldest = queue.page(depth.mapping_id, i64::MIN, OLDEST_MAX, true).await?;
            full.push(Full { mapping_id: depth.mapping_id, excess, oldest });
        }
    }
    Ok(Looked { full, took: started.elapsed() })
}

/// When to look, and what is said about it.
#[derive(Debug, Default)]
pub(crate) struct Overflow {
    limits: HashMap<i64, Limit>,
    next_at: Moment,
    is_looking: bool,
    /// The lanes that are full, and when they last buried something.
    full: HashMap<i64, Moment>,
}

impl Overflow {
    pub(crate) fn configure(&mut self, limits: HashMap<i64, Limit>) {
        self.limits = limits;
    }

    /// Whether a lane buries its oldest, or did until a moment ago.
    pub(crate) fn is_burying(&self, mapping_id: i64) -> bool {
        self.full.contains_key(&mapping_id)
    }

    /// When to look again.
    pub(crate) fn next_tick(&self) -> Option<Moment> {
        (!self.is_looking && !self.limits.is_empty()).then_some(self.next_at)
    }

    /// The lanes of `owned` partitions to look at now, if it is time.
    pub(crate) fn begin(
        &mut self,
        now: Moment,
        owned: impl FnOnce() -> Vec<i16>,
    ) -> Option<HashMap<i64, Limit>> {
        if self.next_tick().is_none_or(|at| at > now) {
            return None;
        }
        let partitions = owned();
        let is_ours = |lane: &i64| partitions.contains(&partition_of(*lane));
        let ours: HashMap<i64, Limit> = self
            .limits
            .iter()
            .filter(|(lane, _)| is_ours(lane))
            .map(|(lane, limit)| (*lane, *limit))
            .collect();
        self.is_looking = !ours.is_empty();
        self.next_at = now + LOOK_PAUSE;
        (!ours.is_empty()).then_some(ours)
    }

    /// A look is over; says which lanes begin and which cease to be full.
    pub(crate) fn looked(&mut self, now: Moment, looked: &Looked) {
        self.is_looking = false;
        let has_more = looked.full.iter().any(Full::has_more);
        self.next_at = now
            + if has_more { LOOK_AGAIN.max(looked.took) } else { LOOK_PAUSE.max(looked.took * LOOK_SHARE) };
        for Full { mapping_id, excess, .. } in &looked.full {
            if self.full.insert(*mapping_id, now).is_none() {
                let Excess { events, bytes } = *excess;
                warn!(mapping_id, events, bytes, "a lane holds more than it may: its oldest is buried");
            }
        }
        self.full.retain(|mapping_id, last| {
            let is_full = now.saturating_sub(*last) < CALM;
            if !is_full {
                info!(mapping_id, "a lane that buried its oldest is not full any more");
            }
            is_full
        });
    }
}
