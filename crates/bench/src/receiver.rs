//! The receiver: an HTTP server that counts what arrives in the ledger, verifies signatures, and can misbehave.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use sha1::Sha1;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{events, ledger::Ledger};

/// How a receiver answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    /// 200 at once.
    Good,
    /// 200 after a while.
    Slow(Duration),
    /// 503.
    Failing,
    /// Never, within any time-out.
    Hanging,
    /// Closes the connection instead of answering.
    Resetting,
}

/// A running receiver.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

struct State {
    ledger: Arc<Ledger>,
    /// Keyed with the shared secret; not the implementation that signs.
    verifier: Option<Hmac<Sha1>>,
    mood: Mutex<Mood>,
    requests: AtomicU64,
    at_a_time: AtomicU64,
    most_at_a_time: AtomicU64,
    unverified: AtomicU64,
    arrivals: Mutex<Option<Vec<(u64, Instant)>>>,
}

impl Receiver {
    /// Listens on a free loopback port. With a secret every signature is verified.
    pub(crate) async fn start(ledger: Arc<Ledger>, secret: Option<&str>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            ledger,
            verifier: secret
                .map(|secret| Hmac::new_from_slice(secret.as_bytes()).expect("any length will do")),
            mood: Mutex::new(Mood::Good),
            requests: AtomicU64::new(0),
            at_a_time: AtomicU64::new(0),
            most_at_a_time: AtomicU64::new(0),
            unverified: AtomicU64::new(0),
            arrivals: Mutex::new(None),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, Arc::clone(&state)));
        Ok(Self { address, state, _tasks: tasks })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *self.state.mood.lock().expect("nothing panics while it is held") = mood;
    }

    /// Requests that came, whatever the answer.
    pub(crate) fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }

    /// The most requests that were here at a time.
    pub(crate) fn most_at_a_time(&self) -> u64 {
        self.state.most_at_a_time.load(Ordering::Relaxed)
    }

    /// Requests whose signature was wrong or missing.
    pub(crate) fn unverified(&self) -> u64 {
        self.state.unverified.load(Ordering::Relaxed)
    }

    /// From now on remembers when each event arrived.
    pub(crate) fn time_arrivals(&self) {
        *self.state.arrivals.lock().expect("nothing panics while it is held") = Some(Vec::new());
    }

    /// What was remembered.
    pub(crate) fn take_arrivals(&self) -> Vec<(u64, Instant)> {
        self.state.arrivals.lock().expect("nothing panics while it is held").take().unwrap_or_default()
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        stream.set_nodelay(true).ok();
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, &state));
            // A connection that breaks is what a misbehaving receiver is for.
            http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(request: Request<Incoming>, state: &State) -> Result<Response<Full<Bytes>>, Broken> {
    let signature = request.headers().get("x-signature").cloned();
    let body = request.into_body().collect().await.map_err(|_| Broken)?.to_bytes();
    state.requests.fetch_add(1, Ordering::Relaxed);
    let _here = Here::new(state);
    let mood = *state.mood.lock().expect("nothing panics while it is held");
    match mood {
        Mood::Good => {}
        Mood::Slow(delay) => tokio::time::sleep(delay).await,
        Mood::Failing => return Ok(status(StatusCode::SERVICE_UNAVAILABLE)),
        Mood::Hanging => std::future::pending::<()>().await,
        Mood::Resetting => return Err(Broken),
    }
    if let Some(verifier) = &state.verifier {
        let given = signature.and_then(|given| hex::decode(given.as_bytes()).ok()).unwrap_or_default();
        if verifier.clone().chain_update(&body).verify_slice(&given).is_err() {
            state.unverified.fetch_add(1, Ordering::Relaxed);
            return Ok(status(StatusCode::UNAUTHORIZED));
        }
    }
    let now = Instant::now();
    for number in events::numbers(&body) {
        state.ledger.arrive(number);
        if let Some(arrivals) = state.arrivals.lock().expect("nothing panics while it is held").as_mut() {
            arrivals.push((number, now));
        }
    }
    Ok(status(StatusCode::OK))
}

/// A request that is here, until it is dropped.
struct Here<'state>(&'state State);

impl<'state> Here<'state> {
    fn new(state: &'state State) -> Self {
        let now = state.at_a_time.fetch_add(1, Ordering::Relaxed) + 1;
        state.most_at_a_time.fetch_max(now, Ordering::Relaxed);
        Self(state)
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.at_a_time.fetch_sub(1, Ordering::Relaxed);
    }
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// Ends the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the receiver broke the connection on purpose")]
struct Broken;
