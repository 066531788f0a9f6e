//! Admin: `signalpost.v1.AdminService`, with which Signalpost is configured, looked at and operated.
//!
//! Invariants: nobody does what their token's role does not allow; who changed what is in the audit log; nothing an
//! operator asks keeps deliveries waiting; no answer, log line or error holds a secret but the one answer that tells a
//! secret that was made.

mod access;
mod attempts;
mod audit;
mod auth;
mod check;
mod config;
mod configuration;
mod convert;
mod dead;
mod destinations;
mod door;
mod explain;
mod lanes;
mod made;
mod mappings;
mod metrics;
mod names;
mod operate;
mod page;
mod preview;
mod redrives;
mod scope;
mod server;
mod service;
mod sources;
mod status;
mod tokens;
mod trying;

pub use config::Config;
pub use metrics::Metrics;
pub use server::{Means, ReadDestinations, RunError, run};
