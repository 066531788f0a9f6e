//! Server: the gRPC server of the control API, its door, and how it ends.
//!
//! Invariants: nothing of a call is read before its token is known to be good; health follows the database.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use signalpost_core::setting::Mistake;
use signalpost_dispatcher::transport::Client;
use signalpost_grpc::guard::Guard;
use signalpost_proto::v1::admin_service_server::AdminServiceServer;
use signalpost_storage::{SealingKeys, Storage, Wanted};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;
use tracing::{info, warn};

use crate::auth::Tokens;
use crate::config::Config;
use crate::door::{Door, Keeper};
use crate::metrics::Metrics;
use crate::service::Service;

/// How large a request may be: a configuration with every mapping written out.
const REQUEST_BYTES_MAX: usize = 16 << 20;
/// After how much silence a connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long calls may take to finish when stopping.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// How often the database is looked at, while it answers and while it does not.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// So many may watch attempts at a time: each look costs the database something.
const WATCHERS_MAX: usize = 16;
/// So many tokens are looked at to know whether there is one.
const TOKENS_LOOKED_AT: i64 = 1000;
/// The names under which the standard health service answers.
const HEALTH_NAMES: [&str; 2] = ["", "signalpost.v1.AdminService"];

/// Why the control API ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A setting could not work.
    #[error("the settings of the control API could not work")]
    Config(#[from] Mistake),
    /// The certificate, its key or the client authorities could not be used.
    #[error("the control API can not serve TLS")]
    Tls(#[from] signalpost_grpc::tls::Error),
    /// Server reflection could not be set up.
    #[error("the service descriptions are unusable")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// Connections could not be served.
    #[error("the gRPC server of the control API failed")]
    Serve(#[source] tonic::transport::Error),
}

/// Reads a destinations file that came as JSON; every mistake by its place.
pub type ReadDestinations = fn(&str) -> Result<Wanted, Vec<(String, String)>>;

/// What the control API needs of the process it runs in.
pub struct Means {
    /// The database.
    pub storage: Storage,
    /// What secrets are sealed with.
    pub keys: SealingKeys,
    /// How receivers are reached.
    pub transport: Client,
    /// How a destinations file is read.
    pub read_destinations: ReadDestinations,
}

/// Serves the control API on this listener until `stop`: then no new call is taken, those under way are finished, and
/// `run` returns.
pub async fn run(
    config: Config,
    listener: TcpListener,
    means: Means,
    metrics: Metrics,
    stop: CancellationToken,
) -> Result<(), RunError> {
    config.check()?;
    let address = listener.local_addr().ok();
    let stop = stop.child_token();
    let _stopped_in_any_case = stop.clone().drop_guard();
    let storage = means.storage.for_operators(config.connections_max, config.statement_timeout);
    let (mut health, health_service) = tonic_health::server::health_reporter();
    let tls = config.tls.as_ref().map(signalpost_grpc::tls::Server::load).transpose()?;
    let is_tls = tls.is_some();
    let incoming = signalpost_grpc::listen(listener, tls, metrics.grpc.clone());
    let service = Service {
        storage: storage.clone(),
        keys: Arc::new(means.keys),
        transport: means.transport,
        read_destinations: means.read_destinations,
        watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
        stop: stop.clone(),
    };
    let routes = routes(&config, service, metrics, health_service)?;
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, stop.cancelled());
    if config.token.is_none() {
        warn_if_nobody_may_call(&storage).await;
    }
    let mut server = pin!(server);
    info!(address = address.map(tracing::field::display), tls = is_tls, "taking calls of the control API");
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = keep_health(&storage, &health) => {}
        ended = &mut server => return ended.map_err(RunError::Serve),
    }
    for name in HEALTH_NAMES {
        health.set_service_status(name, ServingStatus::NotServing).await;
        health.clear_service_status(name).await; // whoever watches does not hold up the drain
    }
    match time::timeout(DRAIN_TIME_MAX, server).await {
        Ok(ended) => ended.map_err(RunError::Serve),
        Err(_elapsed) => {
            warn!(
                "calls of the control API were still under way when the time to drain was over: they are cut"
            );
            Ok(())
        }
    }
}

/// The first token comes from the settings: without one, there may be no way to make any.
async fn warn_if_nobody_may_call(storage: &Storage) {
    let Ok(tokens) = storage.tokens().list(None, "", TOKENS_LOOKED_AT).await else { return };
    if tokens.iter().all(|token| token.revoked_at.is_some()) {
        warn!(
            "nobody can call the control API: the setting admin.token is not set, and no token was made. Put a long random \
             text into a file (openssl rand -hex 32 > admin-token), set admin.token_file to it, and start again"
        );
    }
}

/// Our service behind its door; health and reflection, which tell nothing that is not public.
fn routes(
    config: &Config,
    service: Service,
    metrics: Metrics,
    health: HealthServer<impl Health>,
) -> Result<Routes, RunError> {
    let tokens = Tokens::new(config.token.as_ref(), service.storage.tokens());
    let keeper = Arc::new(Keeper { tokens, guard: Guard::new(metrics.grpc.clone()), metrics });
    let service = AdminServiceServer::new(service).max_decoding_message_size(REQUEST_BYTES_MAX);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(signalpost_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(Routes::new(Door::new(service, keeper))
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?))
}

/// Health says what the database says. Never ends by itself.
async fn keep_health(storage: &Storage, health: &HealthReporter) {
    loop {
        let (status, pause) = match storage.ready().await {
            Ok(()) => (ServingStatus::Serving, LOOK_EVERY),
            Err(_away) => (ServingStatus::NotServing, LOOK_AGAIN),
        };
        for name in HEALTH_NAMES {
            health.set_service_status(name, status).await;
        }
        time::sleep(pause).await;
    }
}
