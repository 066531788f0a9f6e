//! Exit: what a failed command tells its caller by its exit status.
//!
//! Invariant: the statuses are those of the help's last lines; anything not told apart is 1.

use std::fmt;
use std::process::ExitCode;

/// A status, attached to an error as context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// 1: it failed.
    Failed,
    /// 64: wrong usage or settings.
    Usage,
    /// 65: the input was wrong.
    Input,
    /// 69: a server or the database did not answer.
    Unavailable,
    /// 77: the token is not accepted, or may not do it.
    Denied,
}

/// An error that ends the program with a status of its own. Its source is what is shown.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    /// None when everything has been shown already.
    pub(crate) error: Option<anyhow::Error>,
}

impl Failure {
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> anyhow::Error {
        Failure { status: Status::Usage, error: Some(error.into()) }.into()
    }

    pub(crate) fn input(error: impl Into<anyhow::Error>) -> anyhow::Error {
        Failure { status: Status::Input, error: Some(error.into()) }.into()
    }

    pub(crate) fn unavailable(error: impl Into<anyhow::Error>) -> anyhow::Error {
        Failure { status: Status::Unavailable, error: Some(error.into()) }.into()
    }

    pub(crate) fn denied(error: impl Into<anyhow::Error>) -> anyhow::Error {
        Failure { status: Status::Denied, error: Some(error.into()) }.into()
    }

    /// The problems have been shown; only the status is left to say.
    pub(crate) fn shown(status: Status) -> anyhow::Error {
        Failure { status, error: None }.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.as_ref().map_or(Ok(()), |error| write!(out, "{error:#}"))
    }
}

impl std::error::Error for Failure {}

/// Shows an error, with its chain on one line, and says the status.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let text = format!("{error:#}");
    if !text.is_empty() {
        eprintln!("error: {text}");
    }
    ExitCode::from(match status(error) {
        Status::Failed => 1,
        Status::Usage => 64,
        Status::Input => 65,
        Status::Unavailable => 69,
        Status::Denied => 77,
    })
}

/// The status that an error ends the program with.
pub(crate) fn status(error: &anyhow::Error) -> Status {
    let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
    failure.map_or(Status::Failed, |failure| failure.status)
}
