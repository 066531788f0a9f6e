//! HTTP: is this process alive, is it ready, and what has it counted.
//!
//! Invariants: `/livez` says no only when a restart would help: it asks nobody else; `/readyz` says yes only while all
//! that the process needs is there, and else names everything that is not; neither waits longer than a probe would.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use signalpost_storage::{Storage, StorageError};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::process::usage::Usage;

/// How long the database may take to answer a probe.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// The dispatcher's main loop turns several times a second, or every five when there is nothing to do.
const TURNED_WITHIN: Duration = Duration::from_secs(30);
/// A statement is cut off after a minute; whatever takes longer hangs.
const COMMITTED_WITHIN: Duration = Duration::from_mins(2);

/// What the answers are made of.
#[derive(Clone)]
pub(crate) struct Probes {
    pub(crate) storage: Storage,
    pub(crate) registry: Arc<Registry>,
    pub(crate) parts: Parts,
    /// Once cancelled, nothing new should be sent here.
    pub(crate) stop: CancellationToken,
}

/// What runs in this process, and what it shows of itself.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) ingest: Option<signalpost_ingest::Metrics>,
    pub(crate) dispatcher: Option<signalpost_dispatcher::Metrics>,
    pub(crate) admin: Option<signalpost_admin::Metrics>,
    pub(crate) database: signalpost_storage::Metrics,
    pub(crate) usage: Usage,
}

impl Parts {
    /// What hangs, by its name.
    fn hanging(&self) -> Vec<String> {
        let committing = self.ingest.as_ref().and_then(signalpost_ingest::Metrics::committing_for);
        let turned = self.dispatcher.as_ref().and_then(signalpost_dispatcher::Metrics::turned_ago);
        let commit = committing
            .filter(|long| *long > COMMITTED_WITHIN)
            .map(|long| format!("ingest: a commit has been under way for {} s", long.as_secs()));
        let turn = turned
            .filter(|ago| *ago > TURNED_WITHIN)
            .map(|ago| format!("dispatcher: its loop last turned {} s ago", ago.as_secs()));
        commit.into_iter().chain(turn).collect()
    }

    /// What is not ready yet, or any more, by its name.
    fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.ingest.as_ref().is_some_and(|ingest| !ingest.is_ready()) {
            missing
                .push("ingest: the configuration is not loaded, or the database does not answer".to_owned());
        }
        if let Some(dispatcher) = &self.dispatcher {
            if !dispatcher.is_configured() {
                missing.push("dispatcher: the configuration is not loaded".to_owned());
            } else if !dispatcher.is_owning() {
                missing.push(
                    "dispatcher: the last heartbeat is too old, its partitions may be another's".to_owned(),
                );
            }
        }
        missing
    }
}

/// Serves until `end`, which comes after everything else has ended: probes are for as long as the process lives.
pub(crate) async fn serve(
    listener: TcpListener,
    probes: Probes,
    end: CancellationToken,
) -> anyhow::Result<()> {
    let routes = Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probes);
    axum::serve(listener, routes)
        .with_graceful_shutdown(end.cancelled_owned())
        .await
        .context("serving probes and metrics")
}

/// A line for everything that is wrong.
fn answer(wrong: &[String]) -> (StatusCode, String) {
    match wrong {
        [] => (StatusCode::OK, "ok\n".to_owned()),
        wrong => (StatusCode::SERVICE_UNAVAILABLE, wrong.join("\n") + "\n"),
    }
}

async fn live(State(probes): State<Probes>) -> (StatusCode, String) {
    answer(&probes.parts.hanging())
}

async fn ready(State(probes): State<Probes>) -> (StatusCode, String) {
    if probes.stop.is_cancelled() {
        return answer(&["stopping".to_owned()]);
    }
    let database = match tokio::time::timeout(READY_WITHIN, probes.storage.ready()).await {
        // Newer than this build while it runs: the next release is on its way, and its schema suits this one too.
        Ok(Ok(()) | Err(StorageError::SchemaAhead { .. })) => None,
        Ok(Err(error)) => Some(format!("database: {:#}", anyhow::Error::from(error))),
        Err(_) => Some(format!("database: it did not answer within {READY_WITHIN:?}")),
    };
    let wrong: Vec<String> = database.into_iter().chain(probes.parts.missing()).collect();
    answer(&wrong)
}

async fn metrics(State(probes): State<Probes>) -> Response {
    probes.parts.database.refresh(&probes.storage);
    probes.parts.usage.refresh();
    let mut text = String::new();
    match encode(&mut text, &probes.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
