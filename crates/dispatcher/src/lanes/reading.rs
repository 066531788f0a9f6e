//! Reading: what of the queue is read next, and what came of it: pages, loads, due retries.
//!
//! Invariants: one look for due retries at a time; what was asked for a lane that is gone since, or was made anew, is
//! nobody's; the retries that lanes know and can't send yet, however many, never keep those of another from being found.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::Lanes;
use super::action::{Action, FoundRow, Load, LoadedRow, Moment, Page};
use super::context::LoadKey;
use crate::lane::Lane;
use crate::lane::discovery::Discovery;

/// One statement loads at most so many bytes and rows.
const LOAD_BYTES_MAX: usize = 8_000_000;
const LOAD_ROWS_MAX: usize = 2000;
/// Due retries are looked for this often even when none is expected: an operator may have made some due.
const FIND_DUE_EVERY: Duration = Duration::from_secs(10);
/// Not more often than this, so that many retries cost few looks.
const FIND_DUE_GAP: Duration = Duration::from_millis(25);

impl Lanes {
    /// Retries that are due; whether there may be more, and when the next is.
    pub fn found_due(&mut self, now: Moment, rows: &[FoundRow], is_full: bool, next_in: Option<Duration>) {
        self.cx.now = now;
        self.is_finding_due = false;
        self.find_due_not_before = now + FIND_DUE_GAP;
        // What was scheduled while it was under way, it may not have seen.
        let next_at = now + next_in.map_or(FIND_DUE_EVERY, |next| next.min(FIND_DUE_EVERY));
        self.cx.find_due_at = self.cx.find_due_at.min(next_at);
        if !is_full {
            self.seen_through.clear();
            self.found(rows);
            return;
        }
        let known = |lanes: &HashMap<i64, Lane>, id| lanes.get(&id).map_or(0, Lane::known_rows);
        let told: BTreeSet<i64> = rows.iter().map(|row| row.mapping_id).collect();
        let before: Vec<usize> = told.iter().map(|id| known(&self.by_mapping, *id)).collect();
        self.found(rows);
        // The lanes of which it told nothing new are left out until one look has come to the end.
        let is_news = |(id, before): &(i64, usize)| known(&self.by_mapping, *id) > *before;
        let stale = told.into_iter().zip(before).filter(|lane| !is_news(lane)).map(|(id, _)| id);
        self.seen_through.extend(stale);
        self.cx.find_due_at = now;
    }

    /// Lanes that have something queued.
    pub fn backlog(&mut self, now: Moment, mapping_ids: &[i64]) {
        self.cx.now = now;
        for mapping_id in mapping_ids {
            self.wake_behind(*mapping_id);
        }
    }

    /// Rows became visible that were not told: every lane in memory is read from its beginning, before it hears of later ones.
    pub fn read_on(&mut self, now: Moment) {
        let all = self.all_lanes();
        self.backlog(now, &all);
    }

    /// The rows of a page.
    pub fn paged(&mut self, now: Moment, page: Page, rows: &[FoundRow]) {
        self.cx.now = now;
        let Some(lane) =
            self.by_mapping.get_mut(&page.mapping_id).filter(|lane| lane.generation == page.generation)
        else {
            return;
        };
        lane.paged(rows, rows.len() >= page.limit, now);
        self.advance(page.mapping_id);
    }

    /// The rows of a load: those that are still there.
    pub fn loaded(&mut self, now: Moment, load: u64, rows: Vec<LoadedRow>) {
        self.cx.now = now;
        let Some((asked_at, keys)) = self.loads.remove(&load) else { return };
        let mut rows: HashMap<(i64, i64), LoadedRow> =
            rows.into_iter().map(|row| ((row.mapping_id, row.position), row)).collect();
        let mut touched = Vec::new();
        for key in keys {
            let Some(lane) =
                self.by_mapping.get_mut(&key.mapping_id).filter(|lane| lane.generation == key.generation)
            else {
                continue;
            };
            let row = rows.remove(&(key.mapping_id, key.position));
            lane.loaded(key.kind, key.position, row, asked_at, &mut self.cx);
            if touched.last() != Some(&key.mapping_id) {
                touched.push(key.mapping_id);
            }
        }
        for mapping_id in touched {
            self.advance(mapping_id);
        }
        self.feed();
    }

    pub(super) fn found(&mut self, rows: &[FoundRow]) {
        let mut touched = Vec::new();
        let now = self.cx.now;
        for row in rows {
            let Some(lane) = self.lane(row.mapping_id, Discovery::caught_up) else { continue };
            lane.found(*row, now);
            if touched.last() != Some(&row.mapping_id) {
                touched.push(row.mapping_id);
            }
        }
        for mapping_id in touched {
            self.advance(mapping_id);
        }
    }

    pub(super) fn next_load(&mut self) -> Option<Action> {
        let is_first = !self.cx.first_loads.is_empty();
        let wanted = if is_first { &mut self.cx.first_loads } else { &mut self.cx.further_loads };
        let mut bytes = 0;
        let count = wanted.iter().take(LOAD_ROWS_MAX).take_while(|key| {
            let fits = bytes == 0 || bytes + key.bytes <= LOAD_BYTES_MAX;
            bytes += key.bytes.max(1);
            fits
        });
        let count = count.count();
        if count == 0 {
            return None;
        }
        let keys: Vec<LoadKey> = wanted.drain(..count).collect();
        let load = Load {
            id: self.cx.next_id(),
            is_first,
            keys: keys.iter().map(|key| (key.mapping_id, key.position)).collect(),
        };
        self.loads.insert(load.id, (self.cx.now, keys));
        Some(Action::Load(load))
    }

    pub(super) fn find_due_at(&self) -> Moment {
        self.cx.find_due_at.max(self.find_due_not_before)
    }

    pub(super) fn next_find_due(&mut self) -> Option<Action> {
        if self.is_finding_due || self.find_due_at() > self.cx.now || !self.partitions.may_send() {
            return None;
        }
        self.is_finding_due = true;
        self.cx.find_due_at = Moment::MAX;
        let mut except = self.seen_through.clone();
        for (mapping_id, lane) in &mut self.by_mapping {
            if lane.has_retries_enough(self.cx.now) {
                lane.is_passed_over = true;
                except.insert(*mapping_id);
            }
        }
        Some(Action::FindDue { except: except.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests;
