//! What can go wrong between us and Postgres, and whether waiting helps.

use sqlx::{error::DatabaseError, migrate::MigrateError};

/// An operation on the database failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The connection string cannot be read.
    #[error("the database address is not of the form postgres://user:password@host:port/database")]
    Address(#[source] sqlx::Error),
    /// A statement did not succeed; its effect is unknown if the connection broke.
    #[error("the database statement failed")]
    Statement(#[from] sqlx::Error),
    /// Applying a migration failed.
    #[error("the database schema could not be migrated")]
    Migration(#[from] MigrateError),
    /// The schema lacks migrations that this build needs.
    #[error("the database schema is behind this build by {missing} migrations: run `signalpost migrate`")]
    SchemaBehind {
        /// How many migrations have not been applied.
        missing: usize,
    },
    /// The schema has migrations that this build does not know.
    #[error(
        "the database schema is newer than this build (it has migration {version}): use a newer signalpost"
    )]
    SchemaAhead {
        /// The first migration that is unknown.
        version: i64,
    },
    /// A shared secret cannot be opened.
    #[error("the shared secret of {destination} cannot be opened")]
    Sealed {
        /// `source/destination`.
        destination: String,
        /// Why.
        source: crate::SealingKeyError,
    },
    /// A stored value is none that this build writes.
    #[error("{what} holds {value:?}, which this build does not know")]
    Unknown {
        /// Table, row and column.
        what: String,
        /// The value.
        value: String,
    },
}

impl StorageError {
    /// Whether the same operation may succeed later without anyone changing anything: the database is away, restarting,
    /// read-only, out of connections or disk, or two transactions got in each other's way.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Statement(error) | Self::Migration(MigrateError::Execute(error)) => is_transient(error),
            _ => false,
        }
    }

    /// Whether a statement was ended because it took longer than it may.
    pub fn is_timeout(&self) -> bool {
        self.code().is_some_and(|code| code == "57014")
    }

    /// Whether it was ended because it and another waited for each other.
    pub(crate) fn is_deadlock(&self) -> bool {
        self.code().is_some_and(|code| code == "40P01")
    }

    /// Whether a value was refused that is no value of its kind, such as a text with a NUL character.
    pub fn is_bad_value(&self) -> bool {
        self.code().is_some_and(|code| code.starts_with("22"))
    }

    fn code(&self) -> Option<String> {
        match self {
            Self::Statement(sqlx::Error::Database(error)) => error.code().map(Into::into),
            _ => None,
        }
    }
}

fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => has_transient_code(error.as_ref()),
        _ => false,
    }
}

/// SQLSTATE classes and codes: connection (08), resources and a full disk (53), shutdown and start-up (57P), system (58),
/// time-outs (57014), deadlock and serialisation (40), read-only (25006), as a standby is until it is promoted.
fn has_transient_code(error: &dyn DatabaseError) -> bool {
    error.code().is_some_and(|code| {
        ["08", "25006", "40", "53", "57P", "57014", "58"].iter().any(|class| code.starts_with(class))
    })
}
