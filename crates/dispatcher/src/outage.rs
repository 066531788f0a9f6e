//! Outage: waiting for Postgres while it is away, and saying so once.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use signalpost_storage::StorageError;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::metrics::Metrics;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Whether Postgres does what it is asked, as far as this dispatcher has noticed.
#[derive(Debug)]
pub(crate) struct Outage {
    /// What does not work. One that can't be written to still answers questions: that does not mean that it is back.
    failing: Mutex<BTreeSet<&'static str>>,
    metrics: Metrics,
}

impl Outage {
    pub(crate) fn new(metrics: Metrics) -> Self {
        metrics.ownership.database_up.set(1);
        Self { failing: Mutex::default(), metrics }
    }

    fn failing(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        self.failing.lock().expect("nothing panics while it is held")
    }

    /// Repeats until it works; `None` when it is not wanted any more.
    pub(crate) async fn persist<T, F: Future<Output = Result<T, StorageError>>>(
        &self,
        what: &'static str,
        over: &CancellationToken,
        mut operation: impl FnMut() -> F,
    ) -> Option<T> {
        let mut wait = FIRST_WAIT;
        loop {
            let result = over.run_until_cancelled(operation()).await?;
            match result {
                Ok(value) => {
                    self.is_over(what);
                    return Some(value);
                }
                Err(error) => self.began(what, &error),
            }
            over.run_until_cancelled(tokio::time::sleep(wait)).await?;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// This does not work; the first thing that does not is said.
    pub(crate) fn began(&self, what: &'static str, error: &StorageError) {
        self.metrics.ownership.database_up.set(0);
        let mut failing = self.failing();
        let is_news = failing.is_empty();
        failing.insert(what);
        if !is_news {
            return;
        }
        let error = error as &(dyn std::error::Error + 'static);
        let causes: Vec<String> =
            std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
        let cause = causes.join(": ");
        if error.downcast_ref::<StorageError>().is_some_and(StorageError::is_transient) {
            warn!(what, cause, "postgres does not do what it is asked, trying again until it does");
        } else {
            error!(what, cause, "a statement of ours fails, trying it again");
        }
    }

    /// This works. When nothing fails any more that is said too.
    pub(crate) fn is_over(&self, what: &'static str) {
        let mut failing = self.failing();
        if failing.remove(what) && failing.is_empty() {
            self.metrics.ownership.database_up.set(1);
            info!("postgres does what it is asked again");
        }
    }
}
