//! The control API against a real Postgres, called by a real gRPC client.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

mod access;
mod audit;
mod catalog;
mod certificates;
mod explain;
mod look;
mod operate;
mod preview;
mod publish;
mod secrets;
mod setup;
