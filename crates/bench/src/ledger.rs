//! The ledger: which numbered events were acknowledged, and how often each arrived.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Counts per event number; cheap to write from many tasks.
pub(crate) struct Ledger {
    acknowledged: Vec<AtomicU8>,
    arrivals: Vec<AtomicU8>,
    arrived: AtomicU64,
    repeated: AtomicU64,
}

impl Ledger {
    /// For events numbered from 0 to `events` - 1.
    pub(crate) fn new(events: u64) -> Self {
        let zeros = || (0..events).map(|_| AtomicU8::new(0)).collect();
        Self {
            acknowledged: zeros(),
            arrivals: zeros(),
            arrived: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
        }
    }

    pub(crate) fn acknowledge(&self, number: u64) {
        self.acknowledged[index(number)].store(1, Ordering::Relaxed);
    }

    pub(crate) fn arrive(&self, number: u64) {
        let Some(arrivals) = self.arrivals.get(index(number)) else { return };
        match arrivals.fetch_add(1, Ordering::Relaxed) {
            0 => self.arrived.fetch_add(1, Ordering::Relaxed),
            _ => self.repeated.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// Different events that arrived.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Arrivals of events that had arrived before.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }

    /// Acknowledged events.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.iter().map(|one| u64::from(one.load(Ordering::Relaxed))).sum()
    }

    /// Acknowledged events that did not arrive.
    pub(crate) fn lost(&self) -> Vec<u64> {
        let both = self.acknowledged.iter().zip(&self.arrivals).enumerate();
        both.filter(|(_, (acknowledged, arrivals))| {
            acknowledged.load(Ordering::Relaxed) > 0 && arrivals.load(Ordering::Relaxed) == 0
        })
        .map(|(number, _)| number as u64)
        .collect()
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("as many as fit into memory")
}
