//! What Signalpost's gRPC services share: connections with or without TLS, a limit for those who guess credentials, and
//! how clients connect.
//!
//! Invariants: no client can hold up another by a handshake that it does not finish; memory is bounded however many
//! clients come; a certificate that is replaced is used without a restart, a broken one never is.

pub mod client;
mod connection;
pub mod guard;
mod listen;
mod metrics;
pub mod tls;

pub use connection::Connection;
pub use listen::listen;
pub use metrics::Metrics;
