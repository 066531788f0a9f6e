//! Refusal: what a status of the control API means to whoever called, and what to do about it.

use std::fmt::Write;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::exit::Failure;
use crate::output::clean;

/// The refusal in words; its exit status says what kind it is.
pub(super) fn explain(status: &Status, server: &str, token_place: &str) -> anyhow::Error {
    let said = clean(status.message());
    let told = |text: &str| anyhow::anyhow!(text.to_owned());
    match status.code() {
        Code::Unauthenticated => Failure::denied(anyhow::anyhow!(
            "{server} does not accept this token ({token_place}): it is wrong, revoked or expired. \
             `signalpost tokens list` with another token shows which are valid; \
             the first one is the server's setting admin.token"
        )),
        Code::PermissionDenied => Failure::denied(anyhow::anyhow!(
            "the token ({token_place}) may not do that: {said}. \
             A viewer reads, an operator also works on the queue, an admin does everything"
        )),
        Code::ResourceExhausted => {
            let said = said.trim_end_matches("; try again later");
            Failure::denied(anyhow::anyhow!("{server}: {said}{}", wait(status)))
        }
        Code::InvalidArgument => Failure::input(anyhow::anyhow!(violations(status, &said))),
        Code::Unavailable => Failure::unavailable(anyhow::anyhow!("{server}: {said}")),
        Code::DeadlineExceeded | Code::Cancelled => {
            Failure::unavailable(anyhow::anyhow!("{server} did not answer in time: {said}"))
        }
        Code::Aborted => anyhow::anyhow!("somebody else changed it meanwhile: {said}"),
        Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition => told(&said),
        code => anyhow::anyhow!("{server}: {code}: {said}"),
    }
}

fn wait(status: &Status) -> String {
    let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
    delay.map_or_else(String::new, |delay| {
        format!(
            "; try again in {}",
            humantime::format_duration(std::time::Duration::from_secs(delay.as_secs().max(1)))
        )
    })
}

/// Every mistake on a line of its own, by the field that holds it.
fn violations(status: &Status, said: &str) -> String {
    let mistakes =
        status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
    match &mistakes[..] {
        [] => said.to_owned(),
        [only] => format!("{}: {}", only.field, clean(&only.description)),
        many => many.iter().fold(format!("{} mistakes", many.len()), |mut text, mistake| {
            let _ = write!(text, "\n  {}: {}", mistake.field, clean(&mistake.description));
            text
        }),
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    #[test]
    fn every_mistake_is_told_by_its_field() {
        let violations =
            vec![FieldViolation::new("trigger", "is empty"), FieldViolation::new("name", "is taken")];
        let details = ErrorDetails::with_bad_request(violations);
        let status = Status::with_error_details(Code::InvalidArgument, "2 mistakes", details);
        let error = explain(&status, "http://here", "--token");
        assert_eq!(error.to_string(), "2 mistakes\n  trigger: is empty\n  name: is taken");
    }
}
