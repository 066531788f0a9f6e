//! TLS of a service: which certificate it shows, and whose clients it lets in.
//!
//! Invariant: a service that runs always has a certificate and the key that belongs to it.

mod config;
mod reload;
mod serving;

use std::path::PathBuf;

pub use config::{Config, Pem};
pub(crate) use reload::LOOK_EVERY;
pub use reload::Server;

/// A certificate, key or list of authorities that can't be used. Reads after the name of the section: `tls.key (path) …`.
#[derive(Debug, thiserror::Error)]
#[error("tls.{setting}{} {why}", in_file(.file.as_ref()))]
pub struct Error {
    /// The setting: `certificate`, `key` or `client_ca`.
    pub setting: &'static str,
    /// Where its text was read from, if that is a file.
    pub file: Option<PathBuf>,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with a text, or where it should be.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// The file can't be read.
    #[error("can not be read: {0}")]
    Unreadable(std::io::Error),
    /// The text is not what is expected.
    #[error("{0}")]
    Unusable(signalpost_tls::Why),
    /// It can be read, and TLS can do nothing with it.
    #[error("can not be used: {0}")]
    Refused(String),
}

fn in_file(file: Option<&PathBuf>) -> String {
    file.map(|file| format!(" ({})", file.display())).unwrap_or_default()
}
