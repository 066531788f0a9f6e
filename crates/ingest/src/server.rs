//! Server: one gRPC server with its services, its committers, and how they end.
//!
//! Invariants: the committers outlive every call; when `run` returns, everything that was accepted is answered or its
//! connection is gone.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use signalpost_core::json::Limits;
use signalpost_core::setting::Mistake;
use signalpost_grpc::guard::Guard;
use signalpost_grpc::{listen, tls};
use signalpost_proto::v1::ingest_service_server::IngestServiceServer;
use signalpost_storage::{Queue, Storage};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic_health::pb::health_server::{Health, HealthServer};
use tower::util::{MapRequestLayer, MapResponseLayer};
use tracing::{info, warn};

use crate::committer::Committer;
use crate::config::Config;
use crate::depth::{Depths, Limit};
use crate::intake::Intake;
use crate::limits::{RequestLimits, Waiting};
use crate::metrics::Metrics;
use crate::readiness::{Keeper, Readiness};
use crate::reading::Reading;
use crate::service::Service;
use crate::status;
use crate::trace::Tracer;

/// How long dispatchers are left alone after a wake-up: at most two hundred hints a second, however many commits.
const WAKE_PAUSE: Duration = Duration::from_millis(5);
/// What a message may have beyond its events: tags, lengths and numbers.
const FRAMING_BYTES: usize = 1 << 20;
/// How much of one connection, and of one call on it, may be on its way without having been read.
const CONNECTION_WINDOW: u32 = 2 << 20;
const CALL_WINDOW: u32 = 1 << 20;

/// Why ingest ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A setting could not work.
    #[error("the ingest settings could not work")]
    Config(#[from] Mistake),
    /// The certificate, its key or the client authorities could not be used.
    #[error("the TLS settings could not be used")]
    Tls(#[from] tls::Error),
    /// Server reflection could not be set up.
    #[error("the service descriptions are unusable")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// Connections could not be served.
    #[error("the gRPC server failed")]
    Serve(#[source] tonic::transport::Error),
    /// A committer ended by itself: a defect.
    #[error("a background task ended by itself")]
    Task,
}

/// Serves ingest on this listener until `stop`: then no new call is taken, what was accepted is committed and answered,
/// streams end, and `run` returns.
pub async fn run(
    config: Config,
    listener: TcpListener,
    storage: Storage,
    metrics: Metrics,
    stop: CancellationToken,
) -> Result<(), RunError> {
    config.check()?;
    let tls = config.tls.as_ref().map(tls::Server::load).transpose()?;
    let stop = stop.child_token();
    let (health, health_service) = tonic_health::server::health_reporter();
    let (state, readiness) = watch::channel(Readiness::default());
    let troubled = Arc::new(Notify::new());
    let committer = Arc::new(Committer::new(
        storage.queue(),
        usize_of(config.commit_bytes_max.as_u64()),
        Arc::clone(&troubled),
        metrics.clone(),
    ));
    let mut tasks = JoinSet::new();
    for _ in 0..config.committers {
        let committer = Arc::clone(&committer);
        tasks.spawn(async move { committer.run().await });
    }
    let queue = storage.queue();
    let mut keeper = Keeper {
        storage,
        poll: config.catalog_poll,
        state,
        troubled,
        health,
        metrics: metrics.clone(),
        is_troubled: false,
    };
    let ended = CancellationToken::new();
    let limit =
        Limit { events: Some(config.queued_events_max), bytes: Some(config.queued_bytes_max.as_u64()) };
    let depths = Arc::new(Depths::new(limit, metrics.clone()));
    tasks.spawn(Arc::clone(&depths).watch(queue.clone(), readiness.clone(), ended.clone()));
    tasks.spawn(wake(queue, Arc::clone(&committer), ended.clone()));
    // Before anyone can ask: the health service starts with `SERVING`.
    keeper.not_serving().await;
    tasks.spawn(keeper.run(stop.clone()));
    let reading = reading(&config, &metrics);
    let incoming = Incoming { listener, tls, metrics: metrics.grpc.clone() };
    let intake = intake(&config, Arc::clone(&committer), depths, readiness, metrics);
    let routes = routes(&config, intake, health_service, &stop)?;

    let served = serve(&config, routes, reading, incoming, &stop, &mut tasks).await;
    committer.close();
    ended.cancel();
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    served
}

/// Where clients come from.
struct Incoming {
    listener: TcpListener,
    tls: Option<tls::Server>,
    metrics: signalpost_grpc::Metrics,
}

/// Until told to stop; then until the last call is answered, or patience ends.
async fn serve(
    config: &Config,
    routes: Routes,
    reading: Reading,
    Incoming { listener, tls, metrics }: Incoming,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<(), RunError> {
    let address = listener.local_addr().ok();
    let server = builder(config)
        .layer(MapResponseLayer::new(status::name_oversize))
        .layer(MapRequestLayer::new(move |request| reading.bound(request)))
        .add_routes(routes)
        .serve_with_incoming_shutdown(listen(listener, tls, metrics), stop.cancelled());
    let mut server = pin!(server);
    info!(address = address.map(tracing::field::display), tls = config.tls.is_some(), "taking events");
    tokio::select! {
        biased;
        () = stop.cancelled() => info!("no new calls are taken; finishing those that are under way"),
        ended = &mut server => return ended.map_err(RunError::Serve),
        _task = tasks.join_next() => return Err(RunError::Task),
    }
    match time::timeout(config.drain_time_max, server).await {
        Ok(ended) => ended.map_err(RunError::Serve),
        Err(_elapsed) => {
            warn!("calls were still under way when the time to drain was over: their connections are cut");
            Ok(())
        }
    }
}

fn builder(config: &Config) -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(config.keepalive))
        .max_concurrent_streams(config.calls_per_connection_max)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .initial_stream_window_size(CALL_WINDOW)
}

/// The services: ours, health, and reflection in both versions (older tools know only the first).
fn routes(
    config: &Config,
    intake: Intake,
    health: HealthServer<impl Health>,
    stop: &CancellationToken,
) -> Result<Routes, RunError> {
    let intake = Arc::new(intake);
    let doorkeeper = Arc::clone(&intake);
    let service =
        Service { intake, stream_window: usize_of(config.stream_window.as_u64()), stop: stop.clone() };
    let service = IngestServiceServer::new(service)
        .max_decoding_message_size(usize_of(config.request_bytes_max.as_u64()) + FRAMING_BYTES)
        .accept_compressed(CompressionEncoding::Gzip);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(signalpost_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // Before anything of the request is read.
    let service = InterceptedService::new(service, move |request: Request<()>| {
        doorkeeper.authenticate(request.metadata(), request.remote_addr()).map(|_| request)
    });
    Ok(Routes::new(service)
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?))
}

fn reading(config: &Config, metrics: &Metrics) -> Reading {
    Reading {
        room: Waiting::new(config.reading_bytes_max.as_u64(), metrics.memory.reading_bytes.clone()),
        message_max: usize_of(config.request_bytes_max.as_u64()) + FRAMING_BYTES,
        patience: config.waiting_time_max,
        silence_max: config.reading_silence_max,
        metrics: metrics.clone(),
    }
}

fn intake(
    config: &Config,
    committer: Arc<Committer>,
    depths: Arc<Depths>,
    readiness: watch::Receiver<Readiness>,
    metrics: Metrics,
) -> Intake {
    Intake {
        guard: Guard::new(metrics.grpc.clone()),
        readiness,
        request_limits: RequestLimits {
            bytes_max: usize_of(config.request_bytes_max.as_u64()),
            events_max: config.request_events_max,
        },
        event_limits: Limits {
            bytes_max: usize_of(config.event_bytes_max.as_u64()),
            depth_max: config.event_depth_max,
        },
        waiting: Waiting::new(config.waiting_bytes_max.as_u64(), metrics.memory.waiting_bytes.clone()),
        patience: config.waiting_time_max,
        committer,
        depths,
        metrics,
        tracer: Tracer::new(),
    }
}

/// Tells dispatchers that something was queued: at once after a pause, then no more often than they can use.
async fn wake(queue: Queue, committer: Arc<Committer>, ended: CancellationToken) {
    while ended.run_until_cancelled(committer.queued.notified()).await.is_some() {
        // A hint that is lost costs the dispatchers one polling interval, and Postgres's trouble shows elsewhere.
        let _hint = queue.wake().await;
        time::sleep(WAKE_PAUSE).await;
    }
}

fn usize_of(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
