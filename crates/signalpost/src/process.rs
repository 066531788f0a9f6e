//! Process: ingest, dispatcher, probes and metrics, run together until told to end.
//!
//! Invariants: when one part fails, the others are drained and the failure is told; probes answer from the first moment
//! to the last; nothing is begun before the database has the schema of this build.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus_client::registry::Registry;
use signalpost_core::secret::Secret;
use signalpost_storage::{ConnectOptions, SealingKeys, Storage};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::Settings;
use crate::destinations;
use crate::exit::Failure;
use crate::http::{self, Parts, Probes};
use crate::lifecycle::Lifecycle;
use crate::process::usage::Usage;
use crate::telemetry::traces;

pub(crate) mod usage;

/// How often the database is looked for while it is away.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often that is said.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// How long giving partitions back may take after an abort, besides recording.
const HAND_OVER: Duration = Duration::from_secs(3);

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Ingest,
    Dispatcher,
    Admin,
    /// All of them; the control API only when a token is set.
    Both,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Ingest => "signalpost ingest",
            Role::Dispatcher => "signalpost dispatcher",
            Role::Admin => "signalpost admin",
            Role::Both => "signalpost",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Role::Ingest => "ingest",
            Role::Dispatcher => "dispatcher",
            Role::Admin => "admin",
            Role::Both => "serve",
        }
    }
}

/// Where a process listens; bound by the caller, who can say what to do when a port is taken.
pub(crate) struct Listeners {
    pub(crate) grpc: Option<TcpListener>,
    pub(crate) admin: Option<TcpListener>,
    pub(crate) http: TcpListener,
}

/// The database as configured. Does not connect yet.
pub(crate) fn storage(settings: &Settings, role: Role) -> anyhow::Result<Storage> {
    let options = ConnectOptions {
        url: settings.database_url()?.to_owned(),
        connections_max: settings.database.connections_max,
        application_name: role.name().to_owned(),
    };
    Storage::connect(&options).context("database.url").map_err(Failure::usage)
}

/// The same for a command that works on it at once: it answers, with the schema of this build.
pub(crate) async fn ready_storage(settings: &Settings) -> anyhow::Result<Storage> {
    let storage = storage(settings, Role::Both)?;
    storage.ready().await.map_err(Failure::unavailable)?;
    Ok(storage)
}

/// Whether the database's address can be read.
pub(crate) fn check_database(settings: &Settings) -> anyhow::Result<()> {
    let address = signalpost_storage::ConnectOptions::check(settings.database_url()?);
    address.context("database.url")
}

/// The sealing keys as configured.
pub(crate) fn sealing_keys(settings: &Settings) -> anyhow::Result<SealingKeys> {
    match &settings.secrets.sealing_keys {
        None => Ok(SealingKeys::none()),
        Some(keys) => {
            SealingKeys::parse(Secret::expose(keys)).context("secrets.sealing_keys").map_err(Failure::usage)
        }
    }
}

/// Runs until the lifecycle ends it, or a part fails.
pub(crate) async fn run(
    settings: Settings,
    role: Role,
    listeners: Listeners,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let storage = storage(&settings, role)?;
    let mut registry = Registry::default();
    let traces = traces::start(&settings.traces).map_err(Failure::usage)?;
    let shown = show(role, &mut registry);
    let probes = Probes {
        storage: storage.clone(),
        registry: Arc::new(registry),
        parts: shown.clone(),
        stop: lifecycle.stop.clone(),
    };
    let end = CancellationToken::new();
    let mut serving = JoinSet::new();
    serving.spawn(serve_probes(listeners.http, probes, end.clone()));
    let (sampling, ended) = (shown.database.clone().sample(storage.clone()), end.clone());
    serving.spawn(async move { _ = ended.run_until_cancelled(sampling).await });

    let ended = work(&settings, &storage, (listeners.grpc, listeners.admin), shown, &lifecycle).await;
    lifecycle.stop.cancel();
    end.cancel();
    while serving.join_next().await.is_some() {}
    traces.end().await;
    lifecycle.abort.cancel();
    if ended.is_ok() {
        info!("ended");
    }
    ended
}

/// Runs the parts of this process once the database is there, until the lifecycle ends them or one fails.
async fn work(
    settings: &Settings,
    storage: &Storage,
    (grpc, admin): (Option<TcpListener>, Option<TcpListener>),
    shown: Parts,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    let mut parts = JoinSet::new();
    if until_ready(storage, &lifecycle.stop).await? {
        let Settings { ingest, dispatcher, .. } = settings.clone();
        if let (Some(listener), Some(metrics)) = (grpc, shown.ingest) {
            let (storage, stop) = (storage.clone(), lifecycle.stop.clone());
            parts.spawn(async move {
                let run = signalpost_ingest::run(ingest, listener, storage, metrics, stop);
                run.await.context("ingest ended")
            });
        }
        if let (Some(listener), Some(metrics)) = (admin, shown.admin) {
            let means = signalpost_admin::Means {
                storage: storage.clone(),
                keys: sealing_keys(settings)?,
                transport: signalpost_dispatcher::client(&settings.dispatcher)?,
                read_destinations: destinations::read_json,
            };
            let (admin, stop) = (settings.admin.clone(), lifecycle.stop.clone());
            parts.spawn(async move {
                let run = signalpost_admin::run(admin, listener, means, metrics, stop);
                run.await.context("the control API ended")
            });
        }
        if let Some(metrics) = shown.dispatcher {
            let (storage, keys) = (storage.clone(), sealing_keys(settings)?);
            let (stop, abort) = (lifecycle.stop.clone(), lifecycle.abort.clone());
            parts.spawn(async move {
                let run = signalpost_dispatcher::run(dispatcher, storage, keys, metrics, stop, abort);
                run.await.context("the dispatcher ended")
            });
        }
    }
    all(parts, lifecycle, settings.dispatcher.abort_time_max + HAND_OVER).await
}

/// Registers what each part of this process shows of itself, and nothing of parts that do not run here.
fn show(role: Role, registry: &mut Registry) -> Parts {
    let has = |part: Role| role == part || role == Role::Both;
    Parts {
        ingest: has(Role::Ingest).then(|| signalpost_ingest::Metrics::register(registry)),
        dispatcher: has(Role::Dispatcher).then(|| signalpost_dispatcher::Metrics::register(registry)),
        admin: has(Role::Admin).then(|| signalpost_admin::Metrics::register(registry)),
        database: signalpost_storage::Metrics::register(registry),
        usage: Usage::register(registry, role.word()),
    }
}

/// Deliveries go on without probes; a process whose probes fail is restarted by whoever asks them.
async fn serve_probes(listener: TcpListener, probes: Probes, end: CancellationToken) {
    if let Err(error) = http::serve(listener, probes, end).await {
        error!(error = format!("{error:#}"), "probes and metrics are not served any more");
    }
}

/// Waits for every part. The first failure stops the others; an abort cuts off what does not end by itself.
async fn all(
    mut parts: JoinSet<anyhow::Result<()>>,
    lifecycle: &Lifecycle,
    grace: Duration,
) -> anyhow::Result<()> {
    let mut first = Ok(());
    let mut is_aborted = false;
    while !parts.is_empty() {
        let ended = tokio::select! {
            ended = parts.join_next() => ended,
            () = after(&lifecycle.abort, grace), if !is_aborted => {
                is_aborted = true;
                parts.abort_all();
                continue;
            }
        };
        let ended = ended.expect("it was not empty");
        if ended.as_ref().is_err_and(tokio::task::JoinError::is_cancelled) {
            continue;
        }
        let ended = ended.context("a part of the process panicked").and_then(|ended| ended);
        if first.is_ok() {
            first = ended;
        }
        lifecycle.stop.cancel();
    }
    first
}

/// Some time after the abort: whoever listens to it may record what it knows and hand over what it holds.
async fn after(abort: &CancellationToken, grace: Duration) {
    abort.cancelled().await;
    tokio::time::sleep(grace).await;
}

/// Waits until the database answers with the schema of this build; says what it waits for. False: told to stop first.
pub(crate) async fn until_ready(storage: &Storage, stop: &CancellationToken) -> anyhow::Result<bool> {
    let mut said: Option<(String, tokio::time::Instant)> = None;
    loop {
        let error = match stop.run_until_cancelled(storage.reach()).await {
            None => return Ok(false),
            Some(Ok(())) => {
                if said.is_some() {
                    info!("the database is ready");
                }
                return Ok(true);
            }
            Some(Err(error)) => error,
        };
        let is_behind = matches!(error, signalpost_storage::StorageError::SchemaBehind { .. });
        let is_worth_waiting = error.is_transient() || is_behind;
        let text = format!("{:#}", anyhow::Error::from(error));
        if !is_worth_waiting {
            return Err(Failure::unavailable(anyhow::anyhow!(text)));
        }
        let is_news = said.as_ref().is_none_or(|(before, at)| *before != text || at.elapsed() > SAY_EVERY);
        if is_news {
            warn!(reason = text, "waiting for the database");
            said = Some((text, tokio::time::Instant::now()));
        }
        if stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod reference;
