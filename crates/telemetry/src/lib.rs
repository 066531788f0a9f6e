//! Telemetry: how every part makes its metrics and carries traces on. What is counted and traced is each part's own.
//!
//! Invariant: nothing here is sent anywhere or logged.

pub mod metrics;
pub mod trace;
