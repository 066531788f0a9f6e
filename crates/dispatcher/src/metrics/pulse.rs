//! Pulse: when a loop last turned, for whoever wants to know whether it still does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Beats at every turn.
#[derive(Debug)]
pub(crate) struct Pulse {
    since: Instant,
    /// Milliseconds after `since`, and one; 0: it does not run.
    last: AtomicU64,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), last: AtomicU64::new(0) }
    }

    pub(crate) fn beat(&self) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.last.store(millis + 1, Ordering::Relaxed);
    }

    /// The loop ended, as it should.
    pub(crate) fn end(&self) {
        self.last.store(0, Ordering::Relaxed);
    }

    pub(crate) fn ago(&self) -> Option<Duration> {
        let last = self.last.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.since.elapsed().saturating_sub(Duration::from_millis(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_does_not_run_has_no_pulse() {
        let pulse = Pulse::new();
        assert_eq!(pulse.ago(), None);
        pulse.beat();
        assert!(pulse.ago().is_some_and(|ago| ago < Duration::from_mins(1)));
        pulse.end();
        assert_eq!(pulse.ago(), None);
    }
}
