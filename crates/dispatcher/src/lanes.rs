//! Lanes: every decision of the dispatcher, without a clock, I/O or randomness.
//!
//! Inputs are what was found, loaded, answered and owned, and the time; outputs are [`Action`]s. Invariants: an input
//! touches the lanes it is about and no other, so a lane that hangs holds up none; nothing is sent for a partition that
//! is not ours beyond doubt; a lane with nothing to do is not in memory.

pub mod action;
pub(crate) mod context;
mod owning;
mod partitions;
mod reading;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use signalpost_storage::partition_of;

use self::action::{Action, Excess, FoundRow, LaneSettings, Moment, Report, Settled};
pub use self::context::Limits;
use self::context::{Context, LoadKey};
use self::partitions::Partitions;
use crate::lane::discovery::Discovery;
use crate::lane::{Lane, breaker};

/// All lanes of this dispatcher.
#[derive(Debug)]
pub struct Lanes {
    settings: HashMap<i64, Arc<LaneSettings>>,
    by_mapping: HashMap<i64, Lane>,
    partitions: Partitions,
    cx: Context,
    timers: BTreeSet<(Moment, i64)>,
    /// Lanes that would load more, by how much has to be free for it.
    starving: BTreeSet<(usize, i64)>,
    /// Lanes that would send more, by how many requests have to be free for it.
    held_up: BTreeSet<(usize, i64)>,
    /// Which lane made a request.
    requests: HashMap<u64, i64>,
    /// Which lane asked for a settlement, in which epoch.
    settlements: HashMap<u64, (i64, i64)>,
    /// What was asked for, and when.
    loads: HashMap<u64, (Moment, Vec<LoadKey>)>,
    is_finding_due: bool,
    find_due_not_before: Moment,
    /// Lanes that looks for due retries leave out, until one comes to the end: they told nothing new.
    seen_through: BTreeSet<i64>,
    generations: u64,
}

/// What a lane shows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneView {
    /// Whose.
    pub mapping_id: i64,
    /// Requests under way.
    pub in_flight: usize,
    /// How many may be.
    pub window: u32,
    /// Rows it knows to be queued.
    pub known_rows: usize,
    /// Whether its breaker keeps it from sending.
    pub is_open: bool,
    /// When an open breaker lets a request through; none while that one is under way.
    pub next_probe: Option<Moment>,
}

impl Lanes {
    /// Owns nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            settings: HashMap::new(),
            by_mapping: HashMap::new(),
            partitions: Partitions::default(),
            cx: Context::new(limits),
            timers: BTreeSet::new(),
            starving: BTreeSet::new(),
            held_up: BTreeSet::new(),
            requests: HashMap::new(),
            settlements: HashMap::new(),
            loads: HashMap::new(),
            is_finding_due: false,
            find_due_not_before: Moment::ZERO,
            seen_through: BTreeSet::new(),
            generations: 0,
        }
    }

    // ---- what happened

    /// Rows that became visible.
    pub fn arrived(&mut self, now: Moment, rows: &[FoundRow]) {
        self.cx.now = now;
        self.found(rows);
    }

    /// A lane holds more than it may: of its oldest rows, those that only wait are given up until the excess is gone.
    pub fn overflow(&mut self, now: Moment, mapping_id: i64, oldest: &[FoundRow], excess: Excess) {
        self.cx.now = now;
        let right = self.partitions.right(partition_of(mapping_id)).filter(|right| right.may_send);
        let Some(right) = right else { return };
        if self.lane(mapping_id, Discovery::caught_up).is_none() {
            return;
        }
        if let Some(lane) = self.by_mapping.get_mut(&mapping_id).filter(|lane| !lane.is_closing()) {
            lane.overflow(oldest, excess, right, &mut self.cx);
            self.advance(mapping_id);
            self.feed();
        }
    }

    /// A request is over. `random` is uniform in `0.0..1.0`.
    pub fn reported(&mut self, now: Moment, request: u64, report: Report, random: f64) {
        self.cx.now = now;
        let Some(mapping_id) = self.requests.remove(&request) else { return };
        if matches!(report, Report::Cancelled) {
            self.partitions.cut_off(partition_of(mapping_id));
        }
        if let Some(right) = self.partitions.right(partition_of(mapping_id))
            && let Some(lane) = self.by_mapping.get_mut(&mapping_id)
        {
            lane.ended(request, report, random, right, &mut self.cx);
            self.advance(mapping_id);
            self.feed();
        }
    }

    /// A settlement was answered.
    pub fn settled(&mut self, now: Moment, settlement: u64, settled: Settled) {
        self.cx.now = now;
        let Some((mapping_id, epoch)) = self.settlements.remove(&settlement) else { return };
        let partition = partition_of(mapping_id);
        match (settled, self.partitions.right(partition)) {
            (Settled::Done, Some(right)) => {
                if let Some(lane) = self.by_mapping.get_mut(&mapping_id) {
                    lane.settled(settlement, right, &mut self.cx);
                    self.advance(mapping_id);
                    self.feed();
                }
            }
            (Settled::Stale, Some(right)) if right.epoch == epoch => {
                for mapping_id in self.lanes_of(partition) {
                    self.drop_lane(mapping_id);
                }
                self.partitions.forget(partition);
            }
            // What was asked for in an epoch that we know to be over says nothing about this one.
            (Settled::Stale, Some(_)) | (_, None) => {}
        }
    }

    // ---- time and actions

    /// Time has passed.
    pub fn tick(&mut self, now: Moment) {
        self.cx.now = now;
        while let Some(&(at, mapping_id)) = self.timers.first().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, mapping_id));
            self.advance(mapping_id);
        }
        self.feed();
    }

    /// When to tick next, if nothing else happens.
    pub fn next_tick(&self) -> Option<Moment> {
        let lane = self.timers.first().map(|(at, _)| *at);
        let due = (self.partitions.may_send() && !self.is_finding_due).then_some(self.find_due_at());
        lane.into_iter().chain(due).min()
    }

    /// The next thing to do. To be asked until there is none, after every few inputs.
    pub fn next_action(&mut self) -> Option<Action> {
        let action =
            self.cx.actions.pop_front().or_else(|| self.next_load()).or_else(|| self.next_find_due())?;
        match &action {
            Action::Send(request) => _ = self.requests.insert(request.id, request.mapping_id),
            Action::Settle(settlement) => {
                self.settlements.insert(settlement.id, (settlement.mapping_id, settlement.epoch));
            }
            _ => {}
        }
        Some(action)
    }

    /// What each lane in memory shows of itself.
    pub fn views(&self) -> impl Iterator<Item = LaneView> {
        self.by_mapping.iter().map(|(mapping_id, lane)| LaneView {
            mapping_id: *mapping_id,
            in_flight: lane.in_flight(),
            window: lane.window(),
            known_rows: lane.known_rows(),
            is_open: lane.breaker() != breaker::State::Closed,
            next_probe: match lane.breaker() {
                breaker::State::Open { until, .. } => Some(until),
                breaker::State::Closed | breaker::State::Probing { .. } => None,
            },
        })
    }

    /// Bytes of rows in memory.
    pub fn loaded_bytes(&self) -> usize {
        self.cx.loaded_bytes
    }

    /// The epoch in which we think that we own a lane.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn epoch(&self, mapping_id: i64) -> Option<i64> {
        self.partitions.right(partition_of(mapping_id)).map(|right| right.epoch)
    }

    /// Requests that are under way or not settled.
    pub fn unsettled(&self) -> usize {
        self.cx.unsettled
    }

    // ---- lanes

    fn lane(&mut self, mapping_id: i64, discovery: fn() -> Discovery) -> Option<&mut Lane> {
        if self.partitions.is_leaving_or_foreign(partition_of(mapping_id)) {
            return None;
        }
        let settings = self.settings.get(&mapping_id)?;
        let generations = &mut self.generations;
        Some(self.by_mapping.entry(mapping_id).or_insert_with(|| {
            *generations += 1;
            Lane::new(mapping_id, *generations, Arc::clone(settings), discovery())
        }))
    }

    fn wake_behind(&mut self, mapping_id: i64) {
        if let Some(lane) = self.lane(mapping_id, Discovery::behind) {
            lane.look_again();
            self.advance(mapping_id);
        }
    }

    fn lanes_of(&self, partition: i16) -> Vec<i64> {
        self.by_mapping.keys().filter(|mapping_id| partition_of(**mapping_id) == partition).copied().collect()
    }

    fn advance(&mut self, mapping_id: i64) {
        let Some(lane) = self.by_mapping.get_mut(&mapping_id) else { return };
        let Some(right) = self.partitions.right(partition_of(mapping_id)) else { return };
        if let Some(at) = lane.wake_at {
            self.timers.remove(&(at, mapping_id));
        }
        if let Some(needed) = lane.starves_until.take() {
            self.starving.remove(&(needed, mapping_id));
        }
        if let Some(needed) = lane.held_up_until.take() {
            self.held_up.remove(&(needed, mapping_id));
        }
        lane.advance(right, &mut self.cx);
        if lane.is_closing() && lane.is_quiet() {
            self.read_anew(mapping_id);
            return;
        }
        if let Some(at) = lane.wake_at {
            self.timers.insert((at, mapping_id));
        }
        if let Some(needed) = lane.starves_until {
            self.starving.insert((needed, mapping_id));
        }
        if let Some(needed) = lane.held_up_until {
            self.held_up.insert((needed, mapping_id));
        }
        if lane.is_passed_over && !lane.has_retries_enough(self.cx.now) {
            lane.is_passed_over = false;
            self.cx.find_due_at = self.cx.now;
        }
        if lane.is_idle(self.cx.now) {
            self.drop_lane(mapping_id);
        }
    }

    /// Forgets what waits in a lane, and reads its queue from the beginning.
    fn read_anew(&mut self, mapping_id: i64) {
        let Some(before) = self.drop_lane(mapping_id) else { return };
        if self.lane(mapping_id, Discovery::behind).is_some()
            && let Some(lane) = self.by_mapping.get_mut(&mapping_id)
        {
            lane.go_on_after(before, &mut self.cx);
            self.wake_behind(mapping_id);
        }
    }

    fn advance_all(&mut self) {
        for mapping_id in self.all_lanes() {
            self.advance(mapping_id);
        }
    }

    fn all_lanes(&self) -> Vec<i64> {
        in_order(self.by_mapping.keys())
    }

    /// Lanes that had to wait for the others, as long as there is room; who has least goes first.
    fn feed(&mut self) {
        while let Some(&(needed, mapping_id)) = self.held_up.first()
            && needed <= self.cx.free_requests()
        {
            self.held_up.remove(&(needed, mapping_id));
            self.advance(mapping_id);
        }
        while let Some(&(needed, mapping_id)) = self.starving.first()
            && needed <= self.cx.free_bytes()
        {
            self.starving.remove(&(needed, mapping_id));
            self.advance(mapping_id);
        }
    }

    /// Forgets a lane with all it has under way: answers that come later are nobody's.
    fn drop_lane(&mut self, mapping_id: i64) -> Option<Lane> {
        let lane = self.by_mapping.remove(&mapping_id)?;
        if let Some(at) = lane.wake_at {
            self.timers.remove(&(at, mapping_id));
        }
        if let Some(needed) = lane.starves_until {
            self.starving.remove(&(needed, mapping_id));
        }
        if let Some(needed) = lane.held_up_until {
            self.held_up.remove(&(needed, mapping_id));
        }
        self.cx.loaded_bytes -= lane.held_bytes();
        self.cx.unsettled -= lane.unsettled();
        if !lane.is_quiet() {
            self.requests.retain(|_, of| *of != mapping_id);
            self.settlements.retain(|_, (of, _)| *of != mapping_id);
        }
        Some(lane)
    }
}

/// The same every time, so that a seed of the simulation replays.
fn in_order<'a>(mapping_ids: impl Iterator<Item = &'a i64>) -> Vec<i64> {
    let mut mapping_ids: Vec<i64> = mapping_ids.copied().collect();
    mapping_ids.sort_unstable();
    mapping_ids
}
