//! Tail: how the owner of a partition finds rows without asking twice and without missing one.
//!
//! Positions commit out of order, so "after the last position I saw" misses rows. Every row therefore carries the
//! transaction that wrote it, and a reader remembers the snapshot of its last look: what became visible since is what was
//! written by a transaction later than that snapshot, or by one that it saw in progress. Each row is found exactly once,
//! however late it commits, and a look costs what is new: no long transaction, backlog or dead row makes it dearer.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Queue;
use crate::StorageError;

/// What was visible at a look: Postgres's own `pg_snapshot`, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(String);

/// A row that was there when we looked; whether it still is, `load` says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Its lane.
    pub mapping_id: i64,
    /// Its place there.
    pub position: i64,
    /// Its events.
    pub event_count: i32,
    /// Bytes of its payload.
    pub bytes: i32,
    /// Seconds until it is to be tried again, none or less where it is due; nothing where it is fresh.
    pub due_in: Option<f64>,
}

/// A row with everything that sending it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its lane.
    pub mapping_id: i64,
    /// Its place there: the address of its first event.
    pub position: i64,
    /// Its events.
    pub event_count: i32,
    /// A JSON array of as many elements.
    pub payload: String,
    /// The target's canonical JSON; none: as the mapping says now.
    pub target: Option<String>,
    /// Requests that carried it so far.
    pub attempts: i32,
    /// The id it was sent with before.
    pub batch_id: Option<Uuid>,
    /// When its oldest event was accepted, by Postgres's clock.
    pub enqueued_at: DateTime<Utc>,
    /// How long ago that was.
    pub age: Duration,
    /// Whether it is to be tried again, rather than fresh.
    pub scheduled: bool,
    /// Where its events came from, as [`NewBatch::traces`](crate::NewBatch::traces).
    pub traces: Option<String>,
}

/// What a look found.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrivals {
    /// Where the rows are.
    pub found: Vec<Found>,
    /// There may be more that became visible: `backlog` and `page` find them, now and not later.
    pub is_cut: bool,
    /// The rows themselves, when there is little of them: then nobody has to ask again.
    pub rows: Vec<Row>,
    /// What was visible.
    pub snapshot: Snapshot,
}

/// Rows of so many bytes together come along with a look. More may be more than there is memory for.
const ALONG_BYTES_MAX: i64 = 256 * 1024;
/// A look tells of so many rows at most: after an hour without Postgres there may be millions.
pub const ARRIVED_MAX: usize = 10_000;

impl Queue {
    /// What is visible now. Rows that commit after this are found by `arrived`; the others by `backlog` and `page`.
    pub async fn snapshot(&self) -> Result<Snapshot, StorageError> {
        let text = sqlx::query_scalar!(r#"SELECT pg_current_snapshot()::text AS "snapshot!""#)
            .fetch_one(&self.pool)
            .await?;
        Ok(Snapshot(text))
    }

    /// The fresh rows of these partitions that became visible since `since`, [`ARRIVED_MAX`] of them at most, and the snapshot to ask
    /// with next time.
    pub async fn arrived(&self, since: &Snapshot, partitions: &[i16]) -> Result<Arrivals, StorageError> {
        let limit = i64::try_from(ARRIVED_MAX).unwrap_or(i64::MAX);
        let rows =
            sqlx::query_file!("queries/arrived.sql", since.0.as_str(), partitions, ALONG_BYTES_MAX, limit)
                .fetch_all(&self.pool)
                .await?;
        let snapshot = rows.first().map_or_else(|| since.clone(), |row| Snapshot(row.snapshot.clone()));
        let mut arrivals = Arrivals {
            found: Vec::with_capacity(rows.len()),
            is_cut: rows.len() == ARRIVED_MAX,
            rows: Vec::new(),
            snapshot,
        };
        for row in rows {
            let (Some(mapping_id), Some(position), Some(event_count), Some(bytes)) =
                (row.mapping_id, row.position, row.event_count, row.bytes)
            else {
                continue;
            };
            arrivals.found.push(Found { mapping_id, position, event_count, bytes, due_in: None });
            if let (Some(payload), Some(attempts), Some(enqueued_at)) =
                (row.payload, row.attempts, row.enqueued_at)
            {
                arrivals.rows.push(Row {
                    mapping_id,
                    position,
                    event_count,
                    payload,
                    target: row.target,
                    attempts,
                    batch_id: row.batch_id,
                    enqueued_at,
                    age: Duration::from_secs_f64(row.age.unwrap_or_default().max(0.0)),
                    scheduled: false,
                    traces: row.traces,
                });
            }
        }
        Ok(arrivals)
    }

    /// The lanes of these partitions that have fresh rows.
    pub async fn backlog(&self, partitions: &[i16]) -> Result<Vec<i64>, StorageError> {
        Ok(sqlx::query_file_scalar!("queries/backlog.sql", partitions).fetch_all(&self.pool).await?)
    }

    /// The next `limit` rows of one lane after a position, in order: the fresh ones, or with `include_scheduled` all.
    pub async fn page(
        &self,
        mapping_id: i64,
        after: i64,
        limit: i64,
        include_scheduled: bool,
    ) -> Result<Vec<Found>, StorageError> {
        Ok(sqlx::query_file_as!(Found, "queries/page.sql", mapping_id, after, limit, include_scheduled)
            .fetch_all(&self.pool)
            .await?)
    }

    /// At most `limit` retries of these partitions that are due, longest due first, leaving out some lanes.
    pub async fn due(
        &self,
        partitions: &[i16],
        except: &[i64],
        limit: i64,
    ) -> Result<Vec<Found>, StorageError> {
        Ok(sqlx::query_file_as!(Found, "queries/due.sql", partitions, except, limit)
            .fetch_all(&self.pool)
            .await?)
    }

    /// How long until the next retry of these partitions that is not due yet.
    pub async fn next_due(&self, partitions: &[i16]) -> Result<Option<Duration>, StorageError> {
        let seconds =
            sqlx::query_file_scalar!("queries/next_due.sql", partitions).fetch_optional(&self.pool).await?;
        Ok(seconds.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))))
    }

    /// The rows of these keys `(mapping_id, position)` that still exist, in no particular order.
    pub async fn load(&self, keys: &[(i64, i64)]) -> Result<Vec<Row>, StorageError> {
        let (mapping_ids, positions): (Vec<i64>, Vec<i64>) = keys.iter().copied().unzip();
        let rows =
            sqlx::query_file!("queries/load.sql", &mapping_ids, &positions).fetch_all(&self.pool).await?;
        let loaded = rows.into_iter().map(|row| Row {
            mapping_id: row.mapping_id,
            position: row.position,
            event_count: row.event_count,
            payload: row.payload,
            target: row.target,
            attempts: row.attempts,
            batch_id: row.batch_id,
            enqueued_at: row.enqueued_at,
            age: Duration::from_secs_f64(row.age.max(0.0)),
            scheduled: row.scheduled,
            traces: row.traces,
        });
        Ok(loaded.collect())
    }
}
