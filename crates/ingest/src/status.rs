//! Status: how ingest says no. Every status carries `google.rpc` details that a program can act on.
//!
//! Invariant: a status fits into response headers; what it quotes is bounded.

use std::collections::HashMap;
use std::time::Duration;

use signalpost_proto::v1::Problem;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::auth::AuthError;
use crate::depth::QueueFull;

const DOMAIN: &str = "signalpost";
/// How many refused events a status names; gRPC clients accept about 8 KB of headers.
const VIOLATIONS_MAX: usize = 10;
const REASON_BYTES_MAX: usize = 200;

pub(crate) fn unauthenticated(error: AuthError) -> Status {
    let reason = match error {
        AuthError::Missing => "WRITE_KEY_MISSING",
        AuthError::Malformed => "WRITE_KEY_UNREADABLE",
        AuthError::Unknown => "WRITE_KEY_UNKNOWN",
        AuthError::UnknownSource => {
            return Status::with_error_details(Code::NotFound, error.to_string(), info("SOURCE_UNKNOWN"));
        }
    };
    Status::with_error_details(Code::Unauthenticated, error.to_string(), info(reason))
}

/// The request as a whole broke a limit.
pub(crate) fn invalid_request(field: &str, reason: &str) -> Status {
    let mut details = info("REQUEST_INVALID");
    details.add_bad_request_violation(field, reason);
    Status::with_error_details(Code::InvalidArgument, format!("{field}: {reason}"), details)
}

/// A message over the limit is the client's mistake. The transport, which finds it, calls it `OUT_OF_RANGE`, or
/// `RESOURCE_EXHAUSTED` when it was compressed; ours of that code carry details.
pub(crate) fn oversize(status: Status) -> Status {
    if is_oversize(&status) { invalid_request("events", status.message()) } else { status }
}

fn is_oversize(status: &Status) -> bool {
    match status.code() {
        Code::OutOfRange => true,
        Code::ResourceExhausted => status.details().is_empty(),
        _ => false,
    }
}

/// The same for a call that was refused before it reached the service.
pub(crate) fn name_oversize<B>(mut response: http::Response<B>) -> http::Response<B> {
    if let Some(status) = Status::from_header_map(response.headers())
        && is_oversize(&status)
    {
        *response.headers_mut() = oversize(status).into_http::<()>().into_parts().0.headers;
    }
    response
}

/// No event was accepted. `refused` holds the refused ones, in order; there is at least one.
pub(crate) fn events_refused(refused: &[Problem]) -> Status {
    let mut details = info("EVENTS_REFUSED");
    let violations: Vec<_> = refused.iter().take(VIOLATIONS_MAX).map(violation).collect();
    let mut message =
        violations.first().map(|first| format!("{}: {}", first.field, first.description)).unwrap_or_default();
    if refused.len() > 1 {
        message = format!("{message} (and {} more refused)", refused.len() - 1);
    }
    details.set_bad_request(violations);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

fn violation(problem: &Problem) -> FieldViolation {
    let dot = if problem.path.is_empty() { "" } else { "." };
    let path = bounded(&problem.path);
    FieldViolation::new(format!("events[{}]{dot}{path}", problem.index), bounded(&problem.reason))
}

/// Too much is waiting.
pub(crate) fn exhausted(message: &str, retry_after: Duration) -> Status {
    Status::with_error_details(Code::ResourceExhausted, message, retry("WAITING_LIMIT", retry_after))
}

/// Nothing came of a message that had begun.
pub(crate) fn silent(after: Duration) -> Status {
    let message =
        format!("nothing came of a message that had begun for {after:?} (setting reading_silence_max)");
    Status::with_error_details(Code::DeadlineExceeded, message, info("READING_SILENCE"))
}

/// Too much is queued already where a part of the request would go.
pub(crate) fn queue_full(full: &QueueFull, retry_after: Duration) -> Status {
    let mut metadata = HashMap::from([(String::from("setting"), full.setting.clone())]);
    metadata.extend(full.mapping.clone().map(|mapping| (String::from("mapping"), mapping)));
    let mut details = ErrorDetails::with_error_info("QUEUE_FULL", DOMAIN, metadata);
    details.set_retry_info(Some(retry_after));
    Status::with_error_details(Code::ResourceExhausted, full.to_string(), details)
}

/// Not now: the events may not have been stored, and are not acknowledged.
pub(crate) fn unavailable(reason: &str, message: &str, retry_after: Duration) -> Status {
    Status::with_error_details(Code::Unavailable, message, retry(reason, retry_after))
}

fn info(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, [])
}

fn retry(reason: &str, after: Duration) -> ErrorDetails {
    let mut details = info(reason);
    details.set_retry_info(Some(after));
    details
}

/// The beginning of a text, cut at a character.
pub(crate) fn bounded(text: &str) -> &str {
    if text.len() <= REASON_BYTES_MAX { text } else { &text[..text.floor_char_boundary(REASON_BYTES_MAX)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(index: u32, path: &str, reason: &str) -> Problem {
        Problem { index, path: path.to_owned(), reason: reason.to_owned(), ..Problem::default() }
    }

    #[test]
    fn refused_events_are_named_with_their_index_and_field() {
        let status =
            events_refused(&[problem(3, "userId", "is missing"), problem(4, "", "is not an object")]);
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "events[3].userId: is missing (and 1 more refused)");
        let fields = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(fields[1].field, "events[4]");
    }

    #[test]
    fn a_status_stays_small_however_much_was_refused() {
        let long = "é".repeat(5_000);
        let refused: Vec<_> = (0..10_000).map(|index| problem(index, &long, &long)).collect();
        let status = events_refused(&refused);
        assert!(status.message().len() + status.details().len() < 6_000);
    }
}
