//! Connections over real sockets and real TLS, called by a real gRPC client.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

mod connect;
mod errors;
mod handshakes;
mod reload;
mod setup;
