//! Decisions: what one dispatcher does next, from its heartbeats to its requests, without a clock, I/O or randomness.
//!
//! The driver answers these questions with Postgres and real receivers, the simulation with models of both. Invariants:
//! whether the lease still holds is decided before anything else whenever the process wakes up; one heartbeat and one
//! look at the queue's tail are under way at a time; a backlog is looked for only after a look that left it out has ended.

use std::collections::VecDeque;
use std::time::Duration;

use crate::lanes::action::{Action, FoundRow, Moment, Owned};
use crate::lanes::{Lanes, Limits};
use crate::ownership::Ownership;

/// The first wait of the poll after something arrived; it doubles up to the configured one.
const POLL_FIRST: Duration = Duration::from_millis(500);

/// Something for the shell to do; `S` is what it knows of what was visible when.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the large one is the usual one, and few exist at a time")]
pub(crate) enum Task<S> {
    /// Say that we live, and whether we take anything; and give these partitions back.
    Beat { releasing: Vec<i16>, is_stopping: bool },
    /// Look for rows of these partitions that became visible since.
    Look { since: S, partitions: Vec<i16> },
    /// Find out which lanes of these partitions have anything.
    LookBehind(Vec<i16>),
    /// What a lane asks for.
    Act(Action),
}

/// All that one dispatcher decides.
#[derive(Debug)]
pub(crate) struct Decisions<S> {
    pub(crate) lanes: Lanes,
    ownership: Ownership,
    tail: Tail<S>,
    tasks: VecDeque<Task<S>>,
    is_configured: bool,
}

/// Following what arrives.
#[derive(Debug)]
struct Tail<S> {
    seen: Option<S>,
    poll: Duration,
    is_looking: bool,
    is_hinted: bool,
    next_at: Moment,
    wait: Duration,
    /// Acquired, and not looked through yet.
    backlog: Vec<i16>,
}

impl<S: Clone> Decisions<S> {
    pub(crate) fn new(limits: Limits, lease: Duration, poll: Duration) -> Self {
        Self {
            lanes: Lanes::new(limits),
            ownership: Ownership::new(lease),
            tail: Tail {
                seen: None,
                poll,
                is_looking: false,
                is_hinted: false,
                next_at: Moment::ZERO,
                wait: POLL_FIRST,
                backlog: Vec::new(),
            },
            tasks: VecDeque::new(),
            is_configured: false,
        }
    }

    /// What is visible now: everything after it will be told by looks.
    pub(crate) fn begin(&mut self, seen: S) {
        self.tail.seen = Some(seen);
    }

    /// The settings are known: from now on it says that it lives, and owns.
    pub(crate) fn configured(&mut self) {
        self.is_configured = true;
    }

    /// Take up nothing new, finish what is under way.
    pub(crate) fn stop(&mut self, now: Moment) {
        self.lanes.stop(now);
    }

    /// First of all when the process wakes up, for it may have slept: `true` when the lease has ended since.
    pub(crate) fn wake(&mut self, now: Moment) -> bool {
        let is_over = self.ownership.expires(now);
        if is_over {
            self.lanes.suspend(now);
        }
        is_over
    }

    /// Last of all, when it has been told everything: what is to be done is asked for by [`Self::next_task`] then.
    pub(crate) fn decide(&mut self, now: Moment) {
        self.lanes.tick(now);
        self.beat(now);
        self.look(now);
    }

    /// The next thing to do. To be asked until there is none.
    pub(crate) fn next_task(&mut self) -> Option<Task<S>> {
        loop {
            if let Some(task) = self.tasks.pop_front() {
                return Some(task);
            }
            match self.lanes.next_action()? {
                Action::Backlog(partitions) => {
                    self.tail.backlog.extend(partitions);
                    self.look_behind();
                }
                action => return Some(Task::Act(action)),
            }
        }
    }

    /// When to wake up without being told anything.
    pub(crate) fn next_tick(&self) -> Option<Moment> {
        let look = (!self.tail.is_looking).then_some(self.tail.next_at);
        [self.lanes.next_tick(), self.ownership.next_tick(), look].into_iter().flatten().min()
    }

    // ---- ownership

    /// Partitions may be free, or wanted by others.
    pub(crate) fn hint_partitions(&mut self) {
        self.ownership.hint();
    }

    /// How long a heartbeat may take: after that, another is worth more.
    pub(crate) fn patience(&self) -> Duration {
        self.ownership.patience()
    }

    fn beat(&mut self, now: Moment) {
        let releasing = self.lanes.drained_partitions();
        if !releasing.is_empty() {
            self.ownership.hint();
        }
        if self.is_configured && self.ownership.begin(now) {
            self.tasks.push_back(Task::Beat { releasing, is_stopping: self.lanes.is_stopping() });
        }
    }

    /// A heartbeat that was sent then was answered: what it gave back, and all that is ours. Whether that holds
    /// beyond doubt: the answer may have been long on its way.
    pub(crate) fn beaten(&mut self, now: Moment, sent_at: Moment, released: &[i16], owned: &[Owned]) -> bool {
        let is_valid = self.ownership.beaten(sent_at, now);
        self.lanes.released(released);
        self.lanes.own(now, owned, is_valid);
        is_valid
    }

    /// A heartbeat was not answered, or not in time: what it did is not known.
    pub(crate) fn not_beaten(&mut self, now: Moment) {
        self.ownership.failed(now);
    }

    // ---- the tail of the queue

    /// Something may have arrived.
    pub(crate) fn hint_arrivals(&mut self) {
        self.tail.is_hinted = true;
    }

    fn look(&mut self, now: Moment) {
        if self.tail.is_looking || (!self.tail.is_hinted && self.tail.next_at > now) {
            return;
        }
        let partitions = self.lanes.owned_partitions();
        self.tail.is_hinted = false;
        let Some(since) = self.tail.seen.clone().filter(|_| !partitions.is_empty()) else {
            self.tail.next_at = now + POLL_FIRST;
            return;
        };
        self.tail.is_looking = true;
        self.tasks.push_back(Task::Look { since, partitions });
    }

    /// What a look found, and what was visible to it. `is_cut`: there was more, and each lane has to be read
    /// for it, also for what was told: without what is missing it is not in order.
    pub(crate) fn arrived(&mut self, now: Moment, rows: &[FoundRow], is_cut: bool, seen: S) {
        let tail = &mut self.tail;
        tail.seen = Some(seen);
        tail.is_looking = false;
        let wait = if rows.is_empty() { tail.wait * 2 } else { POLL_FIRST };
        tail.wait = wait.min(tail.poll);
        tail.next_at = now + tail.wait;
        if is_cut {
            self.tail.backlog = self.lanes.owned_partitions();
            self.lanes.read_on(now);
        } else {
            self.lanes.arrived(now, rows);
        }
        self.look_behind();
    }

    /// Only after a look that left these partitions out has ended: what it passed over, this must see.
    fn look_behind(&mut self) {
        if !self.tail.is_looking && !self.tail.backlog.is_empty() {
            self.tasks.push_back(Task::LookBehind(std::mem::take(&mut self.tail.backlog)));
        }
    }
}
