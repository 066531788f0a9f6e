//! Lifecycle: how a long-running command is told to end.
//!
//! Invariants: the first SIGTERM or SIGINT stops (what was begun is finished); the second, or the deadline, aborts
//! (what was begun is cut off). Neither loses an acknowledged event.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// The two ways in which work is told to end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lifecycle {
    /// Take nothing new, finish what was begun.
    pub(crate) stop: CancellationToken,
    /// Cut off what is still under way.
    pub(crate) abort: CancellationToken,
}

impl Lifecycle {
    /// Listens for signals until the process ends.
    pub(crate) fn listen(tasks: &TaskTracker, deadline: Duration) -> anyhow::Result<Lifecycle> {
        let lifecycle = Lifecycle::default();
        let mut signals = [SignalKind::terminate(), SignalKind::interrupt()]
            .map(|kind| signal(kind).context("listening for signals"))
            .into_iter()
            .collect::<anyhow::Result<Vec<_>>>()?;
        let ours = lifecycle.clone();
        tasks.spawn(async move {
            let (terminate, interrupt) = signals.split_at_mut(1);
            let (terminate, interrupt) = (&mut terminate[0], &mut interrupt[0]);
            tokio::select! {
                _ = terminate.recv() => info!("stopping: finishing what was begun; once more cuts it off"),
                _ = interrupt.recv() => info!("stopping: finishing what was begun; once more cuts it off"),
                () = ours.stop.cancelled() => {}
            }
            ours.stop.cancel();
            tokio::select! {
                _ = terminate.recv() => warn!("cut off by a second signal"),
                _ = interrupt.recv() => warn!("cut off by a second signal"),
                () = tokio::time::sleep(deadline) => warn!(?deadline, "cut off: the deadline passed"),
                () = ours.abort.cancelled() => {}
            }
            ours.abort.cancel();
        });
        Ok(lifecycle)
    }
}
