//! Admin: `signalpost.v1.AdminService`, with which Signalpost is configured, looked at and operated.
//!
//! Invariants: nobody does what their token's role does not allow; who changed what is in the audit log; nothing an
//! operator asks keeps deliveries waiting; no answer, log line or error holds a secret but the one answer that tells a
//! secret that was made.

mod access;
mod auth;
mod check;
mod config;
mod convert;
mod destinations;
mod door;
mod made;
mod mappings;
mod metrics;
mod names;
mod page;
mod server;
mod service;
mod sources;
mod status;
mod tokens;

pub use config::{Config, ConfigError};
pub use metrics::Metrics;
pub use server::{RunError, run};
