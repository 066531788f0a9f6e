//! Operating: pausing, retrying and purging lanes, by somebody.
//!
//! Invariant: the guarded functions of the database do what they can; what could take long is done in steps.

use sqlx::PgPool;

use crate::StorageError;
use crate::actor::begin_as;

mod purge;

pub use purge::Purged;

/// What operators do to lanes. Cheap to clone.
#[derive(Clone)]
pub struct Operations {
    pool: PgPool,
}

impl Operations {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Sends nothing for a mapping until `resume`.
    pub async fn pause(&self, mapping_id: i64, why: &str, actor: &str) -> Result<(), StorageError> {
        let mut transaction = begin_as(&self.pool, actor).await?;
        sqlx::query!("SELECT signalpost.pause($1, $2)", mapping_id, why).fetch_one(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Goes on sending.
    pub async fn resume(&self, mapping_id: i64, actor: &str) -> Result<(), StorageError> {
        let mut transaction = begin_as(&self.pool, actor).await?;
        sqlx::query!("SELECT signalpost.resume($1)", mapping_id).fetch_one(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Makes every scheduled retry due; how many batches.
    pub async fn retry_now(&self, mapping_id: i64, actor: &str) -> Result<i64, StorageError> {
        let mut transaction = begin_as(&self.pool, actor).await?;
        let batches = sqlx::query_scalar!(r#"SELECT signalpost.retry_now($1) AS "batches!""#, mapping_id)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(batches)
    }

    /// Records that somebody sent a test to the receiver of a mapping.
    pub async fn tested(&self, full_name: &str, actor: &str) -> Result<(), StorageError> {
        let mut transaction = begin_as(&self.pool, actor).await?;
        sqlx::query!("SELECT signalpost.audit('lane.test', 'mapping ' || $1::text, '{}')", full_name)
            .fetch_one(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }
}
