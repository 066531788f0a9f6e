//! What an operator wants configured: plain values, with secrets already read from where they are kept.

use super::Secrets;
use signalpost_core::{delivery::Delivery, json::Numbers, secret::Secret, signature::SignatureMode};

/// All that a configuration file says.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// In the order of the file.
    pub sources: Vec<WantedSource>,
}

/// A source as wanted.
#[derive(Debug, Clone)]
pub struct WantedSource {
    /// Unique.
    pub name: String,
    /// The keys that it may use; others it had are revoked.
    pub write_keys: Vec<Secret>,
    /// Where its events go.
    pub destinations: Vec<WantedDestination>,
}

/// A destination as wanted.
#[derive(Debug, Clone)]
pub struct WantedDestination {
    /// Unique in its source.
    pub name: String,
    /// Whether new events are queued for it.
    pub enabled: bool,
    /// The secret of `X-Signature`.
    pub shared_secret: Option<Secret>,
    /// What else it signs with.
    pub secrets: Secrets,
    /// What the signature covers.
    pub signature: SignatureMode,
    /// How numbers are written.
    pub numbers: Numbers,
    /// Time-outs, concurrency, retry, addresses.
    pub delivery: Delivery,
    /// At most five; the order is their position.
    pub mappings: Vec<WantedMapping>,
}

/// A mapping as wanted.
#[derive(Debug, Clone)]
pub struct WantedMapping {
    /// Unique in its destination.
    pub name: String,
    /// Whether new events are queued for it.
    pub enabled: bool,
    /// The condition that decides whether it wants an event.
    pub trigger: String,
    /// Segment's mapping object.
    pub fields: serde_json::Value,
}
