//! Closing: what a lane has in memory does not hold any more: what waited in it was purged, its order is another, or its mapping
//! is gone.
//!
//! Invariants: what is under way ends, and is settled, before anything else is sent; a settlement stores nothing of rows
//! that are gone; then everything is forgotten, and the queue is read anew, if there is still such a lane, at the same pace.

use super::Lane;
use crate::lanes::context::Context;

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
}
