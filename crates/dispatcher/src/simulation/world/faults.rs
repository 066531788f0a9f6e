//! Faults: what goes wrong in a run, when, and what it does to the dispatcher that it hits.

use std::collections::HashMap;
use std::time::Duration;

use rand::Rng as _;

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
        ] {
            for _ in 0..count {
                let at = self.millis(0, FAULTS_END);
                self.at(at, Happening::Disturb(disturbance));
            }
        }
    }

    fn running(&mut self) -> Option<usize> {
        let running: Vec<usize> =
            (0..self.processes.len()).filter(|one| self.processes[*one].state == State::Running).collect();
        let last = running.len().checked_sub(1)?;
        Some(running[self.random.random_range(0..=last)])
    }

    pub(super) fn disturb(&mut self, disturbance: Disturbance) {
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
            Disturbance::Drain => {}
        }
    }

    /// What waits in some lane is purged, or what is queued there now came after it; every process hears of it sooner or later.
    fn purge(&mut self) {
        let lanes: Vec<i64> = self.plan.lanes.keys().copied().collect();
        let mapping_id = lanes[self.random.random_range(0..lanes.len())];
        let gone = if self.random.random_bool(0.5) { self.database.purge(mapping_id) } else { Vec::new() };
        self.note(|| format!("lane {mapping_id} is purged: {gone:?}"));
        self.ledger.purged(&gone);
        self.plan.lanes.entry(mapping_id).and_modify(|lane| lane.purges += 1);
        for index in 0..self.processes.len() {
            let told = Told::Configured(self.settings());
            self.after(0, 50, Happening::Tell(index, told));
        }
    }

    pub(super) fn settings(&self) -> HashMap<i64, LaneSettings> {
        self.plan.lanes.iter().map(|(id, lane)| (*id, lane.clone())).collect()
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
}
