//! Purge: what a lane has in memory does not hold any more, because somebody deleted what waited in it.
//!
//! Invariants: what is under way ends, and is settled, before anything else is sent; a settlement stores nothing of rows
//! that are gone; then everything is forgotten, and the queue is read anew at the same pace.

use super::Lane;
use crate::lanes::context::Context;

impl Lane {
    /// It was purged, and has not been read anew since.
    pub(crate) fn is_purged(&self) -> bool {
        self.is_purged
    }

    /// Goes on for the same lane as it was before a purge: what it knew of its receiver still holds.
    pub(crate) fn go_on_after(&mut self, before: Self, cx: &mut Context) {
        self.pace = before.pace;
        self.breaker = before.breaker;
        cx.find_due_at = cx.now;
    }
}
