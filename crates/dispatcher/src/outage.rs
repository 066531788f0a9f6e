//! Outage: waiting for Postgres while it is away, and saying so once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signalpost_storage::StorageError;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::metrics::Metrics;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Whether Postgres answers, as far as this dispatcher has noticed.
#[derive(Debug)]
pub(crate) struct Outage {
    is_out: AtomicBool,
    metrics: Metrics,
}

impl Outage {
    pub(crate) fn new(metrics: Metrics) -> Self {
        metrics.database_up.set(1);
        Self { is_out: AtomicBool::new(false), metrics }
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
                    self.is_over();
                    return Some(value);
                }
                Err(error) => self.began(what, &error),
            }
            over.run_until_cancelled(tokio::time::sleep(wait)).await?;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    pub(crate) fn began(&self, what: &'static str, error: &StorageError) {
        self.metrics.database_up.set(0);
        if self.is_out.swap(true, Ordering::Relaxed) {
            return;
        }
        let error = error as &(dyn std::error::Error + 'static);
        let causes: Vec<String> =
            std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
        let cause = causes.join(": ");
        if error.downcast_ref::<StorageError>().is_some_and(StorageError::is_transient) {
            warn!(what, cause, "postgres does not answer, waiting for it");
        } else {
            error!(what, cause, "a statement fails, trying it again");
        }
    }

    pub(crate) fn is_over(&self) {
        if self.is_out.swap(false, Ordering::Relaxed) {
            info!("postgres answers again");
        }
        self.metrics.database_up.set(1);
    }
}
