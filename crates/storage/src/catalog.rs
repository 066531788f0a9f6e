//! Catalog: sources, destinations and mappings, as configured.
//!
//! Invariants: shared secrets are stored sealed and write keys hashed; a destination has at most five mappings, at
//! positions 1 to 5; every change raises the version.

mod apply;
mod edit;
mod load;
mod reseal;
mod sealing;
mod secrets;
mod view;
mod wanted;

use std::time::Duration;

use sqlx::PgPool;

use signalpost_core::{delivery::Delivery, json::Numbers, secret::Secret, signature::SignatureMode};

pub use apply::{ApplyError, Change, ChangeKind, FieldChange};
pub use edit::{DestinationChange, Edit, EditError, MappingChange, NewToken, SecretPurpose, TokenRole};
pub use reseal::Resealed;
pub(crate) use sealing::hash;
pub use sealing::{SealingKeyError, SealingKeys};
pub use secrets::Secrets;
pub use view::{DestinationView, MappingVersion, MappingView, NameKey, Scope, SourceView, WriteKeyView};
pub use wanted::{Wanted, WantedDestination, WantedMapping, WantedSource};

use crate::StorageError;

/// SHA-256 of a write key.
pub type WriteKeyHash = [u8; 32];

/// Everything that is configured, as of a version.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Raised by every change.
    pub version: i64,
    /// Whoever sends events.
    pub sources: Vec<Source>,
    /// Where their events go.
    pub destinations: Vec<Destination>,
    /// What each destination sends, by position.
    pub mappings: Vec<MappingRow>,
    /// Admin tokens that ingest takes events with.
    pub publish_tokens: Vec<PublishToken>,
}

/// Whoever sends events.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The keys it may use, without the revoked ones.
    pub write_keys: Vec<WriteKey>,
}

/// A key that a source may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteKey {
    /// What is known of it.
    pub hash: WriteKeyHash,
    /// For how long it is still good, as of loading; none: until it is revoked.
    pub valid_for: Option<Duration>,
}

/// An admin token that may publish events for any source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishToken {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// For how long it is still good, as of loading; none: until it is revoked.
    pub valid_for: Option<Duration>,
}

/// One configured webhook destination of one source.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Its number.
    pub id: i64,
    /// The source whose events it gets.
    pub source_id: i64,
    /// Its name.
    pub name: String,
    /// Whether new events are queued for it.
    pub enabled: bool,
    /// The secret of `X-Signature`; none: requests are not signed.
    pub shared_secret: Option<Secret>,
    /// What else it signs with.
    pub secrets: Secrets,
    /// What the signature covers.
    pub signature: SignatureMode,
    /// How numbers are written.
    pub numbers: Numbers,
    /// Time-outs, concurrency, retry, addresses.
    pub delivery: Delivery,
}

/// One mapping of a destination; also its lane.
#[derive(Debug, Clone)]
pub struct MappingRow {
    /// Its number.
    pub id: i64,
    /// The destination it belongs to.
    pub destination_id: i64,
    /// 1 to 5.
    pub position: i16,
    /// Its name.
    pub name: String,
    /// Whether new events are queued for it.
    pub enabled: bool,
    /// Whether nothing of it is sent for now.
    pub paused: bool,
    /// How often what waited in its lane was purged.
    pub purges: i64,
    /// How often what is scheduled in its lane was made due at once.
    pub retries: i64,
    /// The condition that decides whether it wants an event.
    pub trigger: String,
    /// Segment's mapping object.
    pub fields: serde_json::Value,
}

/// What is configured. Cheap to clone.
#[derive(Clone)]
pub struct CatalogStore {
    pool: PgPool,
}

impl CatalogStore {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The version alone: has anything changed?
    pub async fn version(&self) -> Result<i64, StorageError> {
        Ok(sqlx::query_scalar!("SELECT version FROM signalpost.catalog_version")
            .fetch_one(&self.pool)
            .await?)
    }
}
