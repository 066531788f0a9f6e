//! Ingest against a real Postgres, called by a real gRPC client.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

mod accept;
mod auth;
mod catalog;
mod depth;
mod drain;
mod limits;
mod order;
mod outage;
mod reading;
mod refuse;
mod setup;
mod standard;
mod stream;
mod tls;
