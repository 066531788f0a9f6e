//! Receiver: a small HTTP server that takes deliveries, verifies them, and answers as it is told.
//!
//! Invariants: the signature is verified over the bytes as they arrived, before anything else is done with them; what
//! does not verify is refused with 401 and counts as nothing else.

mod tally;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use rand::Rng;
use signalpost_core::json::elements;
use signalpost_core::secret::Secret;
use signalpost_core::signature::{HEADER, SignatureMode, Signer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) use tally::Counts;
use tally::Tally;

/// Larger than any batch.
const BODY_BYTES_MAX: usize = 64 << 20;

/// How it answers.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    pub(crate) secret: Option<Secret>,
    pub(crate) signature: SignatureMode,
    pub(crate) status: StatusCode,
    pub(crate) delay: Duration,
    /// The share of requests that is answered with 503.
    pub(crate) fail_rate: f64,
}

/// What the signature of a request proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Verified,
    /// There is a signature, of other bytes or with another secret.
    Wrong,
    /// There is none.
    Unsigned,
    /// No secret was given to verify with.
    Unchecked,
}

/// A request that arrived.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) body: Bytes,
    pub(crate) events: usize,
    pub(crate) verdict: Verdict,
    pub(crate) answer: StatusCode,
    pub(crate) attempt: Option<String>,
}

impl Arrival {
    /// The payloads of the body: a batch's elements, or the one.
    pub(crate) fn payloads(&self) -> Vec<&str> {
        payloads(&self.body)
    }
}

fn payloads(body: &[u8]) -> Vec<&str> {
    match std::str::from_utf8(body) {
        Ok(text) if text.starts_with('[') => elements(text).collect(),
        Ok(text) if !text.is_empty() => vec![text],
        _ => Vec::new(),
    }
}

type Told = dyn Fn(&Arrival) + Send + Sync;

/// A receiver that is being served.
#[derive(Clone)]
pub(crate) struct Receiver {
    behaviour: Arc<Behaviour>,
    signer: Option<Arc<Signer>>,
    tally: Arc<Mutex<Tally>>,
    told: Arc<Told>,
}

impl Receiver {
    /// `told` hears of every request, after it was counted and before it is answered.
    pub(crate) fn new(behaviour: Behaviour, told: impl Fn(&Arrival) + Send + Sync + 'static) -> Receiver {
        let signer = behaviour.secret.as_ref().map(|secret| Arc::new(Signer::new(secret)));
        Receiver { behaviour: Arc::new(behaviour), signer, tally: Arc::default(), told: Arc::new(told) }
    }

    /// What arrived so far.
    pub(crate) fn counts(&self) -> Counts {
        self.tally.lock().expect("nothing panics while counting").counts
    }

    /// Takes requests until told to stop.
    pub(crate) async fn serve(self, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
        let routes =
            Router::new().fallback(take).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(self);
        axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Verdict {
        let Some(signer) = &self.signer else { return Verdict::Unchecked };
        let Some(signature) = headers.get(HEADER).and_then(|value| value.to_str().ok()) else {
            return Verdict::Unsigned;
        };
        let covered = match self.behaviour.signature {
            SignatureMode::Body => body,
            SignatureMode::FirstEvent => payloads(body).first().copied().unwrap_or_default().as_bytes(),
        };
        if signer.verify(covered, signature) { Verdict::Verified } else { Verdict::Wrong }
    }

    fn answer(&self, verdict: Verdict) -> StatusCode {
        if matches!(verdict, Verdict::Wrong | Verdict::Unsigned) {
            return StatusCode::UNAUTHORIZED;
        }
        let rate = self.behaviour.fail_rate;
        if rate > 0.0 && rand::rng().random_bool(rate) {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        self.behaviour.status
    }
}

async fn take(
    State(receiver): State<Receiver>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let verdict = receiver.verify(&headers, &body);
    let attempt = headers.get("x-signalpost-attempt").and_then(|value| value.to_str().ok());
    let arrival = Arrival {
        method,
        uri,
        events: payloads(&body).len(),
        body,
        verdict,
        answer: receiver.answer(verdict),
        attempt: attempt.map(str::to_owned),
    };
    receiver.tally.lock().expect("nothing panics while counting").count(&arrival);
    (receiver.told)(&arrival);
    tokio::time::sleep(receiver.behaviour.delay).await;
    arrival.answer
}
