//! Storage: everything that Signalpost keeps, in one Postgres database, and the only crate that holds SQL.
//!
//! Invariants: what a method reports as done is committed; a lost connection is an error that says it is transient,
//! never a hang; no transaction stays open across anything but statements.

mod actor;
mod catalog;
mod diagnosis;
mod error;
mod inspect;
mod metrics;
mod notify;
mod operate;
mod queue;
mod redrive;
mod retention;
mod schema;
mod time;
mod tokens;

use std::{str::FromStr, time::Duration};

use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub use catalog::{
    ApplyError, Catalog, CatalogStore, Change, ChangeKind, Destination, DestinationChange, DestinationView,
    Edit, EditError, FieldChange, MappingChange, MappingRow, MappingVersion, MappingView, NameKey, NewToken,
    PublishToken, Resealed, Scope, SealingKeyError, SealingKeys, SecretPurpose, Secrets, Source, SourceView,
    TokenRole, Wanted, WantedDestination, WantedMapping, WantedSource, WriteKey, WriteKeyHash, WriteKeyView,
};
pub use diagnosis::{Diagnosis, DispatcherFacts, OpenTransaction, ServerFacts, TableFacts};
pub use error::StorageError;
pub use inspect::{
    AttemptFilter, AttemptKey, AttemptView, AuditView, DeadKey, DeadQuery, DeadView, FoundBatch,
    FoundRejected, Inspection, LaneView, NamedLane, RejectedView,
};
pub use metrics::Metrics;
pub use notify::{Channel, Wakeups};
pub use operate::{Operations, Purged};
pub use queue::{
    ARRIVED_MAX, Arrivals, AttemptLog, BreakerState, BuryReason, BuryRow, DeepLane, Depth, Found, Hold,
    LaneState, NewBatch, NewRejected, Owned, OwnerId, OwnershipStore, PARTITIONS, PutRow, Queue, Row,
    Settled, Settlement, Snapshot, Survey, Waiting, partition_of,
};
pub use redrive::{
    DeadFilter, NewRedrive, Redrive, RedriveControl, RedriveError, RedriveState, RedriveStore, Step,
};
pub use retention::Retention;
pub use schema::{MIGRATOR, Migrated, migrate};
pub use tokens::{GoodToken, TokenStore, TokenView};

/// How to reach the database.
#[derive(Clone)]
pub struct ConnectOptions {
    /// `postgres://user:password@host:port/database`.
    pub url: String,
    /// How many connections may be open at a time, listeners and heartbeats not counted.
    pub connections_max: u32,
    /// Shown in `pg_stat_activity`.
    pub application_name: String,
}

impl ConnectOptions {
    /// Whether an address can be read; connects nowhere.
    pub fn check(url: &str) -> Result<(), StorageError> {
        PgConnectOptions::from_str(url).map(drop).map_err(StorageError::Address)
    }
}

/// The database: a pool of connections and the parts that use it. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    connect: PgConnectOptions,
    pool: PgPool,
    listeners: PgPool,
    /// Of its own: a lease must not end because everybody else waits for a connection.
    heartbeats: PgPool,
}

/// One, and another where an answer to the one before is not waited for any more.
const HEARTBEAT_CONNECTIONS: u32 = 2;

impl Storage {
    /// Does not connect yet: a database that is away shows when it is used.
    pub fn connect(options: &ConnectOptions) -> Result<Self, StorageError> {
        let connect = PgConnectOptions::from_str(&options.url)
            .map_err(StorageError::Address)?
            .application_name(&options.application_name)
            .options(SESSION);
        let pool = |connections_max| {
            PgPoolOptions::new()
                .max_connections(connections_max)
                .acquire_timeout(Duration::from_secs(5))
                .test_before_acquire(false) // a round trip on every statement; a broken connection says so anyway
                .connect_lazy_with(connect.clone())
        };
        Ok(Self {
            pool: pool(options.connections_max),
            listeners: pool(8),
            heartbeats: pool(HEARTBEAT_CONNECTIONS),
            connect,
        })
    }

    /// The same database for what operators ask: with a pool of its own, and statements that end after a while, so that
    /// nothing they do keeps deliveries waiting.
    #[must_use]
    pub fn for_operators(&self, connections_max: u32, statement_timeout: Duration) -> Self {
        let milliseconds = statement_timeout.as_millis().max(1).to_string();
        let connect = self
            .connect
            .clone()
            .application_name("signalpost admin")
            .options([("statement_timeout", milliseconds.as_str()), ("plan_cache_mode", "auto")]);
        let pool = PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(Duration::from_secs(5))
            .idle_timeout(Duration::from_mins(1))
            .connect_lazy_with(connect.clone());
        Self { pool, listeners: self.listeners.clone(), heartbeats: self.heartbeats.clone(), connect }
    }

    /// Succeeds when the database answers and its schema is the one this build was made for.
    pub async fn ready(&self) -> Result<(), StorageError> {
        schema::check(&mut *self.pool.acquire().await?).await
    }

    /// Like `ready`, over a connection of its own: says at once, and why, when there is none to be had. The pool keeps
    /// trying for its whole time-out and then only says that it is over.
    pub async fn reach(&self) -> Result<(), StorageError> {
        let mut connection = PgConnection::connect_with(&self.connect).await?;
        schema::check(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// The pool itself, for tests and measurements.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// What waits to be delivered.
    pub fn queue(&self) -> Queue {
        Queue::new(self.pool.clone())
    }

    /// What is configured.
    pub fn catalog(&self) -> CatalogStore {
        CatalogStore::new(self.pool.clone())
    }

    /// What operators look at.
    pub fn inspect(&self) -> Inspection {
        Inspection::new(self.pool.clone())
    }

    /// What operators do to lanes.
    pub fn operate(&self) -> Operations {
        Operations::new(self.pool.clone())
    }

    /// Who may call `AdminService`.
    pub fn tokens(&self) -> TokenStore {
        TokenStore::new(self.pool.clone())
    }

    /// Which dispatcher delivers which lanes.
    pub fn ownership(&self) -> OwnershipStore {
        OwnershipStore::new(self.heartbeats.clone())
    }

    /// Jobs that queue dead letters again.
    pub fn redrives(&self) -> RedriveStore {
        RedriveStore::new(self.pool.clone())
    }

    /// What can be known of the server, for telling people what to mend.
    pub fn diagnosis(&self) -> Diagnosis {
        Diagnosis::new(self.pool.clone())
    }

    /// How long what is done is kept.
    pub fn retention(&self) -> Retention {
        Retention::new(self.pool.clone())
    }

    /// Hints that something changed. Needs a running tokio runtime; keeps one connection until dropped.
    pub fn listen(&self, channel: Channel) -> Wakeups {
        Wakeups::start(self.listeners.clone(), channel)
    }
}

/// Every statement of this crate is meant to use its index, whatever the planner last heard of a table that is full one
/// minute and empty the next; so one plan serves all its parameters, and is made once a connection. None may hang for ever.
const SESSION: [(&str, &str); 8] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_bitmapscan", "off"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("statement_timeout", "60s"),
    ("idle_in_transaction_session_timeout", "60s"),
];
