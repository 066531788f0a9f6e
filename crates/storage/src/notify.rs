//! NOTIFY as a hint: it saves waiting for the next poll, and nothing depends on it.
//!
//! Invariant: a hint may come for nothing and may be lost with its connection; whoever waits for one also polls.

use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, postgres::PgListener};
use tokio::{sync::Notify, task::JoinSet, time::sleep};
use tracing::debug;

/// What a hint is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The configuration changed.
    Catalog,
    /// Batches were queued.
    Batches,
    /// Partitions were given back.
    Partitions,
    /// A redrive was made or changed.
    Redrives,
}

impl Channel {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Catalog => "signalpost_catalog",
            Self::Batches => "signalpost_batches",
            Self::Partitions => "signalpost_partitions",
            Self::Redrives => "signalpost_redrives",
        }
    }
}

/// A source of hints; listens until it is dropped, over reconnections.
pub struct Wakeups {
    hint: Arc<Notify>,
    _listener: JoinSet<()>,
}

impl Wakeups {
    pub(crate) fn start(pool: PgPool, channel: Channel) -> Self {
        let hint = Arc::new(Notify::new());
        let mut listener = JoinSet::new();
        listener.spawn(listen(pool, channel, Arc::clone(&hint)));
        Self { hint, _listener: listener }
    }

    /// Waits for the next hint. Several hints that came since the last call are one. Safe to cancel.
    pub async fn next(&self) {
        self.hint.notified().await;
    }
}

async fn listen(pool: PgPool, channel: Channel, hint: Arc<Notify>) {
    loop {
        if let Err(error) = listen_once(&pool, channel, &hint).await {
            debug!(channel = channel.name(), %error, "listening stopped, starting again");
        }
        hint.notify_one(); // whoever looks now finds out first that Postgres went away
        sleep(Duration::from_secs(1)).await;
    }
}

async fn listen_once(pool: &PgPool, channel: Channel, hint: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.ignore_pool_close_event(true);
    listener.listen(channel.name()).await?;
    hint.notify_one(); // something may have been said while nobody listened
    while listener.try_recv().await?.is_some() {
        hint.notify_one();
    }
    Ok(())
}
