//! Working: since when something is under way, for whoever wants to know whether it still turns.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What is under way, by when it began.
#[derive(Debug, Default)]
pub(crate) struct Working {
    state: Mutex<(u64, BTreeSet<(Instant, u64)>)>,
}

impl Working {
    /// Something begins; it is under way until what this returns is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Begun {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        let key = (Instant::now(), state.0);
        state.1.insert(key);
        Begun { working: Arc::clone(self), key }
    }

    /// For how long the oldest has been under way.
    pub(crate) fn longest(&self) -> Option<Duration> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1.first().map(|(began, _)| began.elapsed())
    }
}

/// Something that is under way.
#[derive(Debug)]
pub(crate) struct Begun {
    working: Arc<Working>,
    key: (Instant, u64),
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.working.state.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_oldest_that_is_under_way_counts() {
        let working = Arc::new(Working::default());
        assert_eq!(working.longest(), None);
        let first = working.begin();
        tokio::time::advance(Duration::from_secs(5)).await;
        let second = working.begin();
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(working.longest(), Some(Duration::from_secs(7)));
        drop(first);
        assert_eq!(working.longest(), Some(Duration::from_secs(2)));
        drop(second);
        assert_eq!(working.longest(), None);
    }
}
