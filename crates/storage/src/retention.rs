//! Retention: the delivery log is dropped by the day; what was buried or could not be mapped is deleted when old.

use std::time::Duration;

use sqlx::PgPool;

use crate::StorageError;

/// How long what is done is kept.
#[derive(Clone)]
pub struct Retention {
    pool: PgPool,
}

impl Retention {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Makes the delivery log's tables for the coming week and drops those of more than `keep_days` ago.
    /// Returns what it created or dropped. Fails rather than waits for whoever reads the log: settlements, which write
    /// to it, would wait behind.
    pub async fn maintain_attempts(&self, keep_days: i32) -> Result<Vec<String>, StorageError> {
        let mut short = self.pool.begin().await?;
        sqlx::query!("SELECT set_config('lock_timeout', '500ms', true)").fetch_one(&mut *short).await?;
        let changes = sqlx::query!(
            r#"SELECT change AS "change!", name AS "name!" FROM signalpost.maintain_attempts($1)"#,
            keep_days
        )
        .fetch_all(&mut *short)
        .await;
        let changes = match changes {
            Ok(changes) => changes,
            Err(error) => {
                // Now, not when the connection is used next: until then the lock would keep everybody else out.
                short.rollback().await?;
                return Err(error.into());
            }
        };
        short.commit().await?;
        Ok(changes.into_iter().map(|row| format!("{} {}", row.change, row.name)).collect())
    }

    /// Deletes at most `limit` dead batches that were buried longer ago than `age`; returns how many.
    pub async fn expire_dead(&self, age: Duration, limit: i64) -> Result<u64, StorageError> {
        let deleted = sqlx::query!(
            "WITH old AS (SELECT mapping_id, position FROM signalpost.dead_batches
                          WHERE buried_at < now() - make_interval(secs => $1) ORDER BY buried_at LIMIT $2
                          FOR UPDATE SKIP LOCKED)
             DELETE FROM signalpost.dead_batches d USING old
             WHERE d.mapping_id = old.mapping_id AND d.position = old.position",
            age.as_secs_f64(),
            limit
        )
        .execute(&self.pool)
        .await?;
        Ok(deleted.rows_affected())
    }

    /// Deletes at most `limit` events that could not be mapped longer ago than `age`; returns how many.
    pub async fn expire_rejected(&self, age: Duration, limit: i64) -> Result<u64, StorageError> {
        let deleted = sqlx::query!(
            "WITH old AS (SELECT mapping_id, id FROM signalpost.rejected_events
                          WHERE rejected_at < now() - make_interval(secs => $1) ORDER BY rejected_at LIMIT $2
                          FOR UPDATE SKIP LOCKED)
             DELETE FROM signalpost.rejected_events r USING old WHERE r.mapping_id = old.mapping_id AND r.id = old.id",
            age.as_secs_f64(),
            limit
        )
        .execute(&self.pool)
        .await?;
        Ok(deleted.rows_affected())
    }
}
