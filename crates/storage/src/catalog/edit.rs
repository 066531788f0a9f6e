//! Editing: one change of what is configured at a time, by somebody, in one transaction.
//!
//! Invariants: nothing is kept until `commit`; who did it is known to the database's own log for as long as the
//! transaction lasts; two who edit take turns; secrets go to the database as parameters, sealed or hashed.

mod destinations;
mod mappings;
mod sources;
mod tokens;

use sqlx::{PgConnection, Postgres, Transaction};

use super::{CatalogStore, SealingKeyError};
use crate::StorageError;
use crate::actor::begin_as;
pub use destinations::{DestinationChange, SecretPurpose};
pub use mappings::MappingChange;
pub use tokens::{NewToken, TokenRole};

/// A change that is not possible, or did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is not there.
    #[error("there is no {what}")]
    NotFound {
        /// Kind and full name.
        what: String,
    },
    /// The name is taken.
    #[error("there is a {what} already")]
    Exists {
        /// Kind and full name.
        what: String,
    },
    /// Somebody else changed it.
    #[error("{what} has version {found} by now, not {expected}: look at it again")]
    Changed {
        /// Kind and full name.
        what: String,
        /// What the caller knew.
        expected: i64,
        /// What it is.
        found: i64,
    },
    /// A sixth mapping.
    #[error(
        "{destination} has five mappings, which is all it can have: put it into another destination of the source"
    )]
    Full {
        /// Kind and full name.
        destination: String,
    },
    /// Events wait for it.
    #[error(
        "{what} cannot be removed: {events} events still wait in its queue. Disable it and let it drain, or purge it"
    )]
    StillQueued {
        /// Kind and full name.
        what: String,
        /// How many.
        events: i64,
    },
    /// There is nothing to do it with.
    #[error("{0}")]
    Impossible(String),
    /// A secret cannot be sealed or opened.
    #[error("the secrets of {destination} cannot be sealed")]
    Seal {
        /// `source/destination`.
        destination: String,
        /// Why.
        source: SealingKeyError,
    },
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<sqlx::Error> for EditError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// A change under way.
pub struct Edit {
    transaction: Transaction<'static, Postgres>,
}

impl CatalogStore {
    /// Begins a change. `actor` is who makes it, for the audit log.
    pub async fn edit(&self, actor: &str) -> Result<Edit, StorageError> {
        let mut transaction = begin_as(&self.pool, actor).await?;
        sqlx::query!("SELECT version FROM signalpost.catalog_version FOR UPDATE")
            .fetch_one(&mut *transaction)
            .await?;
        Ok(Edit { transaction })
    }
}

impl Edit {
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Keeps what was changed.
    pub async fn commit(self) -> Result<(), StorageError> {
        Ok(self.transaction.commit().await?)
    }
}

/// Says that the name is taken when the database says so.
fn taken(error: sqlx::Error, what: impl FnOnce() -> String) -> EditError {
    let is_taken = error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation);
    if is_taken { EditError::Exists { what: what() } } else { error.into() }
}

fn expect_version(what: &str, expected: Option<i64>, found: i64) -> Result<(), EditError> {
    match expected.filter(|expected| *expected != found) {
        None => Ok(()),
        Some(expected) => Err(EditError::Changed { what: what.to_owned(), expected, found }),
    }
}

fn refuse_if_queued(what: String, events: i64) -> Result<(), EditError> {
    if events == 0 { Ok(()) } else { Err(EditError::StillQueued { what, events }) }
}
