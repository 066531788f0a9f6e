//! Closing: a lane lets go of what it has in memory, because its partition is given back, or because that does not hold any more:
//! what waited was purged, its order is another, or its mapping is gone.
//!
//! Invariants: what is under way ends, and is settled, before anything is given back or sent; of a row that is partly delivered, what is
//! left is stored; a settlement stores nothing of rows that are gone; then everything is forgotten, and the queue is read anew,
//! if there is still such a lane here, at the same pace.

use smallvec::SmallVec;

use super::Lane;
use super::fill::Fills;
use super::flight::Settling;
use super::rows::Kind;
use crate::lanes::context::{Context, Right};

impl Lane {
    /// Nothing more is sent of what it has.
    pub(crate) fn close(&mut self) {
        self.is_closing = true;
    }

    /// It was closed, and has not been read anew since.
    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Goes on for the same lane as it was before: what it knew of its receiver still holds.
    pub(crate) fn go_on_after(&mut self, before: Self, cx: &mut Context) {
        self.pace = before.pace;
        self.pace.configure(self.settings.max_concurrency, self.settings.rate_limit);
        self.breaker = before.breaker;
        cx.find_due_at = cx.now;
    }

    /// Tidies up: what is not under way is forgotten, and a row that is partly
    /// delivered is stored without the part that is.
    pub(super) fn leave(&mut self, right: Right, cx: &mut Context) {
        for kind in [Kind::Fresh, Kind::Retry] {
            for position in self.rows(kind).positions() {
                self.leave_row(kind, position, right, cx);
            }
        }
        self.unloaded.clear();
        self.due_unloaded.clear();
        self.due_loaded.clear();
        self.fills = Fills::default();
    }

    fn leave_row(&mut self, kind: Kind, position: i64, right: Right, cx: &mut Context) {
        if let Some(row) = self.rows(kind).loaded_mut(position) {
            if row.is_settling || row.is_in_flight() || self.concluding_has(kind, position) {
                return;
            }
            let row = self.rows(kind).loaded_mut(position).expect("it was there");
            if row.is_partly_delivered() {
                let mut settlement = self.blank(right, cx);
                self.rearrange(kind, position, &mut settlement);
                let written: SmallVec<[i64; 4]> = settlement.put.iter().map(|put| put.position).collect();
                settlement.delete.retain(|position| !written.contains(position));
                let settling =
                    Settling { rows: SmallVec::from_slice(&[(kind, position)]), ..Settling::default() };
                self.settle(settlement, settling, cx);
                return;
            }
        }
        self.forget(kind, position, cx);
    }

    fn concluding_has(&self, kind: Kind, position: i64) -> bool {
        let is_it = |piece: &(Kind, i64, usize)| piece.0 == kind && piece.1 == position;
        self.concluding.iter().any(|ended| ended.flight.pieces.iter().any(is_it))
    }
}
