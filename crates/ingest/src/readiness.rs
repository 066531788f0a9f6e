//! Readiness: whether Postgres answers, and the configuration in use.
//!
//! Invariants: a call is taken only while `Ready`; a change is picked up by its notification, and by polling when that
//! was lost; whatever was loaded last is kept while Postgres is away.

use std::sync::Arc;
use std::time::Duration;

use signalpost_storage::{Channel, Storage, StorageError};
use tokio::sync::{Notify, watch};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;
use tracing::{error, info, warn};

use crate::catalog::Compiled;
use crate::metrics::Metrics;

/// How often Postgres is asked while it is away.
const RETRY: Duration = Duration::from_millis(250);
/// The names under which the standard health service answers: the server as a whole, and its service.
pub(crate) const HEALTH_NAMES: [&str; 2] = ["", "signalpost.v1.IngestService"];

/// Whether calls can be taken.
#[derive(Debug, Clone, Default)]
pub(crate) enum Readiness {
    /// The configuration was never loaded.
    #[default]
    Starting,
    /// With this configuration.
    Ready(Arc<Compiled>),
    /// Postgres does not answer; the configuration as it was.
    Away(Arc<Compiled>),
}

impl Readiness {
    /// What is configured, as far as is known.
    pub(crate) fn catalog(&self) -> Arc<Compiled> {
        match self {
            Self::Starting => Arc::default(),
            Self::Ready(catalog) | Self::Away(catalog) => Arc::clone(catalog),
        }
    }
}

/// Keeps the readiness true to what Postgres says.
pub(crate) struct Keeper {
    pub(crate) storage: Storage,
    pub(crate) poll: Duration,
    pub(crate) state: watch::Sender<Readiness>,
    /// Rung by whoever met trouble with Postgres.
    pub(crate) troubled: Arc<Notify>,
    pub(crate) health: HealthReporter,
    pub(crate) metrics: Metrics,
    /// Trouble was reported and is not over.
    pub(crate) is_troubled: bool,
}

impl Keeper {
    /// Runs until told to stop; then health says `NOT_SERVING`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let wakeups = self.storage.listen(Channel::Catalog);
        while stop.run_until_cancelled(self.look()).await.is_some() {
            let pause = if matches!(*self.state.borrow(), Readiness::Ready(_)) { self.poll } else { RETRY };
            tokio::select! {
                () = wakeups.next() => {}
                () = time::sleep(pause) => {}
                () = self.troubled.notified() => self.trouble(None).await,
                () = stop.cancelled() => break,
            }
        }
        self.end().await;
    }

    async fn look(&mut self) {
        match self.refresh().await {
            Ok(Some(catalog)) => self.ready(catalog).await,
            Ok(None) => self.is_troubled = false,
            Err(error) => self.trouble(Some(error)).await,
        }
    }

    /// The configuration to go on with, if anything changed.
    async fn refresh(&self) -> Result<Option<Arc<Compiled>>, StorageError> {
        let (known, is_ready, is_starting) = {
            let state = self.state.borrow();
            (state.catalog(), matches!(*state, Readiness::Ready(_)), matches!(*state, Readiness::Starting))
        };
        let store = self.storage.catalog();
        if is_starting {
            self.storage.ready().await?;
        } else if store.version().await? == known.version {
            return Ok((!is_ready).then_some(known));
        }
        let loaded = store.load_without_secrets().await?;
        Ok(Some(Arc::new(Compiled::new(loaded, &known))))
    }

    async fn ready(&mut self, catalog: Arc<Compiled>) {
        let before = self.state.send_replace(Readiness::Ready(Arc::clone(&catalog)));
        let was_troubled = std::mem::take(&mut self.is_troubled);
        if !matches!(before, Readiness::Ready(_)) {
            if was_troubled || matches!(before, Readiness::Starting) {
                info!("ready: the database answers and the configuration is loaded");
            }
            self.metrics.standing.ready.set(1);
            for name in HEALTH_NAMES {
                self.health.set_service_status(name, tonic_health::ServingStatus::Serving).await;
            }
        }
        if before.catalog().version != catalog.version {
            self.announce(&catalog);
        }
    }

    fn announce(&self, catalog: &Compiled) {
        info!(version = catalog.version, "configuration loaded");
        self.metrics.standing.catalog_version.set(catalog.version);
        let mut broken = 0;
        for (mapping, why) in catalog.broken() {
            broken += 1;
            error!(
                mapping = mapping.full_name,
                path = why.path,
                reason = why.reason,
                "a mapping does not compile: events for it go to rejected_events"
            );
        }
        self.metrics.standing.mappings_broken.set(broken);
    }

    /// A look failed, or a commit did (then there is no error here: it is in the log already). Said once, until a look
    /// succeeds.
    async fn trouble(&mut self, error: Option<StorageError>) {
        let is_away = error.as_ref().is_none_or(StorageError::is_transient);
        if let Some(error) = &error
            && !std::mem::replace(&mut self.is_troubled, true)
        {
            let error: &dyn std::error::Error = error;
            if is_away {
                warn!(error, "the database does not answer: calls get UNAVAILABLE until it does");
            } else {
                error!(error, "the configuration can't be loaded; what was loaded before stays in use");
            }
        }
        let was_ready = is_away
            && self.state.send_if_modified(|state| {
                let Readiness::Ready(catalog) = state else { return false };
                *state = Readiness::Away(Arc::clone(catalog));
                true
            });
        if was_ready {
            self.metrics.standing.ready.set(0);
            self.not_serving().await;
        }
    }

    /// Health says that no call can be taken.
    pub(crate) async fn not_serving(&mut self) {
        for name in HEALTH_NAMES {
            self.health.set_service_status(name, tonic_health::ServingStatus::NotServing).await;
        }
    }

    /// Whoever watches our health hears the end of it, and its stream does not hold up the drain.
    async fn end(&mut self) {
        self.metrics.standing.ready.set(0);
        self.not_serving().await;
        for name in HEALTH_NAMES {
            self.health.clear_service_status(name).await;
        }
    }
}
