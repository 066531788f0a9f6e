//! Signalpost's dispatcher: reads the lanes of the partitions it owns, sends, and settles what each attempt proved.
//!
//! Invariants: nothing is sent for a partition that is not owned beyond doubt; nothing is forgotten before Postgres
//! has recorded it; whatever it is told, whenever it dies, an acknowledged event is delivered at least once.

mod attempt;
mod catalog;
mod config;
mod decisions;
mod driver;
mod housekeeping;
pub(crate) mod lane;
mod lane_states;
pub mod lanes;
mod metrics;
mod outage;
mod overflow;
mod ownership;
mod redrive;
mod settler;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
mod survey;
mod trace;
pub mod transport;
pub mod trial;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::RootCertStore;
use signalpost_core::setting::Mistake;
use signalpost_storage::{OwnerId, SealingKeys, Storage};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use uuid::Uuid;

pub use config::Config;
pub use metrics::Metrics;

use crate::driver::{Driver, Parts};
use crate::housekeeping::Housekeeping;
use crate::outage::Outage;
use crate::redrive::Redriver;
use crate::settler::{Settlements, Settler};
use crate::transport::{Client, InvalidProxy, Proxies, Transport, TransportError, system_lookup};

/// How long giving the partitions back may take; otherwise their lease has to end.
const RELEASE_TIME_MAX: Duration = Duration::from_secs(2);

/// Why the dispatcher does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A setting could not work.
    #[error("the configuration of the dispatcher can not be used")]
    Config(#[from] Mistake),
    /// Receivers could not be reached.
    #[error("requests can not be made")]
    Transport(#[from] TransportError),
    /// The proxy can't be used.
    #[error("requests can not go through the proxy")]
    Proxy(#[from] InvalidProxy),
}

/// Delivers what is queued until told otherwise.
///
/// `stop`: take up nothing new, finish and record what is under way, give the partitions back. `abort`: cut off what is
/// under way (that costs no attempt), record what is known as far as it goes quickly, give the partitions back.
pub async fn run(
    config: Config,
    storage: Storage,
    keys: SealingKeys,
    metrics: Metrics,
    stop: CancellationToken,
    abort: CancellationToken,
) -> Result<(), RunError> {
    config.check()?;
    let client = client(&config)?;
    run_with(config, storage, keys, client, metrics, stop, abort).await
}

/// The transport with which receivers are reached, as configured.
pub fn client(config: &Config) -> Result<Client, RunError> {
    let proxies = Proxies::new(&config.proxy, &config.proxy_variables)?;
    if let Some(proxies) = &proxies {
        info!(%proxies, "requests to receivers go through a proxy");
    }
    let client = Client::new(system_lookup(), config.connection_idle, RootCertStore::empty())?;
    Ok(client.through(proxies))
}

/// As [`run`], with a transport of the caller's.
pub async fn run_with(
    config: Config,
    storage: Storage,
    keys: SealingKeys,
    transport: impl Transport,
    metrics: Metrics,
    stop: CancellationToken,
    abort: CancellationToken,
) -> Result<(), RunError> {
    config.check()?;
    let me = OwnerId(Uuid::new_v4());
    let over = CancellationToken::new();
    let _over_in_any_case = over.clone().drop_guard();
    let tasks = TaskTracker::new();
    let outage = Arc::new(Outage::new(metrics.clone()));
    let (inputs, told) = unbounded_channel();
    let (settlements, to_settle) = Settlements::new();
    let either = CancellationToken::new();
    let started = Instant::now();
    info!(dispatcher_id = %me.0, name = config.name, "dispatcher started");

    for settlements in to_settle {
        let settler = Settler {
            queue: storage.queue(),
            me,
            started,
            settlements,
            answers: inputs.clone(),
            outage: Arc::clone(&outage),
            metrics: metrics.clone(),
            stop: either.clone(),
            over: over.clone(),
        };
        tasks.spawn(settler.run(config.clone()));
    }
    let watch = catalog::watch(
        config.clone(),
        storage.clone(),
        keys,
        Arc::clone(&outage),
        inputs.clone(),
        over.clone(),
    );
    tasks.spawn(watch);
    let housekeeping =
        Housekeeping { store: storage.retention(), config: config.clone(), metrics: metrics.clone() };
    tasks.spawn(housekeeping.run(over.clone()));
    let redriver = Redriver::new(&storage, Arc::clone(&outage), metrics.clone());
    tasks.spawn(redriver.run(storage.clone(), either.clone()));
    let (ended, surveys) = (over.clone(), survey::run(storage.queue(), me, metrics.clone()));
    tasks.spawn(async move { ended.run_until_cancelled(surveys).await });
    let attempts_over = abort.child_token();
    let driver = Driver::new(Parts {
        config,
        me,
        storage: storage.clone(),
        transport: Arc::new(transport),
        settlements,
        inputs,
        outage,
        metrics,
        tasks: tasks.clone(),
        abort: attempts_over.clone(),
        over: over.clone(),
        started,
    });
    let (told_to_stop, ended, aborted) = (either.clone(), over.clone(), abort.clone());
    tasks.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = abort.cancelled() => {}
            () = ended.cancelled() => {}
        }
        told_to_stop.cancel();
    });
    driver.run(told, either).await;

    attempts_over.cancel();
    over.cancel();
    tasks.close();
    tasks.wait().await;
    let release =
        tokio::time::timeout(RELEASE_TIME_MAX, storage.ownership().release_all(me, aborted.is_cancelled()))
            .await;
    if matches!(release, Ok(Ok(()))) {
        info!("dispatcher stopped, its partitions are free");
    } else {
        warn!("dispatcher stopped, its partitions are free when the lease ends");
    }
    Ok(())
}
