//! A native Postgres that belongs to one process: found (or installed), initialised, started, and ended with it.
//!
//! Invariants:
//! - The server never outlives the process that started it, however that process ends: a supervisor shell reads a pipe
//!   that only we hold open, and ends the server when the pipe closes.
//! - A *kept* server is durable (`fsync` on) and its folder is never removed; a *throw-away* server is neither, and its
//!   folder is removed at the end.
//! - Nothing runs as root: as root, every program here is started as `postgres`, else as `nobody`.

mod account;
mod binaries;
mod folder;
mod install;
mod server;
mod supervisor;

use std::io;
use std::path::PathBuf;

pub use binaries::Binaries;
pub use server::{Options, Server};

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Neither found nor installable.
    #[error(
        "no Postgres was found on this machine, and it could not be installed here: {why}. Run `{command}`"
    )]
    NotInstalled {
        /// What was tried.
        why: String,
        /// The one command that puts it right.
        command: &'static str,
    },
    /// We are root and there is no user to step down to.
    #[error("Postgres refuses to run as root, and /etc/passwd knows neither `postgres` nor `nobody`")]
    NoAccount,
    /// `initdb` failed, with every installation that was found.
    #[error("a database folder could not be made in {folder}: {said}")]
    Initdb {
        /// The folder of the database.
        folder: PathBuf,
        /// What `initdb` said.
        said: String,
    },
    /// The server ended, or never became ready.
    #[error("Postgres did not start; its log ({log}) ends with: {said}")]
    Server {
        /// Where the whole log is.
        log: PathBuf,
        /// Its last lines.
        said: String,
    },
    /// The operating system refused something.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: String,
        /// What it said.
        source: io::Error,
    },
}

/// Names the step at which the operating system refused.
fn step(what: String) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::Io { what, source }
}
