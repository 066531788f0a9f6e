//! Redrive: carries out the jobs that queue dead letters again, a step at a time.
//!
//! Invariants: never in the way of deliveries (small steps with a breath between them); every dispatcher may be at it at
//! once; Postgres says when a step is due, and a job outlives whoever works at it.

use std::sync::Arc;
use std::time::Duration;

use signalpost_storage::{Channel, Queue, RedriveStore, Step, Storage, StorageError};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use crate::metrics::Metrics;
use crate::outage::Outage;

/// Between two steps that are due, for whoever delivers.
const BREATH: Duration = Duration::from_millis(20);
/// When another dispatcher is at the job whose step is due.
const AFTER_ANOTHER: Duration = Duration::from_millis(250);
/// Without a notification, and however far off the next step is.
const LOOK_EVERY: Duration = Duration::from_secs(30);
const AGAIN_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Takes the steps that are due.
pub(crate) struct Redriver {
    store: RedriveStore,
    queue: Queue,
    outage: Arc<Outage>,
    metrics: Metrics,
}

impl Redriver {
    pub(crate) fn new(storage: &Storage, outage: Arc<Outage>, metrics: Metrics) -> Self {
        Self { store: storage.redrives(), queue: storage.queue(), outage, metrics }
    }

    /// Runs until it is to stop.
    pub(crate) async fn run(self, storage: Storage, stop: CancellationToken) {
        let changes = storage.listen(Channel::Redrives);
        while let Some(wait) = stop.run_until_cancelled(self.go_on()).await {
            let wait = tokio::time::timeout(wait, changes.next());
            if stop.run_until_cancelled(wait).await.is_none() {
                return;
            }
        }
    }

    /// Takes a step if one is due; how long to wait for the next.
    async fn go_on(&self) -> Duration {
        let step = self.step().await;
        if step.is_ok() {
            self.outage.is_over("take a step of a redrive");
        }
        step.unwrap_or_else(|error| {
            if error.is_transient() {
                self.outage.began("take a step of a redrive", &error);
            } else {
                let error: &dyn std::error::Error = &error;
                error!(error, "a redrive cannot go on, tried again in a while");
            }
            AGAIN_AFTER_FAILURE
        })
    }

    async fn step(&self) -> Result<Duration, StorageError> {
        let wait = self.store.next_step().await?.unwrap_or(LOOK_EVERY);
        if wait > Duration::ZERO {
            return Ok(wait.min(LOOK_EVERY));
        }
        let Some(Step { redrive_id, events, is_over }) = self.store.step().await? else {
            return Ok(AFTER_ANOTHER);
        };
        debug!(redrive.id = redrive_id, events, "took a step of a redrive");
        if is_over {
            info!(redrive.id = redrive_id, "a redrive is done");
        }
        if events > 0 {
            self.metrics.housekeeping.redriven_events.inc_by(u64::try_from(events).unwrap_or(0));
            self.queue.wake().await?;
        }
        Ok(BREATH)
    }
}
