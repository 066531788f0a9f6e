//! Lane: one mapping's queue, from rows that were found to requests that may be sent.
//!
//! Invariants: no event is under way twice; never more requests under way than the pace allows; a row whose
//! settlement has no answer yet is not sent; an ordered lane sends nothing while something before it is not settled.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

pub(crate) mod breaker;
mod closing;
pub(crate) mod discovery;
mod fill;
mod flight;
pub(crate) mod latency;
mod load;
mod ordered;
mod overflow;
pub(crate) mod pace;
mod part;
mod row;
mod rows;
mod send;
mod settle;

use self::breaker::Breaker;
use self::discovery::Discovery;
use self::fill::{Fills, Shape};
use self::flight::{Flight, Settling};
use self::pace::Pace;
pub(crate) use self::rows::Kind;
use self::rows::{Entry, Rows, State};
use crate::lanes::action::{FoundRow, LaneSettings, Moment};
use crate::lanes::context::Context;

/// Due retries that are known at a time.
const RETRIES_KNOWN_MAX: usize = 256;
/// One mapping's queue.
#[derive(Debug)]
pub(crate) struct Lane {
    mapping_id: i64,
    /// Tells this lane from one the same mapping had before: answers meant for that one are not for this.
    pub(crate) generation: u64,
    settings: Arc<LaneSettings>,
    shape: Shape,
    discovery: Discovery,
    fresh: Rows,
    retries: Rows,
    unloaded: BTreeSet<i64>,
    due_unloaded: VecDeque<i64>,
    due_loaded: VecDeque<i64>,
    fills: Fills,
    /// Fresh events loaded or being loaded that are not taken.
    ahead_events: u32,
    ahead_bytes: usize,
    retries_ahead: u32,
    /// Bytes of all rows loaded or being loaded.
    held_bytes: usize,
    /// Requests that are under way or not settled.
    unsettled: usize,
    pace: Pace,
    breaker: Breaker,
    flights: HashMap<u64, Flight>,
    concluding: VecDeque<flight::Ended>,
    settling: HashMap<u64, Settling>,
    /// Retries whose settlement has no answer: found before that, they are not to be sent.
    unsettled_retries: BTreeSet<i64>,
    /// Retries that were dealt with while a page was being read: it may tell them as they were before.
    dealt_with: BTreeSet<i64>,
    /// Rows at whose addresses others were told that are not parts of them: dead letters that were redriven while the row they
    /// came from is still at work. They are read once it is done with.
    shadowing: BTreeSet<i64>,
    /// Rows that are buried, and may still be told by the page that is being read.
    parted: Vec<(Kind, i64)>,
    turn: u32,
    /// What it has in memory does not hold any more.
    is_closing: bool,
    /// When to look again without an input.
    pub(crate) wake_at: Option<Moment>,
    /// It would load more if so much memory were free.
    pub(crate) starves_until: Option<usize>,
    /// It would send more if so many requests were free.
    pub(crate) held_up_until: Option<usize>,
    /// It may have due retries that it was not told, or did not take in, because it knew enough.
    pub(crate) is_passed_over: bool,
}

impl Lane {
    pub(crate) fn new(
        mapping_id: i64,
        generation: u64,
        settings: Arc<LaneSettings>,
        discovery: Discovery,
    ) -> Self {
        Self {
            mapping_id,
            generation,
            shape: Shape::of(&settings),
            pace: Pace::new(settings.max_concurrency, settings.rate_limit),
            // The order of what is scheduled and what is not is known only from a page.
            discovery: if settings.ordered { Discovery::behind() } else { discovery },
            settings,
            fresh: Rows::default(),
            retries: Rows::default(),
            unloaded: BTreeSet::new(),
            due_unloaded: VecDeque::new(),
            due_loaded: VecDeque::new(),
            fills: Fills::default(),
            ahead_events: 0,
            ahead_bytes: 0,
            retries_ahead: 0,
            held_bytes: 0,
            unsettled: 0,
            breaker: Breaker::new(),
            flights: HashMap::new(),
            concluding: VecDeque::new(),
            settling: HashMap::new(),
            unsettled_retries: BTreeSet::new(),
            dealt_with: BTreeSet::new(),
            shadowing: BTreeSet::new(),
            parted: Vec::new(),
            turn: 0,
            is_closing: false,
            wake_at: None,
            starves_until: None,
            held_up_until: None,
            is_passed_over: false,
        }
    }

    /// New settings for what is not under way yet.
    pub(crate) fn configure(&mut self, settings: Arc<LaneSettings>, cx: &mut Context) {
        self.pace.configure(settings.max_concurrency, settings.rate_limit);
        self.shape = Shape::of(&settings);
        let is_read_anew =
            settings.ordered != self.settings.ordered || settings.purges != self.settings.purges;
        if settings.retries != self.settings.retries {
            self.try_again_now(cx.now);
        }
        self.settings = settings;
        self.unload(cx);
        if is_read_anew {
            self.close();
        }
    }

    /// The receiver is said to be back: nothing that it asked for or failed at holds its lane back.
    fn try_again_now(&mut self, now: Moment) {
        self.breaker.probe_now(now);
        self.pace.go_on();
        for (_, retry) in self.retries.iter_mut() {
            retry.due = retry.due.min(now);
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    pub(crate) fn breaker(&self) -> breaker::State {
        self.breaker.state()
    }

    pub(crate) fn window(&self) -> u32 {
        if self.breaker.is_doubtful() { 1 } else { self.pace.window() }
    }

    pub(crate) fn known_rows(&self) -> usize {
        self.fresh.len() + self.retries.len()
    }

    /// How many requests have not been settled.
    pub(crate) fn unsettled(&self) -> usize {
        self.unsettled
    }

    /// Whether more due retries are no use to it: some that it knows are not even being loaded; in an ordered lane, the first
    /// is known to be due.
    pub(crate) fn has_retries_enough(&self, now: Moment) -> bool {
        if self.settings.ordered {
            self.retries.first().is_some_and(|(_, entry)| entry.due <= now)
        } else {
            !self.due_unloaded.is_empty() || self.is_full_of_retries()
        }
    }

    fn is_full_of_retries(&self) -> bool {
        self.retries.len() >= RETRIES_KNOWN_MAX
    }

    /// Nothing under way and nothing to settle.
    pub(crate) fn is_quiet(&self) -> bool {
        self.flights.is_empty() && self.concluding.is_empty() && self.settling.is_empty()
    }

    /// Nothing worth remembering.
    pub(crate) fn is_idle(&self, now: Moment) -> bool {
        self.is_empty() && self.breaker.is_rested(now) && self.pace.rested_at() <= now
    }

    /// Nothing queued, nothing under way.
    fn is_empty(&self) -> bool {
        let is_empty = self.fresh.is_empty() && self.retries.is_empty();
        is_empty && self.is_quiet() && self.discovery.is_caught_up()
    }

    // ---- discovery

    /// Rows may be queued that were not told.
    pub(crate) fn look_again(&mut self) {
        self.discovery.look_again();
    }

    /// A row was told.
    pub(crate) fn found(&mut self, row: FoundRow, now: Moment) {
        let Some(due_in) = row.due_in else {
            if !self.is_taken(row.position) && self.discovery.accepts(row.position, self.fresh.len()) {
                self.know_fresh(row);
            }
            return;
        };
        if self.retries.contains(row.position)
            || !self.settings.ordered
            || self.discovery.accepts(row.position, self.fresh.len() + self.retries.len())
        {
            self.know_retry(row, now + due_in);
        }
    }

    /// A page of rows was read.
    pub(crate) fn paged(&mut self, rows: &[FoundRow], is_full: bool, now: Moment) {
        for row in rows {
            if let Some(due_in) = row.due_in {
                if !self.dealt_with.contains(&row.position) {
                    self.know_retry(*row, now + due_in);
                }
            } else if !self.is_taken(row.position) {
                self.know_fresh(*row);
            }
        }
        self.discovery.paged(rows.last().map(|row| row.position), is_full);
        self.dealt_with.clear();
        self.forget_parted();
    }

    /// Whether an address belongs to a row that is known, or to one that is at work. Rows that were split are told again, in parts;
    /// another row comes later.
    fn is_taken(&mut self, address: i64) -> bool {
        if self.is_at_work(address) {
            self.shadowing.insert(address);
            return true;
        }
        let Some((position, entry)) = self.fresh.covering(address) else { return false };
        let is_part = match &entry.state {
            State::Loaded(row) => row.is_stored_at(address),
            State::Known | State::Loading => position == address,
            State::Parting => false,
        };
        if !is_part {
            self.shadowing.insert(position);
        }
        true
    }

    /// Whether a retry at this address is under way, or what became of it has no answer yet.
    fn is_at_work(&self, address: i64) -> bool {
        let is_busy = |entry: &Entry| match &entry.state {
            State::Loaded(row) => row.is_touched(),
            State::Parting => true,
            State::Known | State::Loading => false,
        };
        self.unsettled_retries.contains(&address) || self.retries.entry(address).is_some_and(is_busy)
    }

    /// A row is not known any more: what was told at its addresses is read now.
    fn uncover(&mut self, position: i64) {
        if self.shadowing.remove(&position) {
            self.look_again();
        }
    }

    fn know_fresh(&mut self, row: FoundRow) {
        let entry = Entry { events: row.events, bytes: row.bytes, due: Moment::ZERO, state: State::Known };
        self.unloaded.insert(row.position);
        self.fresh.insert(row.position, entry);
    }

    fn know_retry(&mut self, row: FoundRow, due: Moment) {
        if let Some(entry) = self.retries.entry_mut(row.position) {
            entry.due = entry.due.min(due);
            return;
        }
        if !self.settings.ordered && self.is_full_of_retries() {
            self.is_passed_over = true;
            return;
        }
        if self.unsettled_retries.contains(&row.position) {
            return;
        }
        self.retries
            .insert(row.position, Entry { events: row.events, bytes: row.bytes, due, state: State::Known });
        if !self.settings.ordered {
            self.due_unloaded.push_back(row.position);
        }
    }
}
