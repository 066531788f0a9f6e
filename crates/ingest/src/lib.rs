//! Ingest: takes events over gRPC, maps them, commits what must be delivered, then acknowledges.
//!
//! Invariants: nothing is acknowledged before its commit; memory is bounded by configuration, however fast clients
//! send; what a client is told is enough to do the right thing next.

mod auth;
mod catalog;
mod committer;
mod config;
mod decode;
mod depth;
mod intake;
mod limits;
mod metrics;
mod pipeline;
mod readiness;
mod reading;
mod rows;
mod server;
mod service;
mod status;
mod stream;
mod trace;

pub use config::Config;
pub use decode::{Refusal, json as event_json};
pub use metrics::Metrics;
pub use server::{RunError, run};
