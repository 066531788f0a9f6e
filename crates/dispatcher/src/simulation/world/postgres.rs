//! Postgres: what becomes of a question to it: an answer, now and then none, and hints for the others.

use rand::Rng as _;

use super::super::defect::Defect;
use super::super::ledger;
use super::super::process::{Question, State, Told};
use super::{Happening, World};
use crate::lanes::action::Settled;

/// Due retries told at a time.
const DUE_MAX: usize = 7;

impl World {
    pub(super) fn asked(&mut self, index: usize, question: Question) -> Result<(), String> {
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
            (Some(Told::Ask(Question::ReleaseAll { .. })), _) | (None, None) => {}
            (Some(told), _) => self.after(50, 100, Happening::Tell(index, told)),
            (None, Some(answer)) => self.after(0, 15, Happening::Tell(index, answer)),
        }
        Ok(())
    }

    fn answer(&mut self, index: usize, question: Question) -> Result<Option<Told>, String> {
        let database = self.database.at(self.now);
        Ok(Some(match question {
            Question::Beat { sent_at, releasing, is_stopping } => {
                let owned = database.heartbeat(index, &releasing, is_stopping);
                if !releasing.is_empty() {
                    self.hint(|| Told::Partitions);
                }
                Told::Beaten { sent_at, released: releasing, owned }
            }
            Question::Look { since, partitions } => {
                let (mut rows, seen) = database.arrived(since, &partitions);
                rows.truncate(self.plan.faults.arrived_max);
                let is_cut = rows.len() == self.plan.faults.arrived_max;
                Told::Arrived(rows, is_cut, seen)
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
            Question::ReleaseAll { is_cut_off } => {
                database.release_all(index, is_cut_off);
                self.hint(|| Told::Partitions);
                return Ok(None);
            }
        }))
    }

    /// Most are told; polling is the truth, and not prompt.
    pub(super) fn hint(&mut self, told: fn() -> Told) {
        let share = if self.plan.hanging.is_empty() { 0.9 } else { 1.0 };
        for process in 0..self.processes.len() {
            if self.processes[process].state != State::Gone && self.random.random_bool(share) {
                self.after(0, 20, Happening::Tell(process, told()));
            }
        }
    }
}
