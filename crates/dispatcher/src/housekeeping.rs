//! Housekeeping: drops what is older than it is to be kept: days of the delivery log, dead batches, events that could
//! not be mapped.
//!
//! Invariants: never in the way of deliveries (small pieces with a breath between them, no long wait for a lock);
//! every dispatcher may do it at once; a database that is away only means that it is done later.

use std::time::Duration;

use signalpost_storage::{Retention, StorageError};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Config;
use crate::metrics::{Dropped, Metrics};

const EVERY: Duration = Duration::from_hours(1);
const AGAIN_AFTER_FAILURE: Duration = Duration::from_mins(1);
/// Rows in one statement.
const PIECE: i64 = 500;
/// Between pieces, for whoever delivers.
const BREATH: Duration = Duration::from_millis(100);
const DAY: Duration = Duration::from_hours(24);

/// Drops what is old now, and then every hour, give or take what keeps dispatchers apart.
pub(crate) struct Housekeeping {
    pub(crate) store: Retention,
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
}

impl Housekeeping {
    /// Runs until it is over.
    pub(crate) async fn run(self, over: CancellationToken) {
        let mut is_failing = false;
        while let Some(done) = over.run_until_cancelled(self.once()).await {
            let pause = match done {
                Ok(()) => {
                    is_failing = false;
                    EVERY.mul_f64(0.9 + 0.2 * rand::random::<f64>())
                }
                Err(error) => {
                    self.metrics.housekeeping.failures.inc();
                    if !std::mem::replace(&mut is_failing, true) {
                        let error: &dyn std::error::Error = &error;
                        warn!(error, "old rows could not be dropped: tried again every minute");
                    }
                    AGAIN_AFTER_FAILURE
                }
            };
            if over.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// All three, also when one of them fails.
    async fn once(&self) -> Result<(), StorageError> {
        let keep = &self.config;
        let log = self.delivery_log().await;
        let dead = self.pieces(Dropped::DeadBatches, || self.store.expire_dead(keep.keep_dead, PIECE)).await;
        let rejected = || self.store.expire_rejected(keep.keep_rejected, PIECE);
        let rejected = self.pieces(Dropped::RejectedEvents, rejected).await;
        log.and(dead).and(rejected)
    }

    async fn delivery_log(&self) -> Result<(), StorageError> {
        for change in self.store.maintain_attempts(whole_days(self.config.keep_attempts)).await? {
            info!(change, "delivery log");
            if change.starts_with("dropped") {
                self.metrics.dropped(Dropped::AttemptDays, 1);
            }
        }
        Ok(())
    }

    async fn pieces<F: Future<Output = Result<u64, StorageError>>>(
        &self,
        what: Dropped,
        piece: impl Fn() -> F,
    ) -> Result<(), StorageError> {
        let mut rows = 0;
        while let dropped @ 1.. = piece().await? {
            rows += dropped;
            self.metrics.dropped(what, dropped);
            sleep(BREATH).await;
        }
        if rows > 0 {
            info!(what = what.as_str(), rows, "dropped what was older than is kept");
        }
        Ok(())
    }
}

/// The delivery log is dropped by the day: what is kept for part of a day is kept for all of it.
fn whole_days(keep: Duration) -> i32 {
    i32::try_from(keep.as_secs().div_ceil(DAY.as_secs())).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_day_is_kept_as_a_day() {
        assert_eq!([DAY / 2, DAY, DAY * 3 / 2].map(whole_days), [1, 1, 2]);
    }
}
