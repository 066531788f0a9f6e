//! HTTP: is this process alive, is it ready, and what has it counted.
//!
//! Invariants: `/livez` answers while the process can; `/readyz` says yes only while the database answers with the
//! schema of this build and nobody asked the process to stop; neither waits longer than a probe would.

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
use signalpost_storage::Storage;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long the database may take to answer a probe.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// What the answers are made of.
#[derive(Clone)]
pub(crate) struct Probes {
    pub(crate) storage: Storage,
    pub(crate) registry: Arc<Registry>,
    /// Once cancelled, nothing new should be sent here.
    pub(crate) stop: CancellationToken,
}

/// Serves until `end`, which comes after everything else has ended: probes are for as long as the process lives.
pub(crate) async fn serve(
    listener: TcpListener,
    probes: Probes,
    end: CancellationToken,
) -> anyhow::Result<()> {
    let routes = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probes);
    axum::serve(listener, routes)
        .with_graceful_shutdown(end.cancelled_owned())
        .await
        .context("serving probes and metrics")
}

async fn ready(State(probes): State<Probes>) -> (StatusCode, String) {
    let no = |why: String| (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    if probes.stop.is_cancelled() {
        return no("stopping".to_owned());
    }
    match tokio::time::timeout(READY_WITHIN, probes.storage.ready()).await {
        Ok(Ok(())) => (StatusCode::OK, "ok\n".to_owned()),
        Ok(Err(error)) => no(format!("{:#}", anyhow::Error::from(error))),
        Err(_) => no(format!("the database did not answer within {READY_WITHIN:?}")),
    }
}

async fn metrics(State(probes): State<Probes>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &probes.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
