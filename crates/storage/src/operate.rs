//! Operating: pausing, retrying and purging lanes, by somebody.
//!
//! Invariants: the guarded functions of the database do what they can; what could take long is done in steps, each a
//! transaction of its own; the audit log is told before the first of them.

use sqlx::{PgPool, Postgres, Transaction};

use crate::StorageError;
use crate::catalog::set_actor;

/// How many rows one step of a purge takes.
const STEP: i64 = 1000;

/// What to purge of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purged {
    /// What waits.
    Queued,
    /// Dead letters.
    Dead,
    /// Events that could not be mapped.
    Rejected,
}

impl Purged {
    fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Dead => "dead",
            Self::Rejected => "rejected",
        }
    }
}

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
        let mut transaction = self.begin_as(actor).await?;
        sqlx::query!("SELECT signalpost.pause($1, $2)", mapping_id, why).fetch_one(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Goes on sending.
    pub async fn resume(&self, mapping_id: i64, actor: &str) -> Result<(), StorageError> {
        let mut transaction = self.begin_as(actor).await?;
        sqlx::query!("SELECT signalpost.resume($1)", mapping_id).fetch_one(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Makes every scheduled retry due; how many batches.
    pub async fn retry_now(&self, mapping_id: i64, actor: &str) -> Result<i64, StorageError> {
        let mut transaction = self.begin_as(actor).await?;
        let batches = sqlx::query_scalar!(r#"SELECT signalpost.retry_now($1) AS "batches!""#, mapping_id)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(batches)
    }

    /// Records that somebody sent a test to the receiver of a mapping.
    pub async fn tested(&self, full_name: &str, actor: &str) -> Result<(), StorageError> {
        let mut transaction = self.begin_as(actor).await?;
        sqlx::query!("SELECT signalpost.audit('lane.test', 'mapping ' || $1::text, '{}')", full_name)
            .fetch_one(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// How many events a purge would delete.
    pub async fn purgeable(&self, mapping_id: i64, what: Purged) -> Result<i64, StorageError> {
        Ok(self.extent(mapping_id, what).await?.1)
    }

    /// Deletes what there is now, for good; how many events.
    pub async fn purge(
        &self,
        mapping_id: i64,
        full_name: &str,
        what: Purged,
        actor: &str,
    ) -> Result<i64, StorageError> {
        let (last, events) = self.extent(mapping_id, what).await?;
        let mut transaction = self.begin_as(actor).await?;
        sqlx::query!(
            "SELECT signalpost.record_operation('lane.purge', $1, $2, json_build_object('what', $3::text), $4)",
            full_name,
            mapping_id,
            what.word(),
            events
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let mut purged = 0;
        loop {
            let (rows, events) = self.purge_step(mapping_id, what, last).await?;
            purged += events;
            if rows < STEP {
                return Ok(purged);
            }
        }
    }

    /// The last row that there is, and the events up to it.
    async fn extent(&self, mapping_id: i64, what: Purged) -> Result<(i64, i64), StorageError> {
        let (last, events) = match what {
            Purged::Queued => {
                let row = sqlx::query!(
                    "SELECT max(position) AS last, sum(event_count) AS events FROM signalpost.batches WHERE mapping_id = $1",
                    mapping_id
                );
                let row = row.fetch_one(&self.pool).await?;
                (row.last, row.events)
            }
            Purged::Dead => {
                let row = sqlx::query!(
                    "SELECT max(position) AS last, sum(event_count) AS events FROM signalpost.dead_batches
                     WHERE mapping_id = $1",
                    mapping_id
                );
                let row = row.fetch_one(&self.pool).await?;
                (row.last, row.events)
            }
            Purged::Rejected => {
                let row = sqlx::query!(
                    "SELECT max(id) AS last, count(*) AS events FROM signalpost.rejected_events WHERE mapping_id = $1",
                    mapping_id
                );
                let row = row.fetch_one(&self.pool).await?;
                (row.last, row.events)
            }
        };
        Ok((last.unwrap_or_default(), events.unwrap_or_default()))
    }

    async fn purge_step(&self, mapping_id: i64, what: Purged, last: i64) -> Result<(i64, i64), StorageError> {
        let (rows, events) = match what {
            Purged::Queued => {
                let row = sqlx::query!(
                    r#"WITH gone AS (
                           DELETE FROM signalpost.batches WHERE mapping_id = $1 AND position = ANY (ARRAY(
                               SELECT b.position FROM signalpost.batches b
                               WHERE b.mapping_id = $1 AND b.position <= $2 ORDER BY b.position LIMIT $3))
                           RETURNING event_count)
                       SELECT count(*) AS "rows!", sum(event_count) AS events FROM gone"#,
                    mapping_id,
                    last,
                    STEP
                );
                let row = row.fetch_one(&self.pool).await?;
                (row.rows, row.events)
            }
            Purged::Dead => {
                let row = sqlx::query!(
                    r#"WITH gone AS (
                           DELETE FROM signalpost.dead_batches WHERE mapping_id = $1 AND position = ANY (ARRAY(
                               SELECT d.position FROM signalpost.dead_batches d
                               WHERE d.mapping_id = $1 AND d.position <= $2 ORDER BY d.position LIMIT $3))
                           RETURNING event_count)
                       SELECT count(*) AS "rows!", sum(event_count) AS events FROM gone"#,
                    mapping_id,
                    last,
                    STEP
                );
                let row = row.fetch_one(&self.pool).await?;
                (row.rows, row.events)
            }
            Purged::Rejected => {
                let row = sqlx::query!(
                    r#"WITH gone AS (
                           DELETE FROM signalpost.rejected_events WHERE mapping_id = $1 AND id = ANY (ARRAY(
                               SELECT r.id FROM signalpost.rejected_events r
                               WHERE r.mapping_id = $1 AND r.id <= $2 ORDER BY r.id LIMIT $3))
                           RETURNING 1)
                       SELECT count(*) AS "rows!", count(*) AS events FROM gone"#,
                    mapping_id,
                    last,
                    STEP
                );
                let row = row.fetch_one(&self.pool).await?;
                (row.rows, row.events)
            }
        };
        Ok((rows, events.unwrap_or_default()))
    }

    async fn begin_as(&self, actor: &str) -> Result<Transaction<'static, Postgres>, StorageError> {
        let mut transaction = self.pool.begin().await?;
        set_actor(&mut transaction, actor).await?;
        Ok(transaction)
    }
}
