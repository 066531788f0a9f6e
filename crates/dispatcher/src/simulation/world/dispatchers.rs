//! Dispatchers: what the driver does around the decisions of each: it starts, steps, asks, sends and ends.

use std::time::Duration;

use rand::Rng as _;

use super::super::defect::Defect;
use super::super::ledger::{self, Sending};
use super::super::process::{self, Process, Question, State, Told};
use super::super::receiver::{shaped, words};
use super::{Happening, World};
use crate::decisions::Task;
use crate::lanes::Limits;
use crate::lanes::action::{Action, Moment, Report, Request};

impl World {
    pub(super) fn start(&mut self) {
        let faults = &self.plan.faults;
        let limits = Limits { loaded_bytes: faults.loaded_bytes, unsettled: faults.unsettled };
        let mut process = Process::new(limits, self.now);
        process.decisions.begin(self.database.at(self.now).seen());
        process.settings = self.settings();
        process.decisions.lanes.configure(Moment::ZERO, &process.settings);
        process.decisions.configured();
        self.processes.push(process);
        let index = self.processes.len() - 1;
        self.note(|| format!("process {index} starts"));
        self.at(self.now, Happening::Step(index));
    }

    pub(super) fn end(&mut self, index: usize) {
        self.processes[index].state = State::Gone;
        self.processes[index].inbox.clear();
        self.ledger.gone(index);
        self.database.dead.gone(index);
    }

    /// What the driver does whenever it wakes up.
    pub(super) fn step(&mut self, index: usize) -> Result<(), String> {
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
            // What was decided by the settings that it knew until now is checked by those.
            if matches!(told, Told::Reconfigured) {
                self.act(index)?;
            }
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
        match &told {
            Told::Reported(request, report, delivered) => {
                self.note(|| format!("process {index} is told of request {request}: {}", words(report)));
                match report {
                    Report::Attempted(_) => {
                        self.ledger.reported(index, *request, delivered.iter().copied());
                    }
                    Report::Cancelled => self.ledger.cut_off(index, *request),
                }
            }
            Told::Settled(settlement, _) => self.database.dead.answered(index, *settlement),
            Told::Reconfigured => self.processes[index].settings = self.settings(),
            Told::Abort => self.cut_off(index),
            _ => {}
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
            self.leave(index);
        }
    }

    /// A process ends, and gives back what it still has.
    pub(super) fn leave(&mut self, index: usize) {
        self.note(|| format!("process {index} ends"));
        let is_cut_off = self.processes[index].is_aborting;
        self.end(index);
        self.after(0, 15, Happening::Asked(index, Question::ReleaseAll { is_cut_off }));
    }

    /// Whatever a process has under way is cut off; what it can't record soon, it never does.
    fn cut_off(&mut self, index: usize) {
        for request in self.ledger.under_way(index) {
            let report = Told::Reported(request, Report::Cancelled, Vec::new());
            self.after(0, 3, Happening::Tell(index, report));
        }
        self.after(500, 501, Happening::GiveUp(index));
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
                Task::Beat { releasing, is_stopping } => Question::Beat { sent_at, releasing, is_stopping },
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

    fn send(&mut self, index: usize, request: Request) -> Result<(), String> {
        let mapping_id = request.mapping_id;
        let settings = self.processes[index].settings.get(&mapping_id).cloned();
        let settings = settings.ok_or_else(|| format!("{request:?} is of a lane that is gone"))?;
        let events = shaped(&request, &settings, self.plan.changed.contains(&mapping_id))?;
        self.note(|| {
            let (id, identity) = (request.id, request.identity);
            format!("process {index} sends request {id} of lane {mapping_id}: {events:?} {identity:?}")
        });
        let epoch = self.processes[index].decisions.lanes.epoch(mapping_id);
        let is_owner = epoch.is_some_and(|epoch| self.database.owner(mapping_id) == Some((index, epoch)));
        let sender = ledger::Sender { process: index, epoch, is_owner };
        let sending = Sending { sender, request: &request, events: &events, settings: &settings };
        self.ledger.sending(sending, &self.database, &self.plan, self.now)?;
        self.after(0, 5, Happening::Arrive(index, sender, Box::new(request)));
        Ok(())
    }
}
