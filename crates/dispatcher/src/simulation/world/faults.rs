//! Faults: what goes wrong in a run, and what operators do, when, and what it does to the dispatchers that it hits.

use std::collections::HashMap;
use std::time::Duration;

use rand::Rng as _;

use super::super::plan::batching;
use super::super::process::{State, Told};
use super::{Happening, World};
use crate::lanes::action::{Excess, LaneSettings, Page};

/// When faults are over.
const FAULTS_END: u64 = 3000;

/// A fault, of any process that runs then.
#[derive(Debug, Clone, Copy)]
pub(in crate::simulation) enum Disturbance {
    Drain,
    Kill,
    Sleep,
    Suspend,
    Leap,
    PostgresLeap,
    Measure,
    Purge,
    Redrive,
    Retry,
    Change,
    /// An end to all changes.
    Restore,
    Abort,
}

impl World {
    pub(super) fn prepare_faults(&mut self) {
        let faults = self.plan.faults.clone();
        for (count, disturbance) in [
            (faults.drains, Disturbance::Drain),
            (faults.kills, Disturbance::Kill),
            (faults.sleeps, Disturbance::Sleep),
            (faults.suspensions, Disturbance::Suspend),
            (faults.leaps, Disturbance::Leap),
            (faults.postgres_leaps, Disturbance::PostgresLeap),
            (faults.overflows, Disturbance::Measure),
            (faults.purges, Disturbance::Purge),
            (faults.redrives, Disturbance::Redrive),
            (faults.retries, Disturbance::Retry),
            (faults.changes, Disturbance::Change),
            (faults.aborts, Disturbance::Abort),
        ] {
            for _ in 0..count {
                let at = self.millis(0, FAULTS_END);
                self.at(at, Happening::Disturb(disturbance));
            }
        }
        if faults.changes > 0 {
            self.at(Duration::from_millis(FAULTS_END), Happening::Disturb(Disturbance::Restore));
        }
    }

    fn running(&mut self) -> Option<usize> {
        let running: Vec<usize> =
            (0..self.processes.len()).filter(|one| self.processes[*one].state == State::Running).collect();
        let last = running.len().checked_sub(1)?;
        Some(running[self.random.random_range(0..=last)])
    }

    pub(super) fn disturb(&mut self, disturbance: Disturbance) {
        if matches!(disturbance, Disturbance::Restore) {
            self.restore();
            return;
        }
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
                self.ledger.leapt(index);
                self.note(|| format!("the clock of process {index} leaps"));
                self.after(0, 5, Happening::Step(index));
            }
            Disturbance::PostgresLeap => {
                let (ahead, behind) = (self.millis(0, 3000), self.millis(0, 3000));
                self.note(|| format!("Postgres's clock leaps by {ahead:?} - {behind:?}"));
                self.database.leap(ahead, behind);
            }
            Disturbance::Measure => self.measure(index),
            Disturbance::Purge => self.purge(),
            Disturbance::Redrive => self.redrive(),
            Disturbance::Retry => self.retry_now(),
            Disturbance::Change => self.change(),
            Disturbance::Abort if !self.processes[index].is_stopping => {
                self.note(|| format!("process {index} is told to stop, and then not to wait"));
                self.after(0, 300, Happening::Start);
                self.after(0, 5, Happening::Tell(index, Told::Stop));
                self.after(5, 60, Happening::Tell(index, Told::Abort));
            }
            Disturbance::Drain | Disturbance::Abort | Disturbance::Restore => {}
        }
    }

    /// What waits in some lane is purged, or what is queued there now came after it; every process hears of it sooner or later.
    fn purge(&mut self) {
        let mapping_id = self.lane();
        let gone = if self.random.random_bool(0.5) { self.database.purge(mapping_id) } else { Vec::new() };
        self.note(|| format!("lane {mapping_id} is purged: {gone:?}"));
        self.ledger.purged(&gone);
        self.plan.lanes.entry(mapping_id).and_modify(|lane| lane.purges += 1);
        self.tell_settings();
    }

    fn lane(&mut self) -> i64 {
        let lanes: Vec<i64> = self.plan.lanes.keys().copied().collect();
        lanes[self.random.random_range(0..lanes.len())]
    }

    /// Everybody hears of other settings sooner or later.
    fn tell_settings(&mut self) {
        for index in 0..self.processes.len() {
            self.after(0, 50, Happening::Tell(index, Told::Reconfigured));
        }
    }

    pub(super) fn settings(&self) -> HashMap<i64, LaneSettings> {
        let lanes = self.plan.lanes.iter().filter(|(id, _)| !self.plan.absent.contains(id));
        lanes.map(|(id, lane)| (*id, lane.clone())).collect()
    }

    /// Dead letters of some lane wait again, or the first events of one.
    fn redrive(&mut self) {
        let mapping_id = self.lane();
        let dead = self.database.dead.of(mapping_id);
        for position in dead {
            if self.random.random_bool(0.5) {
                let at_most = if self.random.random_bool(0.5) { 1 } else { usize::MAX };
                let events = self.database.at(self.now).redrive(mapping_id, position, at_most);
                self.note(|| format!("lane {mapping_id} position {position} is redriven: {events:?}"));
                self.ledger.redriven(&events);
                self.hint(|| Told::Arrivals);
            }
        }
    }

    /// What is scheduled in some lane is due.
    fn retry_now(&mut self) {
        let mapping_id = self.lane();
        self.note(|| format!("lane {mapping_id} is to be retried"));
        self.database.at(self.now).retry_now(mapping_id);
        self.plan.lanes.entry(mapping_id).and_modify(|lane| lane.retries += 1);
        self.tell_settings();
    }

    /// Somebody changes a setting of some lane.
    fn change(&mut self) {
        let mapping_id = self.lane();
        self.plan.changed.insert(mapping_id);
        let (what, concurrency) = (self.random.random_range(0..5), self.random.random_range(1..6));
        let batching = batching(&mut self.random);
        let lane = self.plan.lanes.get_mut(&mapping_id).expect("it is one of them");
        match what {
            0 => lane.paused = !lane.paused,
            1 => lane.ordered = !lane.ordered,
            2 => lane.batching = batching,
            3 => lane.max_concurrency = concurrency,
            _ => {
                self.ledger.forget_pace(mapping_id);
                if !self.plan.absent.remove(&mapping_id) {
                    self.plan.absent.insert(mapping_id);
                }
            }
        }
        let is_absent = self.plan.absent.contains(&mapping_id);
        let lane = self.plan.lanes[&mapping_id].clone();
        self.note(|| format!("lane {mapping_id} is changed, absent: {is_absent}, {lane:?}"));
        self.tell_settings();
    }

    /// Every lane is there, and goes on.
    fn restore(&mut self) {
        self.plan.absent.clear();
        self.plan.lanes.values_mut().for_each(|lane| lane.paused = false);
        self.tell_settings();
    }

    /// Some lane of a process holds more than it may.
    fn measure(&mut self, index: usize) {
        let mapping_id = self.lane();
        let page = Page { generation: 0, mapping_id, after: 0, limit: 20, include_scheduled: true };
        let oldest = self.database.at(self.now).page(&page);
        let excess = Excess { events: self.random.random_range(1..30), bytes: 0 };
        self.after(0, 20, Happening::Tell(index, Told::Overflowing(mapping_id, oldest, excess)));
    }
}
