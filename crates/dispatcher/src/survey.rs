//! Survey: asks Postgres now and then what only it knows: for how long lanes wait, which partitions nobody owns.
//!
//! Invariants: it costs a look a mapping, never what is queued, and at most a fiftieth of the time; whatever it finds is
//! only shown.

use std::time::Duration;

use chrono::{DateTime, Utc};
use signalpost_storage::{OwnerId, Queue};
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use crate::metrics::Metrics;

const EVERY: Duration = Duration::from_secs(15);
const SHARE: u32 = 50;
/// Longer is not worth it: it only shows something.
const PATIENCE: Duration = Duration::from_secs(5);

/// Surveys until dropped.
pub(crate) async fn run(queue: Queue, me: OwnerId, metrics: Metrics) {
    // The first heartbeat comes before there is anything to see.
    sleep(Duration::from_secs(1)).await;
    loop {
        let began = Instant::now();
        match timeout(PATIENCE, queue.survey(me)).await {
            Ok(Ok(survey)) => metrics.surveyed(survey, seconds()),
            Ok(Err(error)) => debug!(%error, "no survey this time"),
            Err(_elapsed) => debug!("no survey this time: it took too long"),
        }
        sleep(EVERY.max(began.elapsed() * SHARE)).await;
    }
}

/// The time as receivers will compare it with their own.
#[expect(clippy::disallowed_methods, reason = "how far this machine's clock is off is what is to be shown")]
fn seconds() -> f64 {
    let now = DateTime::<Utc>::from(std::time::SystemTime::now());
    #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit")]
    let micros = now.timestamp_micros() as f64;
    micros / 1e6
}
