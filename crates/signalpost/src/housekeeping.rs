//! Housekeeping: dropping what is older than it is to be kept, beside the dispatcher.
//!
//! Invariants: never in the way of deliveries (small pieces, one at a time); several processes may do it at once; a
//! database that is away only means that it is done later.

use std::time::Duration;

use signalpost_storage::{Retention, StorageError};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config;

const EVERY: Duration = Duration::from_hours(1);
const AGAIN_AFTER_FAILURE: Duration = Duration::from_mins(1);
/// Rows in one statement.
const PIECE: i64 = 1000;
/// Between pieces, for whoever delivers.
const BREATH: Duration = Duration::from_millis(100);

pub(crate) async fn run(store: Retention, keep: config::Retention, end: CancellationToken) {
    loop {
        let done = end.run_until_cancelled(once(&store, &keep)).await;
        let pause = match done {
            None => return,
            Some(Ok(())) => EVERY,
            Some(Err(error)) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                warn!(error, "old rows could not be dropped; trying again in a minute");
                AGAIN_AFTER_FAILURE
            }
        };
        if end.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
    }
}

async fn once(store: &Retention, keep: &config::Retention) -> Result<(), StorageError> {
    for change in store.maintain_attempts(keep.attempts_days.into()).await? {
        info!(change, "delivery log");
    }
    let mut dead = 0;
    while let piece @ 1.. = store.expire_dead(keep.dead, PIECE).await? {
        dead += piece;
        sleep(BREATH).await;
    }
    let mut rejected = 0;
    while let piece @ 1.. = store.expire_rejected(keep.rejected, PIECE).await? {
        rejected += piece;
        sleep(BREATH).await;
    }
    if dead + rejected > 0 {
        info!(dead_batches = dead, rejected_events = rejected, "dropped what was older than is kept");
    }
    Ok(())
}
