//! Overflow: a lane that holds more than it may parts with its oldest rows.
//!
//! Invariants: a row under way, being loaded, or being settled stays; a row that is parted with is neither sent nor
//! loaded nor found again before its burying has an answer.

use smallvec::{SmallVec, smallvec};

use super::Lane;
use super::flight::Settling;
use super::rows::{Entry, Kind, State};
use crate::lanes::action::{Excess, FoundRow, Moment, Overflowed};
use crate::lanes::context::{Context, Right};

/// What may become of a row that is too much.
enum Place {
    /// It is being parted with already.
    Parting,
    /// Something is going on with it, or with a part of it.
    Busy,
    /// It only waits.
    Waiting,
}

impl Lane {
    /// Buries of these rows, the lane's oldest, as many as it takes for the excess to be gone.
    pub(crate) fn overflow(
        &mut self,
        oldest: &[FoundRow],
        mut excess: Excess,
        right: Right,
        cx: &mut Context,
    ) {
        let mut settling = Settling::default();
        let mut rows = Vec::new();
        for row in oldest {
            if excess.is_none() {
                break;
            }
            match self.place(row) {
                Place::Busy => {}
                Place::Parting => excess.take(row),
                Place::Waiting => {
                    excess.take(row);
                    for kind in self.kinds(row) {
                        self.part_with(kind, row, cx);
                        settling.parting.push((kind, row.position));
                    }
                    rows.push(Overflowed { position: row.position, events: row.events });
                }
            }
        }
        if !rows.is_empty() {
            self.refill();
            let mut settlement = self.blank(right, cx);
            settlement.overflow = rows;
            self.settle(settlement, settling, cx);
        }
    }

    fn place(&self, found: &FoundRow) -> Place {
        let retry = self.retries.entry(found.position).map(|entry| &entry.state);
        let fresh = self.fresh.entry(found.position).map(|entry| &entry.state);
        let is_busy = |state: &&State| match state {
            State::Loading => true,
            State::Loaded(row) => row.is_touched(),
            State::Known | State::Parting => false,
        };
        if retry.iter().chain(&fresh).any(is_busy) {
            return Place::Busy;
        }
        let is_parting = |state: &&State| matches!(state, State::Parting);
        if retry.iter().chain(&fresh).any(is_parting) {
            return Place::Parting;
        }
        // A part of a row that was split, or a retry that is being written.
        let is_of_another = retry.is_none()
            && fresh.is_none()
            && (self.fresh.covering(found.position).is_some()
                || self.unsettled_retries.contains(&found.position));
        if is_of_another { Place::Busy } else { Place::Waiting }
    }

    /// As what a row is known. It may be twice: as the fresh row that stood there and the retry that stands there now, or as the retry
    /// that was buried and the row that was redriven since.
    fn kinds(&self, found: &FoundRow) -> SmallVec<[Kind; 2]> {
        let is_known = |kind: &Kind| match kind {
            Kind::Fresh => self.fresh.contains(found.position),
            Kind::Retry => self.retries.contains(found.position),
        };
        let known: SmallVec<[Kind; 2]> = [Kind::Fresh, Kind::Retry].into_iter().filter(is_known).collect();
        match found.due_in {
            _ if !known.is_empty() => known,
            None => smallvec![Kind::Fresh],
            Some(_) => smallvec![Kind::Retry],
        }
    }

    fn part_with(&mut self, kind: Kind, found: &FoundRow, cx: &mut Context) {
        let position = found.position;
        let entry =
            Entry { events: found.events, bytes: found.bytes, due: Moment::MAX, state: State::Parting };
        let before = self.rows(kind).remove(position);
        self.rows(kind).insert(position, entry);
        self.unsettled_retries.insert(position);
        if kind == Kind::Fresh {
            self.unloaded.remove(&position);
        }
        if let Some(Entry { state: State::Loaded(row), bytes, .. }) = before {
            self.release(bytes, cx);
            self.no_longer_ahead(kind, row.untaken(), row.untaken_bytes() + 1);
            self.due_loaded.retain(|loaded| *loaded != position);
        }
    }

    /// The rows that were parted with are buried. A page that is being read may still tell them: until it has come
    /// they stay known, or an ordered lane would wait for one of them for ever.
    pub(super) fn parted(&mut self, rows: Vec<(Kind, i64)>) {
        self.parted.extend(rows);
        if !self.discovery.is_paging() {
            self.forget_parted();
        }
    }

    pub(super) fn forget_parted(&mut self) {
        for (kind, position) in std::mem::take(&mut self.parted) {
            self.unsettled_retries.remove(&position);
            let rows = self.rows(kind);
            if rows.entry(position).is_some_and(|entry| matches!(entry.state, State::Parting)) {
                rows.remove(position);
            }
            self.uncover(position);
        }
    }
}
