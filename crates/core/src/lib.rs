//! Signalpost's rules: what to deliver, and how; pure types and functions.
//!
//! Invariant: no async, I/O, clock, randomness, environment or logs; time and randomness are arguments.

pub mod address;
pub mod batch;
pub mod body;
pub mod delivery;
pub mod event;
pub mod json;
pub mod mapping;
pub mod outcome;
pub mod payload;
pub mod request;
pub mod retry;
pub mod secret;
pub mod setting;
pub mod signature;
pub mod target;
pub mod trace;
pub mod trigger;
