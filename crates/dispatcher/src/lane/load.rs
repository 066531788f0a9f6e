//! Load: which rows are brought into memory, so that the next requests are ready when they may start.

use super::Lane;
use super::fill::Fills;
use super::row::Row;
use super::rows::{Kind, Rows, State};
use crate::lanes::action::{LoadedRow, Moment};
use crate::lanes::context::{Context, LoadKey, free_for_more};

/// Requests made ready beyond those that may start now.
const AHEAD: u32 = 2;
/// Single events are cheap to hold and quickly sent: so many at least are made ready.
const AHEAD_EVENTS_MIN: u32 = 128;

impl Lane {
    /// A row that was asked for then has come, or is gone.
    pub(crate) fn loaded(
        &mut self,
        kind: Kind,
        position: i64,
        row: Option<LoadedRow>,
        asked_at: Moment,
        cx: &mut Context,
    ) {
        let rows = self.rows(kind);
        let Some(entry) = rows.entry_mut(position).filter(|entry| matches!(entry.state, State::Loading))
        else {
            return;
        };
        let (expected_events, expected_bytes) = (entry.events, entry.bytes);
        // Found as it was before it failed, or before it was buried and redriven: the row that stands there now will be found as it is.
        let is_what_was_found = |row: &LoadedRow| (kind == Kind::Retry) == row.is_scheduled;
        let new = |row| Box::new(Row::new(row, asked_at, cx.now));
        let Some(row) = row.filter(is_what_was_found).map(new) else {
            rows.remove(position);
            self.release(expected_bytes, cx);
            self.no_longer_ahead(kind, expected_events, expected_bytes);
            self.uncover(position);
            return;
        };
        let (events, bytes, ahead_bytes) = (row.events, row.bytes(), row.untaken_bytes() + 1);
        (entry.events, entry.bytes, entry.state) = (events, bytes, State::Loaded(row));
        self.held_bytes = self.held_bytes + bytes - expected_bytes;
        cx.loaded_bytes = cx.loaded_bytes + bytes - expected_bytes;
        match kind {
            Kind::Fresh => {
                self.ahead_events = self.ahead_events + events - expected_events;
                self.ahead_bytes = self.ahead_bytes + ahead_bytes - expected_bytes;
                if !self.settings.ordered {
                    self.fills.add(position, &self.fresh, self.shape);
                }
            }
            Kind::Retry => {
                if !self.settings.ordered {
                    self.due_loaded.push_back(position);
                }
            }
        }
    }

    pub(super) fn rows(&mut self, kind: Kind) -> &mut Rows {
        match kind {
            Kind::Fresh => &mut self.fresh,
            Kind::Retry => &mut self.retries,
        }
    }

    pub(super) fn release(&mut self, bytes: usize, cx: &mut Context) {
        self.held_bytes -= bytes;
        cx.loaded_bytes -= bytes;
    }

    pub(super) fn no_longer_ahead(&mut self, kind: Kind, events: u32, bytes: usize) {
        match kind {
            Kind::Fresh => {
                self.ahead_events -= events;
                self.ahead_bytes -= bytes;
            }
            Kind::Retry => self.retries_ahead -= 1,
        }
    }

    /// Asks for rows so that the next requests are ready when they may start.
    pub(super) fn load_ahead(&mut self, cx: &mut Context) {
        if self.breaker.permit(cx.now).is_err() {
            return;
        }
        let requests = if self.breaker.is_doubtful() {
            u32::from(self.flights.is_empty())
        } else {
            self.pace.free() + AHEAD
        };
        // What is asked for together comes together, so that it is joined.
        let is_first = self.held_bytes == 0;
        while self.retries_ahead < requests && self.load_retry(is_first, cx) {}
        let (events, bytes) = match self.settings.batching {
            Some(batching) => {
                (requests.saturating_mul(batching.size), batching.bytes.saturating_mul(requests as usize))
            }
            None => ((requests * 2).max(AHEAD_EVENTS_MIN), usize::MAX),
        };
        while self.ahead_events < events && self.ahead_bytes < bytes {
            let Some(&position) = self.unloaded.first() else { return };
            if !self.load(Kind::Fresh, position, is_first, cx) {
                return;
            }
            self.unloaded.pop_first();
        }
    }

    fn load_retry(&mut self, is_first: bool, cx: &mut Context) -> bool {
        if self.settings.ordered {
            return false;
        }
        let Some(&position) = self.due_unloaded.front() else { return false };
        let is_asked = self.load(Kind::Retry, position, is_first, cx);
        if is_asked {
            self.due_unloaded.pop_front();
        }
        is_asked
    }

    fn is_head(&self, kind: Kind, position: i64) -> bool {
        let first = |rows: &Rows| rows.first().map(|(position, _)| position);
        match kind {
            Kind::Fresh => first(&self.fresh) == Some(position),
            Kind::Retry => first(&self.retries) == Some(position),
        }
    }

    /// Asks for one row, if there is memory for it: for a first row always, for more as long as enough stays free
    /// for others. `is_first`: as one of those with which a lane begins that has nothing.
    pub(super) fn load(&mut self, kind: Kind, position: i64, is_first: bool, cx: &mut Context) -> bool {
        let (held, is_sending) = (self.held_bytes, !self.flights.is_empty());
        if !self.rows(kind).entry_mut(position).is_some_and(|entry| matches!(entry.state, State::Known)) {
            return true;
        }
        // The head of an ordered lane holds up everything that is loaded behind it.
        let is_head = self.settings.ordered && !is_sending && self.is_head(kind, position);
        let Some(entry) = self.rows(kind).entry_mut(position) else { return true };
        let needed = if is_head || held == 0 { 0 } else { free_for_more(held, entry.bytes, is_sending) };
        if needed > cx.free_bytes() {
            self.starves_until = Some(needed);
            return false;
        }
        entry.state = State::Loading;
        let (events, bytes) = (entry.events, entry.bytes);
        match kind {
            Kind::Fresh => {
                self.ahead_events += events;
                self.ahead_bytes += bytes;
            }
            Kind::Retry => self.retries_ahead += 1,
        }
        self.held_bytes += bytes;
        cx.loaded_bytes += bytes;
        let (mapping_id, generation) = (self.mapping_id, self.generation);
        let loads = if is_first { &mut cx.first_loads } else { &mut cx.further_loads };
        loads.push(LoadKey { mapping_id, generation, kind, position, bytes });
        true
    }

    /// Lets go of what is loaded and not needed soon.
    pub(super) fn unload(&mut self, cx: &mut Context) {
        let mut freed = 0;
        for (position, entry) in self.fresh.iter_mut() {
            if let State::Loaded(row) = &entry.state
                && !row.is_touched()
            {
                self.ahead_events -= row.untaken();
                self.ahead_bytes -= row.untaken_bytes() + 1;
                entry.state = State::Known;
                self.unloaded.insert(position);
                freed += entry.bytes;
            }
        }
        for position in std::mem::take(&mut self.due_loaded) {
            if let Some(entry) = self.retries.entry_mut(position) {
                entry.state = State::Known;
                freed += entry.bytes;
                self.due_unloaded.push_back(position);
                self.retries_ahead -= 1;
            }
        }
        self.release(freed, cx);
        self.refill();
    }

    /// Builds the fills anew from what is loaded.
    pub(super) fn refill(&mut self) {
        self.fills = Fills::default();
        if self.settings.ordered {
            return;
        }
        for position in self.fresh.positions() {
            if self.fresh.loaded(position).is_some_and(|row| row.untaken() > 0) {
                self.fills.add(position, &self.fresh, self.shape);
            }
        }
    }
}
