//! Purge: what waits in a lane, is dead or was refused, deleted for good.
//!
//! Invariants: it is done in steps, each a transaction of its own, in the order of the lane; the audit log is told before the
//! first of them, the dispatchers after the first and the last; what had been accepted when it began is gone when it ends, also what
//! failed meanwhile and was written anew.

use chrono::{DateTime, Utc};

use super::Operations;
use crate::StorageError;
use crate::actor::begin_as;

/// How many rows one step takes.
const STEP: i64 = 1000;
/// So often a step begins again when it and a dispatcher wait for each other.
const DEADLOCKS_MAX: usize = 5;

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

/// What there is to purge: the last row, the events of all, and when that was so.
struct Extent {
    last: i64,
    events: i64,
    at: DateTime<Utc>,
}

/// What a step deleted.
struct Deleted {
    rows: i64,
    events: i64,
}

impl Operations {
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
        let extent = self.extent(mapping_id, what).await?;
        let mut transaction = begin_as(&self.pool, actor).await?;
        sqlx::query!(
            "SELECT signalpost.record_operation('lane.purge', $1, $2, json_build_object('what', $3::text), $4)",
            full_name,
            mapping_id,
            what.word(),
            extent.events
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let mut purged = 0;
        loop {
            let deleted = self.step(mapping_id, what, &extent).await?;
            let is_last = deleted.rows < STEP;
            // Dispatchers have the oldest rows in memory; once these are gone, what comes next.
            if what == Purged::Queued && (purged == 0 || is_last) {
                self.tell(mapping_id).await?;
            }
            purged += deleted.events;
            if is_last && !(what == Purged::Queued && self.is_any_left(mapping_id, &extent).await?) {
                return Ok(purged);
            }
        }
    }

    async fn tell(&self, mapping_id: i64) -> Result<(), StorageError> {
        sqlx::query!("SELECT signalpost.lane_purged($1)", mapping_id).fetch_one(&self.pool).await?;
        Ok(())
    }

    /// Whether something of what waited when the purge began was written anew behind it.
    async fn is_any_left(&self, mapping_id: i64, extent: &Extent) -> Result<bool, StorageError> {
        let left = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM signalpost.batches
                              WHERE mapping_id = $1 AND position <= $2 AND enqueued_at <= $3) AS "is_left!""#,
            mapping_id,
            extent.last,
            extent.at
        );
        Ok(left.fetch_one(&self.pool).await?)
    }

    async fn extent(&self, mapping_id: i64, what: Purged) -> Result<Extent, StorageError> {
        let extent = match what {
            Purged::Queued => sqlx::query_as!(
                Extent,
                r#"SELECT coalesce(max(position), 0) AS "last!", coalesce(sum(event_count), 0) AS "events!",
                              greatest(now(), max(enqueued_at)) AS "at!"
                       FROM signalpost.batches WHERE mapping_id = $1"#,
                mapping_id
            )
            .fetch_one(&self.pool)
            .await,
            Purged::Dead => sqlx::query_as!(
                Extent,
                r#"SELECT coalesce(max(position), 0) AS "last!", coalesce(sum(event_count), 0) AS "events!", now() AS "at!"
                       FROM signalpost.dead_batches WHERE mapping_id = $1"#,
                mapping_id
            )
            .fetch_one(&self.pool)
            .await,
            Purged::Rejected => {
                sqlx::query_as!(
                    Extent,
                    r#"SELECT coalesce(max(id), 0) AS "last!", count(*) AS "events!", now() AS "at!"
                       FROM signalpost.rejected_events WHERE mapping_id = $1"#,
                    mapping_id
                )
                .fetch_one(&self.pool)
                .await
            }
        };
        Ok(extent?)
    }

    async fn step(&self, mapping_id: i64, what: Purged, extent: &Extent) -> Result<Deleted, StorageError> {
        for _ in 1..DEADLOCKS_MAX {
            match self.try_step(mapping_id, what, extent).await {
                Err(error) if error.is_deadlock() => {}
                done => return done,
            }
        }
        self.try_step(mapping_id, what, extent).await
    }

    async fn try_step(
        &self,
        mapping_id: i64,
        what: Purged,
        extent: &Extent,
    ) -> Result<Deleted, StorageError> {
        let deleted = match what {
            Purged::Queued => {
                sqlx::query_as!(
                    Deleted,
                    r#"WITH gone AS (
                           DELETE FROM signalpost.batches WHERE mapping_id = $1 AND position = ANY (ARRAY(
                               SELECT position FROM signalpost.batches
                               WHERE mapping_id = $1 AND position <= $2 AND enqueued_at <= $4 ORDER BY position LIMIT $3))
                           RETURNING event_count)
                       SELECT count(*) AS "rows!", coalesce(sum(event_count), 0) AS "events!" FROM gone"#,
                    mapping_id,
                    extent.last,
                    STEP,
                    extent.at
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
                    extent.last,
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
                    extent.last,
                    STEP
                )
                .fetch_one(&self.pool)
                .await
            }
        };
        Ok(deleted?)
    }
}
