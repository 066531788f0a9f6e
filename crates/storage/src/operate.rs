//! Operating: pausing, retrying and purging lanes, by somebody.
//!
//! Invariants: the guarded functions of the database do what they can; what could take long is done in steps, each a
//! transaction of its own; the audit log is told before the first of them, the dispatchers after the first and the last.

use sqlx::PgPool;

use crate::StorageError;
use crate::actor::begin_as;

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

/// What there is to purge: the last row, and the events of all.
struct Extent {
    last: i64,
    events: i64,
}

/// What a step of a purge deleted.
struct Deleted {
    rows: i64,
    events: i64,
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

    /// How many events a purge would delete.
    pub async fn purgeable(&self, mapping_id: i64, what: Purged) -> Result<i64, StorageError> {
        Ok(self.extent(mapping_id, what).await?.events)
    }

    /// Deletes what there is now, for good; how many events.
    pub async fn purge(
        &self,
        mapping_id: i64,
        full_name: &str,
        what: Purged,
        actor: &str,
    ) -> Result<i64, StorageError> {
        let Extent { last, events } = self.extent(mapping_id, what).await?;
        let mut transaction = begin_as(&self.pool, actor).await?;
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
            let deleted = self.purge_step(mapping_id, what, last).await?;
            let is_last = deleted.rows < STEP;
            // Dispatchers have the oldest rows in memory; once these are gone, what comes next.
            if what == Purged::Queued && (purged == 0 || is_last) {
                self.tell_purged(mapping_id).await?;
            }
            purged += deleted.events;
            if is_last {
                return Ok(purged);
            }
        }
    }

    async fn tell_purged(&self, mapping_id: i64) -> Result<(), StorageError> {
        sqlx::query!("SELECT signalpost.lane_purged($1)", mapping_id).fetch_one(&self.pool).await?;
        Ok(())
    }

    async fn extent(&self, mapping_id: i64, what: Purged) -> Result<Extent, StorageError> {
        let extent = match what {
            Purged::Queued => sqlx::query_as!(
                Extent,
                r#"SELECT coalesce(max(position), 0) AS "last!", coalesce(sum(event_count), 0) AS "events!"
                       FROM signalpost.batches WHERE mapping_id = $1"#,
                mapping_id
            )
            .fetch_one(&self.pool)
            .await,
            Purged::Dead => sqlx::query_as!(
                Extent,
                r#"SELECT coalesce(max(position), 0) AS "last!", coalesce(sum(event_count), 0) AS "events!"
                       FROM signalpost.dead_batches WHERE mapping_id = $1"#,
                mapping_id
            )
            .fetch_one(&self.pool)
            .await,
            Purged::Rejected => {
                sqlx::query_as!(
                    Extent,
                    r#"SELECT coalesce(max(id), 0) AS "last!", count(*) AS "events!"
                       FROM signalpost.rejected_events WHERE mapping_id = $1"#,
                    mapping_id
                )
                .fetch_one(&self.pool)
                .await
            }
        };
        Ok(extent?)
    }

    async fn purge_step(&self, mapping_id: i64, what: Purged, last: i64) -> Result<Deleted, StorageError> {
        let deleted = match what {
            Purged::Queued => {
                sqlx::query_as!(
                    Deleted,
                    r#"WITH gone AS (
                           DELETE FROM signalpost.batches WHERE mapping_id = $1 AND position = ANY (ARRAY(
                               SELECT position FROM signalpost.batches
                               WHERE mapping_id = $1 AND position <= $2 ORDER BY position LIMIT $3))
                           RETURNING event_count)
                       SELECT count(*) AS "rows!", coalesce(sum(event_count), 0) AS "events!" FROM gone"#,
                    mapping_id,
                    last,
                    STEP
                )
                .fetch_one(&self.pool)
                .await
            }
            Purged::Dead => {
                sqlx::query_as!(
                    Deleted,
                    r#"WITH gone AS (
                           DELETE FROM signalpost.dead_batches WHERE mapping_id = $1 AND position = ANY (ARRAY(
                               SELECT position FROM signalpost.dead_batches
                               WHERE mapping_id = $1 AND position <= $2 ORDER BY position LIMIT $3))
                           RETURNING event_count)
                       SELECT count(*) AS "rows!", coalesce(sum(event_count), 0) AS "events!" FROM gone"#,
                    mapping_id,
                    last,
                    STEP
                )
                .fetch_one(&self.pool)
                .await
            }
            Purged::Rejected => {
                sqlx::query_as!(
                    Deleted,
                    r#"WITH gone AS (
                           DELETE FROM signalpost.rejected_events WHERE mapping_id = $1 AND id = ANY (ARRAY(
                               SELECT id FROM signalpost.rejected_events
                               WHERE mapping_id = $1 AND id <= $2 ORDER BY id LIMIT $3))
                           RETURNING 1)
                       SELECT count(*) AS "rows!", count(*) AS "events!" FROM gone"#,
                    mapping_id,
                    last,
                    STEP
                )
                .fetch_one(&self.pool)
                .await
            }
        };
        Ok(deleted?)
    }
}
