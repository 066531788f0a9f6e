//! One run: dispatchers, Postgres and receivers, and whatever happens between them, each after a random delay.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use signalpost_core::outcome::Outcome;

use super::database::{Database, events};
use super::ledger::{self, Ledger};
use super::plan::{Defect, Plan};
use super::process::{self, Process, Question, State, Told};
use super::receiver::{Answer, shaped};
use crate::decisions::Task;
use crate::lanes::Limits;
use crate::lanes::action::{Action, Excess, Moment, Page, Request, Settled};

/// Due retries told at a time.
const DUE_MAX: usize = 7;
/// A run that takes longer is stuck.
const TIME_MAX: Duration = Duration::from_hours(2);
/// When faults are over.
const FAULTS_END: u64 = 3000;

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
    Disturb(Disturbance),
    /// A question reaches Postgres.
    Asked(usize, Question),
    Tell(usize, Told),
    /// A request reaches its receiver.
    Arrive(usize, ledger::Sender, Box<Request>),
}

/// A fault, of any process that runs then.
#[derive(Debug, Clone, Copy)]
pub(super) enum Disturbance {
    Drain,
    Kill,
    Sleep,
    Suspend,
    Leap,
    PostgresLeap,
    Measure,
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
    pub(super) fn new(seed: u64, defect: Option<Defect>, mut random: StdRng, is_traced: bool) -> Self {
        let plan = Plan::of(seed, &mut random);
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
        let faults = self.plan.faults.clone();
        for (count, disturbance) in [
            (faults.drains, Disturbance::Drain),
            (faults.kills, Disturbance::Kill),
            (faults.sleeps, Disturbance::Sleep),
            (faults.suspensions, Disturbance::Suspend),
            (faults.leaps, Disturbance::Leap),
            (faults.postgres_leaps, Disturbance::PostgresLeap),
            (faults.overflows, Disturbance::Measure),
        ] {
            for _ in 0..count {
                let at = self.millis(0, FAULTS_END);
                self.at(at, Happening::Disturb(disturbance));
            }
        }
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

    /// Most are told; polling is the truth, and not prompt.
    fn hint(&mut self, told: fn() -> Told) {
        let share = if self.plan.hanging.is_empty() { 0.9 } else { 1.0 };
        for process in 0..self.processes.len() {
            if self.processes[process].state != State::Gone && self.random.random_bool(share) {
                self.after(0, 20, Happening::Tell(process, told()));
            }
        }
    }

    // ---- processes

    fn start(&mut self) {
        let faults = &self.plan.faults;
        let limits = Limits { loaded_bytes: faults.loaded_bytes, unsettled: faults.unsettled };
        let mut process = Process::new(limits, self.now);
        process.decisions.begin(self.database.at(self.now).seen());
        let lanes = self.plan.lanes.iter().map(|(id, lane)| (*id, lane.clone())).collect();
        process.decisions.lanes.configure(Moment::ZERO, &lanes);
        process.decisions.configured();
        self.processes.push(process);
        let index = self.processes.len() - 1;
        self.note(|| format!("process {index} starts"));
        self.at(self.now, Happening::Step(index));
    }

    fn running(&mut self) -> Option<usize> {
        let running: Vec<usize> =
            (0..self.processes.len()).filter(|one| self.processes[*one].state == State::Running).collect();
        let last = running.len().checked_sub(1)?;
        Some(running[self.random.random_range(0..=last)])
    }

    fn disturb(&mut self, disturbance: Disturbance) {
        let Some(index) = self.running() else { return };
        match disturbance {
            Disturbance::Drain if !self.processes[index].is_stopping => {
                self.note(|| format!("process {index} is told to stop"));
                self.after(0, 300, Happening::Start);
                self.after(0, 5, Happening::Tell(index, Told::Stop));
            }
            Disturbance::Kill => {
                self.note(|| format!("process {index} is killed"));
                self.end(index);
                self.after(0, 2000, Happening::Start);
            }
            Disturbance::Sleep | Disturbance::Suspend => {
                let time = self.millis(10, 3500);
                let is_unnoticed = matches!(disturbance, Disturbance::Suspend);
                self.note(|| format!("process {index} sleeps for {time:?}, unnoticed: {is_unnoticed}"));
                let process = &mut self.processes[index];
                process.state = State::Asleep;
                process.planned = None;
                process.lag += if is_unnoticed { time } else { Duration::ZERO };
                self.at(self.now + time, Happening::Wake(index));
            }
            Disturbance::Leap => {
                let lead = self.millis(10, 60_000);
                self.processes[index].lead += lead;
                self.note(|| format!("the clock of process {index} leaps"));
                self.after(0, 5, Happening::Step(index));
            }
            Disturbance::PostgresLeap => {
                let (ahead, behind) = (self.millis(0, 3000), self.millis(0, 3000));
                self.note(|| format!("Postgres's clock leaps by {ahead:?} - {behind:?}"));
                self.database.leap(ahead, behind);
            }
            Disturbance::Measure => self.measure(index),
            Disturbance::Drain => {}
        }
    }

    /// Some lane of a process holds more than it may.
    fn measure(&mut self, index: usize) {
        let lanes: Vec<i64> = self.plan.lanes.keys().copied().collect();
        let mapping_id = lanes[self.random.random_range(0..lanes.len())];
        let page = Page { generation: 0, mapping_id, after: 0, limit: 20, include_scheduled: true };
        let oldest = self.database.at(self.now).page(&page);
        let excess = Excess { events: self.random.random_range(1..30), bytes: 0 };
        self.after(0, 20, Happening::Tell(index, Told::Overflowing(mapping_id, oldest, excess)));
    }

    fn end(&mut self, index: usize) {
        self.processes[index].state = State::Gone;
        self.processes[index].inbox.clear();
        self.ledger.gone(index);
    }

    /// What the driver does whenever it wakes up.
    fn step(&mut self, index: usize) -> Result<(), String> {
        let now = self.now;
        let process = &mut self.processes[index];
        if process.state != State::Running {
            if process.state == State::Gone {
                process.inbox.clear();
            }
            return Ok(());
        }
        process.planned = process.planned.filter(|planned| *planned > now);
        let local = process.local(now);
        let is_aware = self.defect != Some(Defect::WakeUnaware);
        if is_aware && process.decisions.wake(local) {
            self.note(|| format!("process {index} lost its lease"));
        }
        let inbox = std::mem::take(&mut self.processes[index].inbox);
        for told in inbox {
            self.take(index, told, local);
        }
        let process = &mut self.processes[index];
        if !is_aware {
            process.decisions.wake(local);
        }
        process.decisions.decide(local);
        self.act(index)?;
        self.end_if_drained(index);
        self.plan_step(index);
        Ok(())
    }

    fn take(&mut self, index: usize, told: Told, local: Moment) {
        if let Told::Reported(request, report, delivered) = &told {
            self.note(|| {
                format!("process {index} is told of request {request}: {}", super::receiver::words(report))
            });
            self.ledger.reported(index, *request, delivered.iter().copied());
        }
        let random = self.random.random();
        if let Some(question) = self.processes[index].take(told, local, random) {
            self.after(0, 15, Happening::Asked(index, question));
        }
    }

    fn end_if_drained(&mut self, index: usize) {
        let process = &self.processes[index];
        let is_done = process.is_drained() || self.defect == Some(Defect::ReleaseTooSoon);
        if process.is_stopping && is_done {
            self.note(|| format!("process {index} ends"));
            self.end(index);
            self.after(0, 15, Happening::Asked(index, Question::ReleaseAll));
        }
    }

    fn plan_step(&mut self, index: usize) {
        let process = &self.processes[index];
        let Some(tick) = process.decisions.next_tick().filter(|_| process.state == State::Running) else {
            return;
        };
        let at = process.global(tick).max(self.now + Duration::from_nanos(1));
        if process.planned.is_none_or(|planned| at < planned) {
            self.processes[index].planned = Some(at);
            self.at(at, Happening::Step(index));
        }
    }

    fn act(&mut self, index: usize) -> Result<(), String> {
        while let Some(task) = self.processes[index].decisions.next_task() {
            let sent_at = self.processes[index].local(self.now);
            let question = match task {
                Task::Act(Action::Send(request)) => {
                    let is_doubled = self.defect == Some(Defect::DoubleRetry) && request.identity.attempt > 1;
                    if is_doubled {
                        self.send(index, request.clone())?;
                    }
                    self.send(index, request)?;
                    continue;
                }
                Task::Act(Action::Settle(settlement)) => {
                    self.processes[index].unanswered += 1;
                    // Gathered first: whoever sleeps then sends it when it wakes up.
                    let question = Question::Settle(Box::new(settlement));
                    self.after(0, 5, Happening::Tell(index, Told::Ask(question)));
                    continue;
                }
                Task::Beat { releasing } => Question::Beat { sent_at, releasing },
                Task::Look { since, partitions } => Question::Look { since, partitions },
                Task::LookBehind(partitions) | Task::Act(Action::Backlog(partitions)) => {
                    Question::LookBehind(partitions)
                }
                Task::Act(Action::Load(load)) => process::load(load),
                Task::Act(Action::Page(page)) => Question::Page(page),
                Task::Act(Action::FindDue { except }) => {
                    let partitions = self.processes[index].decisions.lanes.owned_partitions();
                    Question::FindDue { partitions, except }
                }
            };
            self.after(0, 15, Happening::Asked(index, question));
        }
        Ok(())
    }

    // ---- Postgres

    fn asked(&mut self, index: usize, question: Question) -> Result<(), String> {
        let is_beat = matches!(question, Question::Beat { .. });
        let faults = &self.plan.faults;
        let share = if is_beat { faults.loses_heartbeats } else { faults.loses_answers };
        let is_lost = self.random.random_bool(share);
        let has_effect = !is_lost || self.random.random_bool(0.5);
        let again = is_lost.then(|| if is_beat { Told::NotBeaten } else { Told::Ask(question.clone()) });
        let answer = if has_effect { self.answer(index, question)? } else { None };
        match (again, answer) {
            // A heartbeat that is not answered is waited for; anything else fails, and is asked again.
            (Some(told), _) if is_beat => self.after(333, 334, Happening::Tell(index, told)),
            (Some(Told::Ask(Question::ReleaseAll)), _) | (None, None) => {}
            (Some(told), _) => self.after(50, 100, Happening::Tell(index, told)),
            (None, Some(answer)) => self.after(0, 15, Happening::Tell(index, answer)),
        }
        Ok(())
    }

    fn answer(&mut self, index: usize, question: Question) -> Result<Option<Told>, String> {
        let database = self.database.at(self.now);
        Ok(Some(match question {
            Question::Beat { sent_at, releasing } => {
                let owned = database.heartbeat(index, &releasing);
                if !releasing.is_empty() {
                    self.hint(|| Told::Partitions);
                }
                Told::Beaten { sent_at, released: releasing, owned }
            }
            Question::Look { since, partitions } => {
                let (rows, seen) = database.arrived(since, &partitions);
                Told::Arrived(rows, seen)
            }
            Question::LookBehind(partitions) => Told::Backlog(database.backlog(&partitions)),
            Question::Page(page) => Told::Paged(page, database.page(&page)),
            Question::FindDue { partitions, except } => {
                let (rows, next_in) = database.due(&partitions, &except, DUE_MAX);
                let is_full = rows.len() == DUE_MAX;
                Told::Due(rows, is_full, next_in.filter(|_| !is_full))
            }
            Question::Load(keys, load) => Told::Loaded(load, database.load(&keys)),
            Question::Settle(settlement) => {
                let is_forgotten =
                    self.defect == Some(Defect::AnswerBeforeCommit) && self.random.random_bool(0.2);
                let before = ledger::queued(&self.database, settlement.mapping_id);
                let settled =
                    if is_forgotten { Settled::Done } else { self.database.settle(index, &settlement) };
                self.note(|| format!("process {index} settles: {settled:?} {settlement:?}"));
                self.ledger.settled(index, &settlement, settled, &before, &self.database)?;
                Told::Settled(settlement.id, settled)
            }
            Question::ReleaseAll => {
                database.release_all(index);
                self.hint(|| Told::Partitions);
                return Ok(None);
            }
        }))
    }

    // ---- receivers

    fn send(&mut self, index: usize, request: Request) -> Result<(), String> {
        let mapping_id = request.mapping_id;
        let events = shaped(&request, &self.plan.lanes[&mapping_id])?;
        self.note(|| {
            let (id, identity) = (request.id, request.identity);
            format!("process {index} sends request {id} of lane {mapping_id}: {events:?} {identity:?}")
        });
        let epoch = self.processes[index].decisions.lanes.epoch(mapping_id);
        let is_owner = epoch.is_some_and(|epoch| self.database.owner(mapping_id) == Some((index, epoch)));
        let sender = ledger::Sender { process: index, epoch, is_owner };
        self.ledger.sending(sender, &request, &events, &self.database, &self.plan, self.now)?;
        self.after(0, 5, Happening::Arrive(index, sender, Box::new(request)));
        Ok(())
    }

    fn arrive(&mut self, index: usize, sender: ledger::Sender, request: &Request) -> Result<(), String> {
        let mapping_id = request.mapping_id;
        let events = events(&super::receiver::body(request));
        let Answer { report, taken, known, after } = self.receive(mapping_id, &events);
        self.ledger.taken(sender, mapping_id, taken.into_iter(), &self.database, &self.plan, self.now)?;
        self.at(self.now + after, Happening::Tell(index, Told::Reported(request.id, report, known)));
        Ok(())
    }

    // ---- the end

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
