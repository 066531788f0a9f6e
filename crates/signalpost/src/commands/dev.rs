//! `dev`: everything from nothing on this machine, and example events all the way through it.
//!
//! Invariants: nothing outside the folder changes; what is kept there is used again; `--once` ends with status 0 only
//! when every delivery of the example events arrived verified.

mod database;
mod example;
mod folder;
mod hints;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::http::StatusCode;
use signalpost_core::secret::Secret;
use signalpost_core::signature::SignatureMode;
use signalpost_storage::{ChangeKind, Wanted};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::Dev;
use crate::commands::receive;
use crate::config::Settings;
use crate::destinations;
use crate::exit::Failure;
use crate::lifecycle::Lifecycle;
use crate::output;
use crate::process::{self, Listeners, Role};
use crate::receiver::{Behaviour, Receiver};
use example::Arrivals;
use folder::Folder;
use hints::Hints;

/// A run that was killed should not make the next one wait.
const LEASE: Duration = Duration::from_secs(2);

/// Where the example's mappings send to.
const RECEIVER: &str = "127.0.0.1:4652";

pub(crate) async fn run(mut settings: Settings, args: &Dev) -> anyhow::Result<()> {
    settings.dispatcher.lease = LEASE;
    let folder = Folder::open(&args.folder)?;
    say("folder", folder.path().display());
    let database = database::start(&mut settings, &folder).await?;
    let ended = with_database(settings, args, &folder).await;
    database.end().await;
    ended
}

async fn with_database(mut settings: Settings, args: &Dev, folder: &Folder) -> anyhow::Result<()> {
    if settings.secrets.sealing_keys.is_none() {
        settings.secrets.sealing_keys = Some(folder.sealing_key()?);
    }
    if settings.admin.token.is_none() {
        settings.admin.token = Some(folder.admin_token()?);
    }
    let (grpc, http) = (bind(&mut settings.grpc.listen).await?, bind(&mut settings.http.listen).await?);
    let admin = bind(&mut settings.admin.listen).await?;
    let mut receiving: SocketAddr = RECEIVER.parse().expect("an address");
    let receiver_listener = bind(&mut receiving).await?;
    folder.write_settings(&settings)?;

    let file = args.destinations.clone().unwrap_or_else(|| folder.destinations());
    let wanted = configure(&settings, &file, receiving).await?;
    let (write_key, secret, signature) = credentials(&wanted)?;

    let tasks = TaskTracker::new();
    let lifecycle = Lifecycle::listen(&tasks, settings.shutdown.deadline)?;
    let arrivals = Arc::new(Arrivals::default());
    let receiver = receiver(secret, signature, Arc::clone(&arrivals));
    let end = CancellationToken::new();
    let mut serving = JoinSet::new();
    serving.spawn(receiver.serve(receiver_listener, end.clone()));
    say("ingest", format_args!("grpc://{}", settings.grpc.listen));
    say(
        "control",
        format_args!("http://{}, token in {}", settings.admin.listen, folder.admin_token_file().display()),
    );
    say("receiver", format_args!("http://{receiving}, verifying"));
    say("probes", format_args!("http://{}/readyz, /metrics", settings.http.listen));

    let listeners = Listeners { grpc: Some(grpc), admin: Some(admin), http };
    let mut running = JoinSet::new();
    running.spawn(process::run(settings.clone(), Role::Both, listeners, lifecycle.clone()));
    let hints = Hints::new(&settings, &write_key, &folder.admin_token_file(), file);
    let shown = tokio::select! {
        shown = show(&settings, &write_key, &arrivals, args) => shown,
        () = lifecycle.stop.cancelled() => Err(anyhow::anyhow!("stopped before the example events arrived")),
    };
    let shown = after(shown, args, &lifecycle, &hints).await;
    let ended = running.join_next().await.expect("it was spawned").context("the process panicked")?;
    end.cancel();
    while serving.join_next().await.is_some() {}
    lifecycle.stop.cancel();
    lifecycle.abort.cancel();
    tasks.close();
    tasks.wait().await;
    ended.and(shown)
}

/// Ends at once when asked to; else says what to try next, and stays.
async fn after(
    shown: anyhow::Result<()>,
    args: &Dev,
    lifecycle: &Lifecycle,
    hints: &Hints,
) -> anyhow::Result<()> {
    if args.once || lifecycle.stop.is_cancelled() {
        lifecycle.stop.cancel();
        return if args.once { shown } else { Ok(()) };
    }
    if let Err(error) = shown {
        eprintln!("warning: {error:#}");
    }
    output::line(hints);
    lifecycle.stop.cancelled().await;
    Ok(())
}

async fn show(settings: &Settings, write_key: &str, arrivals: &Arrivals, args: &Dev) -> anyhow::Result<()> {
    let sent = tokio::time::timeout(args.within, example::send(settings.grpc.listen, write_key))
        .await
        .map_err(|_| anyhow::anyhow!("the example events could not be sent within {:?}", args.within))??;
    output::line("");
    example::await_arrival(&sent, arrivals, args.within).await
}

/// Brings the schema up to date and applies the destinations file.
async fn configure(settings: &Settings, file: &PathBuf, receiving: SocketAddr) -> anyhow::Result<Wanted> {
    let migrated = signalpost_storage::migrate(settings.database_url()?).await;
    let migrated = migrated.context("migrating").map_err(Failure::unavailable)?;
    match migrated.applied.len() {
        0 => say("schema", "up to date"),
        count => say("schema", format_args!("{count} migrations applied")),
    }
    let variables = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("reading {}", file.display()))
        .map_err(Failure::input)?;
    let text = text.replace(RECEIVER, &receiving.to_string());
    let loaded = destinations::load_text(file, text, &variables)?;
    if let Some(warnings) = &loaded.warnings {
        eprintln!("{warnings}\n");
    }
    let storage = process::storage(settings, Role::Both)?;
    let keys = process::sealing_keys(settings)?;
    // Without pruning: what somebody configured beside the file, and what waits for it, stays.
    let changes = storage.catalog().apply(&loaded.wanted, &keys, false, false).await;
    for change in changes.context("applying the destinations")? {
        if change.kind == ChangeKind::Unlisted {
            say("kept", format_args!("{}, which is not in the file", change.what));
        }
    }
    for source in &loaded.wanted.sources {
        for destination in &source.destinations {
            let names: Vec<_> = destination.mappings.iter().map(|mapping| mapping.name.as_str()).collect();
            let line = format!("{} → {}: {}", source.name, destination.name, names.join(", "));
            say("configured", line);
        }
    }
    Ok(loaded.wanted)
}

/// What the example events are sent and verified with: the first of each.
fn credentials(wanted: &Wanted) -> anyhow::Result<(String, Option<Secret>, SignatureMode)> {
    let source = wanted.sources.first().context("the destinations file lists no source")?;
    let key = source.write_keys.first().context("the first source has no write key")?;
    let signed = source.destinations.iter().find(|destination| destination.shared_secret.is_some());
    let secret = signed.and_then(|destination| destination.shared_secret.clone());
    let signature = signed.map(|destination| destination.signature).unwrap_or_default();
    Ok((key.expose().to_owned(), secret, signature))
}

fn receiver(secret: Option<Secret>, signature: SignatureMode, arrivals: Arc<Arrivals>) -> Receiver {
    let behaviour =
        Behaviour { secret, signature, status: StatusCode::OK, delay: Duration::ZERO, fail_rate: 0.0 };
    Receiver::new(behaviour, move |arrival| {
        output::line(receive::describe(arrival));
        arrivals.take(arrival);
    })
}

/// The wanted port; another when that is taken, and says so.
async fn bind(address: &mut SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = match TcpListener::bind(*address).await {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let listener = TcpListener::bind((address.ip(), 0)).await;
            if let Ok(other) = listener.as_ref().map(TcpListener::local_addr) {
                let port = other.map_or(0, |other| other.port());
                say(
                    "port",
                    format_args!("{} is taken by another program; using {port} instead", address.port()),
                );
            }
            listener
        }
        bound => bound,
    };
    let listener = listener.with_context(|| format!("listening on {address}"))?;
    *address = listener.local_addr().context("reading the port")?;
    Ok(listener)
}

fn say(what: &str, text: impl std::fmt::Display) {
    output::line(format_args!("{what:<12}{text}"));
}
