//! Trial: one request past the queue, for whoever wants to see what a receiver says to it.
//!
//! Invariants: it goes the way of every attempt: the same addresses, time-out, TLS and judgement; it is made once,
//! recorded nowhere, and carries a header by which a receiver can tell it.

use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use signalpost_core::body::Body;
use signalpost_core::outcome::Outcome;
use signalpost_core::request::OutboundRequest;
use signalpost_core::signature::Signers;
use signalpost_storage::Destination;

use crate::attempt;
use crate::catalog;
use crate::transport::{Answer, Egress, NoAnswer, Transport};

/// Marks a request that nobody queued.
const MARK: HeaderName = HeaderName::from_static("x-signalpost-test");

/// What all requests of a destination have in common.
#[derive(Debug)]
pub struct Terms {
    /// What it signs with.
    pub signers: Signers,
    /// Time-out and addresses.
    pub egress: Egress,
}

impl Terms {
    /// As the dispatcher would have them.
    pub fn of(destination: &Destination) -> Result<Self, String> {
        Ok(Self { signers: catalog::signers(destination)?, egress: catalog::egress(destination)? })
    }
}

/// What came of a trial.
#[derive(Debug)]
pub struct Tried {
    /// The answer, if there was one.
    pub answer: Option<Answer>,
    /// What it would have meant for a queued batch.
    pub outcome: Outcome,
    /// Why there was no answer, or what is wrong with it.
    pub error: Option<String>,
    /// From sending the request to knowing its outcome.
    pub latency: Duration,
}

/// Puts the mark on a request.
pub fn mark(request: &mut OutboundRequest) {
    request.headers.insert(MARK, HeaderValue::from_static("true"));
}

/// Makes the request, which holds one event, once.
pub async fn send(transport: &impl Transport, egress: &Egress, request: OutboundRequest) -> Tried {
    let started = Instant::now();
    let body_bytes = request.body.as_ref().map_or(0, Body::len);
    let result = transport.send(request, egress).await;
    let latency = started.elapsed();
    match result {
        Ok(answer) => {
            let attempted = attempt::answered(&answer, 1, body_bytes, latency);
            Tried { answer: Some(answer), outcome: attempted.outcome, error: attempted.error, latency }
        }
        Err(NoAnswer { failure, reason }) => {
            Tried { answer: None, outcome: Outcome::of_failure(failure), error: Some(reason), latency }
        }
    }
}
