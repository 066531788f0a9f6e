//! Status: how the service says no. Every status carries `google.rpc` details that a program can act on.
//!
//! Invariants: a status fits into response headers; no status holds a secret; what is nobody's fault but ours is logged
//! in full, and told without its inside.

use std::time::Duration;

use signalpost_storage::{ApplyError, EditError, StorageError, TokenRole};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};
use tracing::error;

use crate::auth::Caller;

const DOMAIN: &str = "signalpost";
/// gRPC clients accept about 8 KB of headers: so many mistakes are told, each so long.
const VIOLATIONS_MAX: usize = 20;
const VIOLATION_BYTES_MAX: usize = 200;
const RETRY_SOON: Duration = Duration::from_secs(1);

/// No valid token, for whatever reason.
pub(crate) fn unauthenticated() -> Status {
    let message = "no valid admin token: send metadata `authorization: Bearer <admin token>`";
    Status::with_error_details(Code::Unauthenticated, message, info("ADMIN_TOKEN_INVALID"))
}

/// The role is not enough.
pub(crate) fn not_allowed(caller: &Caller, needed: TokenRole) -> Status {
    let message = format!(
        "token {} has the role {}: this needs the role {}",
        caller.name,
        role_name(caller.role),
        role_name(needed)
    );
    Status::with_error_details(Code::PermissionDenied, message, info("ROLE_TOO_LOW"))
}

pub(crate) fn role_name(role: TokenRole) -> &'static str {
    match role {
        TokenRole::Viewer => "viewer",
        TokenRole::Operator => "operator",
        TokenRole::Admin => "admin",
    }
}

/// What was asked for is not there.
pub(crate) fn not_found(what: &str) -> Status {
    Status::with_error_details(Code::NotFound, format!("there is no {what}"), info("NOT_FOUND"))
}

/// Something has to be done first.
pub(crate) fn precondition(message: impl Into<String>) -> Status {
    Status::with_error_details(Code::FailedPrecondition, message, info("FAILED_PRECONDITION"))
}

/// One mistake in the request.
pub(crate) fn invalid(field: impl Into<String>, mistake: impl Into<String>) -> Status {
    violations(vec![(field.into(), mistake.into())])
}

/// Every mistake in the request; there is at least one.
pub(crate) fn violations(mistakes: Vec<(String, String)>) -> Status {
    let more = mistakes.len().saturating_sub(1);
    let message = match mistakes.first() {
        Some((field, mistake)) if more == 0 => format!("{field}: {mistake}"),
        Some((field, mistake)) => format!("{field}: {mistake} (and {more} more mistakes)"),
        None => String::new(),
    };
    let shown = mistakes.into_iter().take(VIOLATIONS_MAX);
    let shown = shown.map(|(field, mistake)| FieldViolation::new(bounded(field), bounded(mistake)));
    let mut details = info("REQUEST_INVALID");
    details.set_bad_request(shown.collect::<Vec<_>>());
    Status::with_error_details(Code::InvalidArgument, bounded_to(message, 2 * VIOLATION_BYTES_MAX), details)
}

/// The database did not do what was asked.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(crate) fn storage(error: StorageError) -> Status {
    if error.is_timeout() {
        let message = "a statement took longer than admin.statement_timeout allows: ask for less, such as one mapping \
                       or a shorter time";
        return Status::with_error_details(Code::DeadlineExceeded, message, info("STATEMENT_TIMEOUT"));
    }
    if error.is_transient() {
        let mut details = info("DATABASE_UNAVAILABLE");
        details.set_retry_info(Some(RETRY_SOON));
        return Status::with_error_details(Code::Unavailable, "the database does not answer", details);
    }
    if error.is_bad_value() {
        return invalid(
            "request",
            "it holds a value that the database cannot store, such as a NUL character",
        );
    }
    if let StorageError::Sealed { .. } = &error {
        return precondition(chain(&error));
    }
    let described: &dyn std::error::Error = &error;
    error!(error = described, "a statement for the control API failed");
    Status::with_error_details(Code::Internal, "the database refused; the log says why", info("INTERNAL"))
}

/// A change was not possible.
pub(crate) fn edit(error: EditError) -> Status {
    let (code, reason) = match error {
        EditError::Storage(error) => return storage(error),
        EditError::NotFound { .. } => (Code::NotFound, "NOT_FOUND"),
        EditError::Exists { .. } => (Code::AlreadyExists, "ALREADY_EXISTS"),
        EditError::Changed { .. } => (Code::Aborted, "CHANGED_MEANWHILE"),
        EditError::Full { .. } => (Code::FailedPrecondition, "FIVE_MAPPINGS"),
        EditError::StillQueued { .. } => (Code::FailedPrecondition, "STILL_QUEUED"),
        EditError::Impossible(_) => (Code::FailedPrecondition, "FAILED_PRECONDITION"),
        EditError::Seal { .. } => (Code::FailedPrecondition, "SEALING_KEY"),
    };
    Status::with_error_details(code, chain(&error), info(reason))
}

/// A file could not be applied.
pub(crate) fn apply(error: ApplyError) -> Status {
    match error {
        ApplyError::Storage(error) => storage(error),
        error => precondition(chain(&error)),
    }
}

/// What was asked for is not there, in words of the database.
pub(crate) fn not_found_saying(message: String) -> Status {
    Status::with_error_details(Code::NotFound, message, info("NOT_FOUND"))
}

/// Too many watch already.
pub(crate) fn too_many_watch() -> Status {
    let mut details = info("WATCHERS_LIMIT");
    details.set_retry_info(Some(RETRY_SOON));
    Status::with_error_details(Code::ResourceExhausted, "too many watch the attempts already", details)
}

fn info(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, [])
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    bounded_to(text, 1000)
}

fn bounded(text: String) -> String {
    bounded_to(text, VIOLATION_BYTES_MAX)
}

fn bounded_to(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_as_far_as_headers_allow() {
        let mistakes = (0..30).map(|number| (format!("field{number}"), "x".repeat(900))).collect();
        let status = violations(mistakes);
        assert!(status.message().contains("and 29 more mistakes") || status.message().len() <= 410);
        let told = status.get_error_details().bad_request().unwrap().field_violations.len();
        assert_eq!(told, VIOLATIONS_MAX);
        assert!(status.details().len() < 7000, "{}", status.details().len());
    }
}
