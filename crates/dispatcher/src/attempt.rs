//! Attempt: one request from its events to what it proved.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::{DATE, LOCATION, RETRY_AFTER};
use signalpost_core::body::Body;
use signalpost_core::outcome::{self, EventOutcome, Failure, Outcome};
use signalpost_core::request::{InvalidRequest, OutboundRequest, Prepared};
use signalpost_core::signature::Signers;
use signalpost_core::target::Target;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::lanes::action::{Attempted, Request};
use crate::trace::{self, TRACEPARENT};
use crate::transport::{Answer, Egress, NoAnswer, Transport};

/// The status of an answer that may say something of each event.
pub(crate) const MULTI_STATUS: u16 = 207;
/// Bodies of so many bytes are signed in turn: that takes a tenth of a millisecond.
const LARGE: usize = 100_000;
/// So much of an answer is recorded.
const RESPONSE_MAX: usize = 1024;
/// So much of where a redirect points is told.
const LOCATION_MAX: usize = 500;

/// What all requests of a mapping have in common.
#[derive(Debug)]
pub(crate) struct Route {
    /// "source/destination/mapping".
    pub(crate) name: Arc<str>,
    /// Whether receivers are told the trace that a request belongs to.
    pub(crate) passes_trace_on: bool,
    /// The target of events that have none of their own; an error when they need one.
    pub(crate) target: Result<Prepared, String>,
    /// What it signs with.
    pub(crate) signers: Signers,
    /// Time-out and addresses.
    pub(crate) egress: Egress,
}

/// Turns to sign: large bodies take half of the machine at most, so that the requests of others find a thread that is free.
#[derive(Debug)]
pub(crate) struct Signing(Semaphore);

impl Signing {
    pub(crate) fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self(Semaphore::new((threads / 2).max(1)))
    }

    /// Waits for its turn, when there is much to sign.
    async fn turn(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        if bytes < LARGE { None } else { self.0.acquire().await.ok() }
    }
}

/// Makes the request and says what it proved.
pub(crate) async fn attempt(
    transport: &impl Transport,
    route: &Route,
    request: Request,
    signing: &Signing,
) -> Attempted {
    let span = trace::Span::begin(&request, route);
    let attempted = make(transport, route, &request, span.as_ref(), signing).await;
    if let Some(span) = span {
        span.end(&attempted);
    }
    attempted
}

async fn make(
    transport: &impl Transport,
    route: &Route,
    request: &Request,
    span: Option<&trace::Span>,
    signing: &Signing,
) -> Attempted {
    let turn = signing.turn(request.body.len()).await;
    let started = Instant::now();
    let prepared = prepare(route, request);
    drop(turn);
    let (body_bytes, result) = match prepared {
        Ok(mut outbound) => {
            if route.passes_trace_on
                && let Some(traceparent) = span.and_then(trace::Span::header)
            {
                outbound.headers.entry(TRACEPARENT).or_insert(traceparent);
            }
            let body_bytes = outbound.body.as_ref().map_or(0, Body::len);
            (body_bytes, transport.send(outbound, &route.egress).await)
        }
        Err(reason) => (0, Err(NoAnswer { failure: Failure::Request, reason })),
    };
    let latency = started.elapsed();
    match result {
        Ok(answer) => answered(&answer, request.events, body_bytes, latency),
        Err(NoAnswer { failure, reason }) => Attempted {
            outcome: Outcome::of_failure(failure),
            each: Vec::new(),
            status: None,
            error: Some(reason),
            response: None,
            body_bytes,
            latency,
        },
    }
}

/// The exact request.
fn prepare(route: &Route, request: &Request) -> Result<OutboundRequest, String> {
    let body = body(request);
    let signatures = route.signers.sign(body.as_ref(), request.is_batch, request.identity.batch_id, seconds);
    match &request.target {
        None => {
            let prepared = route.target.as_ref().map_err(Clone::clone)?;
            Ok(prepared.request(body, &signatures, request.identity))
        }
        Some(text) => {
            let target = Target::from_json(text)
                .map_err(|error| format!("the queued target can not be read: {error}"))?;
            let prepared = prepared(&target).map_err(|error| error.to_string())?;
            Ok(prepared.request(body, &signatures, request.identity))
        }
    }
}

/// A target made ready.
pub(crate) fn prepared(target: &Target) -> Result<Prepared, InvalidRequest> {
    Prepared::new(target.method.as_str(), &target.url, &target.headers)
}

/// The exact bytes; a single event without data has no body.
fn body(request: &Request) -> Option<Body> {
    (request.is_batch || !request.body.is("null")).then(|| request.body.clone())
}

/// The time as the receiver will compare it with its own.
#[expect(clippy::disallowed_methods, reason = "`webhook-timestamp` is the wall clock's time of this attempt")]
fn seconds() -> i64 {
    DateTime::<Utc>::from(std::time::SystemTime::now()).timestamp()
}

pub(crate) fn answered(
    answer: &Answer,
    events: u32,
    body_bytes: usize,
    latency: std::time::Duration,
) -> Attempted {
    let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok());
    let now = sent_at(&answer.headers).unwrap_or(DateTime::<Utc>::MAX_UTC);
    if answer.status == MULTI_STATUS
        && let Ok(body) = std::str::from_utf8(&answer.body)
        && let Some(each) = outcome::of_each(body, events as usize, header(RETRY_AFTER), now)
    {
        return told_apart(answer, each, body_bytes, latency);
    }
    let outcome = Outcome::of_status(answer.status, header(RETRY_AFTER), now);
    let error = (outcome != Outcome::Delivered).then(|| match header(LOCATION) {
        Some(location) if (300..400).contains(&answer.status) => {
            let location: String = location.chars().take(LOCATION_MAX).collect();
            format!("{}: redirects are not followed, this one points to {location}", answer.status)
        }
        _ => format!("the receiver answered {}", answer.status),
    });
    let response = response(answer);
    Attempted { outcome, each: Vec::new(), status: Some(answer.status), error, response, body_bytes, latency }
}

/// An answer that has a status for each event.
fn told_apart(
    answer: &Answer,
    each: Vec<EventOutcome>,
    body_bytes: usize,
    latency: std::time::Duration,
) -> Attempted {
    let outcome = outcome::together(&each);
    let count = |wanted: &str| each.iter().filter(|event| event.outcome.as_str() == wanted).count();
    let (all, delivered, again) = (each.len(), count("delivered"), count("retryable"));
    let error = (delivered < all).then(|| {
        let refused = all - delivered - again;
        format!("of {all} events the receiver took {delivered}, refused {refused} and asks for {again} again")
    });
    // Those to be tried again stay one batch with its id when they are all of it.
    let is_alike = delivered == all || again == all;
    Attempted {
        outcome,
        each: if is_alike { Vec::new() } else { each },
        status: Some(answer.status),
        error,
        response: response(answer),
        body_bytes,
        latency,
    }
}

/// The beginning of the answer, for the delivery log.
fn response(answer: &Answer) -> Option<String> {
    let kept = &answer.body[..answer.body.len().min(RESPONSE_MAX)];
    (!kept.is_empty()).then(|| text(kept))
}

/// When the receiver sent its answer, by its own clock: the one by which its `Retry-After` date is meant. Without it
/// such a date says nothing.
fn sent_at(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.with_timezone(&Utc))
}

/// Text that Postgres can store.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}

/// Routes by mapping.
pub(crate) type Routes = std::collections::HashMap<i64, Arc<Route>>;
