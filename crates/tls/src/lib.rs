//! TLS material: certificates, keys and authorities, read from PEM and checked, the same for the gRPC services, their
//! clients and receivers.
//!
//! Invariants: nothing here reads a file, opens a connection or logs; what was read once can be used by rustls; what is
//! wrong is said by part and reason, and never quotes a key.

mod authorities;
mod certificate;
mod client;
mod identity;
mod pem;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use authorities::{Authorities, system_roots};
pub use certificate::{Certificate, Standing};
pub use client::{Unverified, client_config, verifier};
pub use identity::Identity;
pub use pem::{Part, Unusable, Why};

/// The one cryptography provider: ring.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
