//! One run: dispatchers, Postgres and receivers, and whatever happens between them, each after a random delay.
//!
//! Here are its agenda, its beginning and its end; what dispatchers and Postgres do, and what goes wrong, is beside it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use signalpost_core::outcome::Outcome;

use super::database::{Database, events};
use super::defect::Defect;
use super::ledger::{self, Ledger};
use super::plan::Plan;
use super::process::{Process, Question, State, Told};
use super::receiver::Answer;
use crate::lanes::action::{Moment, Request};

mod dispatchers;
mod faults;
mod postgres;

use faults::Disturbance;

/// A run that takes longer is stuck.
const TIME_MAX: Duration = Duration::from_hours(2);

/// Something that happens at a moment.
#[derive(Debug)]
pub(super) enum Happening {
    Commit {
        mapping_id: i64,
        position: i64,
        number: u64,
        events: Vec<u64>,
        target: Option<Arc<str>>,
    },
    Start,
    /// A process looks at its inbox and its clock.
    Step(usize),
    Wake(usize),
    /// A process that aborts waits no longer.
    GiveUp(usize),
    Disturb(Disturbance),
    /// A question reaches Postgres.
    Asked(usize, Question),
    Tell(usize, Told),
    /// A request reaches its receiver.
    Arrive(usize, ledger::Sender, Box<Request>),
}

pub(super) struct World {
    pub(super) random: StdRng,
    pub(super) plan: Plan,
    defect: Option<Defect>,
    pub(super) database: Database,
    pub(super) ledger: Ledger,
    processes: Vec<Process>,
    now: Moment,
    agenda: BinaryHeap<Reverse<(Moment, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    count: u64,
    to_commit: usize,
    pub(super) steps: u64,
    pub(super) trace: Option<Vec<String>>,
}

impl World {
    pub(super) fn new(plan: Plan, defect: Option<Defect>, random: StdRng, is_traced: bool) -> Self {
        let mut world = Self {
            random,
            plan,
            defect,
            database: Database::new(defect),
            ledger: Ledger::default(),
            processes: Vec::new(),
            now: Moment::ZERO,
            agenda: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            count: 0,
            to_commit: 0,
            steps: 0,
            trace: is_traced.then(Vec::new),
        };
        world.prepare();
        world
    }

    /// What will be queued, and what will go wrong.
    fn prepare(&mut self) {
        let (mut event, mut rows) = (0, Vec::new());
        let lanes: Vec<(i64, bool)> = self.plan.lanes.iter().map(|(id, lane)| (*id, lane.ordered)).collect();
        for (mapping_id, is_ordered) in lanes {
            let has_targets = self.random.random_bool(0.3);
            let mut at = Moment::ZERO;
            for row in 1..=self.random.random_range(1..40) {
                let count = self.random.random_range(1..8);
                let events: Vec<u64> = (event..event + count).collect();
                event += count;
                at += self.millis(0, 30);
                // Positions are given before the commit: rows of other committers become visible late.
                let late = if is_ordered { Duration::ZERO } else { self.millis(0, 200) };
                let target = has_targets.then(|| Arc::from(format!("t{}", self.random.random_range(0..3))));
                rows.push((at, late, mapping_id, row * 10_000, events, target));
            }
        }
        rows.sort_by_key(|(at, ..)| *at);
        self.to_commit = rows.len();
        for (number, (at, late, mapping_id, position, events, target)) in (1..).zip(rows) {
            self.at(at + late, Happening::Commit { mapping_id, position, number, events, target });
        }
        for _ in 0..self.plan.faults.dispatchers {
            let at = self.millis(0, 300);
            self.at(at, Happening::Start);
        }
        self.prepare_faults();
    }

    pub(super) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.random.random_range(from..to))
    }

    fn at(&mut self, moment: Moment, happening: Happening) {
        self.count += 1;
        self.agenda.push(Reverse((moment, self.count)));
        self.happenings.insert(self.count, happening);
    }

    pub(super) fn after(&mut self, from: u64, to: u64, happening: Happening) {
        let at = self.now + self.millis(from, to);
        self.at(at, happening);
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.3} {}", now.as_secs_f64(), line()));
        }
    }

    pub(super) fn now(&self) -> Moment {
        self.now
    }

    pub(super) fn run(&mut self) -> Result<(), String> {
        while !self.is_finished() {
            let Some(Reverse((moment, id))) = self.agenda.pop() else {
                return Err("nothing will ever happen".to_owned());
            };
            self.now = self.now.max(moment);
            if self.now > TIME_MAX {
                return Err("stuck: something is queued, and nothing comes of it".to_owned());
            }
            if let Some(happening) = self.happenings.remove(&id) {
                self.steps += 1;
                self.happen(happening)?;
            }
        }
        self.check_end()
    }

    fn is_finished(&self) -> bool {
        let is_at_rest = |process: &Process| match process.state {
            State::Running => process.is_idle(),
            State::Asleep => false,
            State::Gone => true,
        };
        self.to_commit == 0
            && self.database.rows.is_empty()
            && self.ledger.is_idle()
            && self.processes.iter().all(is_at_rest)
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Commit { mapping_id, position, number, events, target } => {
                self.to_commit -= 1;
                self.note(|| format!("commit lane {mapping_id} position {position}: {events:?}"));
                self.ledger.committed(&events, self.now);
                self.database.at(self.now).commit(mapping_id, position, number, events, target);
                self.hint(|| Told::Arrivals);
            }
            Happening::Start => self.start(),
            Happening::Step(process) => self.step(process)?,
            Happening::Wake(process) => {
                if self.processes[process].state == State::Asleep {
                    self.note(|| format!("process {process} wakes up"));
                    self.processes[process].state = State::Running;
                    self.step(process)?;
                }
            }
            Happening::GiveUp(process) => {
                if self.processes[process].state == State::Running {
                    self.leave(process);
                }
            }
            Happening::Disturb(disturbance) => self.disturb(disturbance),
            Happening::Asked(process, question) => self.asked(process, question)?,
            Happening::Tell(process, told) => {
                self.processes[process].inbox.push(told);
                self.step(process)?;
            }
            Happening::Arrive(process, sender, request) => self.arrive(process, sender, &request)?,
        }
        Ok(())
    }

    fn arrive(&mut self, index: usize, sender: ledger::Sender, request: &Request) -> Result<(), String> {
        let mapping_id = request.mapping_id;
        let events = events(&super::receiver::body(request));
        let Answer { report, taken, known, after } = self.receive(mapping_id, &events);
        self.ledger.unanswered(taken.iter().filter(|event| !known.contains(event)));
        self.ledger.taken(sender, mapping_id, taken.into_iter(), &self.database, &self.plan)?;
        self.at(self.now + after, Happening::Tell(index, Told::Reported(request.id, report, known)));
        Ok(())
    }

    fn check_end(&self) -> Result<(), String> {
        self.ledger.check_end(&self.database, &self.plan)?;
        let running = self.processes.iter().filter(|process| process.state == State::Running);
        for lanes in running.map(|process| &process.decisions.lanes) {
            let (bytes, requests) = (lanes.loaded_bytes(), lanes.unsettled());
            if bytes != 0 || requests != 0 {
                return Err(format!("{bytes} bytes and {requests} requests are left over"));
            }
        }
        Ok(())
    }

    /// What there is, for whoever looks for the reason.
    pub(super) fn describe(&self) -> String {
        let rows: Vec<_> = self.database.rows.iter().take(10).collect();
        let lanes: Vec<_> =
            self.processes.iter().map(|p| (p.state, p.decisions.lanes.views().collect::<Vec<_>>())).collect();
        format!("at {:?}\n{:?}\nqueued: {rows:?}\nprocesses: {lanes:?}", self.now, self.plan)
    }

    /// How many processes there were.
    pub(super) fn processes(&self) -> usize {
        self.processes.len()
    }
}

/// An outcome that asks for another attempt.
pub(super) fn failure(after: Option<Duration>, is_overload: bool) -> Outcome {
    Outcome::Retryable { after, is_overload }
}
