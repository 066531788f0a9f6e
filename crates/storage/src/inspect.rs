//! Inspecting: what an operator asks of the queue, the delivery log, the dead and the rejected, a page at a time.
//!
//! Invariants: pages are keyed by what they tell, newest first, so that nothing is told twice or left out because of what
//! comes meanwhile; lanes are read one by one along their index, so that a page costs lanes times its length, however
//! much there is.

mod attempts;
mod audit;
mod dead;
mod find;
mod lanes;
mod rejected;

use sqlx::PgPool;

pub use attempts::{AttemptFilter, AttemptKey, AttemptView};
pub use audit::AuditView;
pub use dead::{DeadKey, DeadQuery, DeadView};
pub use find::{FoundBatch, FoundRejected};
pub use lanes::LaneView;
pub use rejected::RejectedView;

use crate::{Scope, StorageError};

/// A lane by number and full name.
pub type NamedLane = (i64, String);

/// What is there to be looked at. Cheap to clone.
#[derive(Clone)]
pub struct Inspection {
    pool: PgPool,
}

impl Inspection {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The lanes of a scope, by number.
    pub async fn lanes_of(&self, scope: &Scope) -> Result<Vec<NamedLane>, StorageError> {
        let rows = sqlx::query!(
            r#"SELECT m.id, s.name || '/' || d.name || '/' || m.name AS "name!"
               FROM signalpost.mappings m
               JOIN signalpost.destinations d ON d.id = m.destination_id
               JOIN signalpost.sources s ON s.id = d.source_id
               WHERE ($1::text IS NULL OR s.name = $1) AND ($2::text IS NULL OR d.name = $2)
                 AND ($3::text IS NULL OR m.name = $3)
               ORDER BY m.id"#,
            scope.source,
            scope.destination,
            scope.mapping
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
    }

    /// Whether there is such a source or destination, with mappings or without.
    pub async fn is_there(&self, scope: &Scope) -> Result<bool, StorageError> {
        let found = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                   SELECT FROM signalpost.sources s
                   LEFT JOIN signalpost.destinations d ON d.source_id = s.id
                   LEFT JOIN signalpost.mappings m ON m.destination_id = d.id
                   WHERE ($1::text IS NULL OR s.name = $1) AND ($2::text IS NULL OR d.name = $2)
                     AND ($3::text IS NULL OR m.name = $3)
               ) AS "is_there!""#,
            scope.source,
            scope.destination,
            scope.mapping
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(found || *scope == Scope::default())
    }
}
