//! Meter: what resolving one event may cost, in bytes written and values walked.
//!
//! Invariant: everything that can multiply (templates over their own output, shared composites) spends here, so
//! that a mapping which grows itself ends with an error for that event.

use std::cell::Cell;

/// Bytes written and values walked for one event, about. Far above what an event of the largest accepted size
/// needs, far below what would be felt as a stall.
pub(crate) const BUDGET: usize = 32 << 20;

/// The budget is spent.
#[derive(Debug, thiserror::Error)]
#[error("the mapping makes too much of this event: more than {} MB of text and values", BUDGET >> 20)]
pub(crate) struct Excess;

#[derive(Debug)]
pub(crate) struct Meter {
    left: Cell<usize>,
}

impl Meter {
    pub(crate) fn new() -> Meter {
        Meter { left: Cell::new(BUDGET) }
    }

    pub(crate) fn unlimited() -> Meter {
        Meter { left: Cell::new(usize::MAX) }
    }

    /// Charges for `count` values that are walked or built, about what they take in memory.
    pub(crate) fn spend_values(&self, count: usize) -> Result<(), Excess> {
        const VALUE_BYTES: usize = 64;
        self.spend(count.saturating_mul(VALUE_BYTES))
    }

    pub(crate) fn spend(&self, units: usize) -> Result<(), Excess> {
        let left = self.left.get().checked_sub(units).ok_or(Excess)?;
        self.left.set(left);
        Ok(())
    }
}
