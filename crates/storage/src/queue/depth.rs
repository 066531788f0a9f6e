//! Depth: how much is queued, lane by lane, counted by looking at every row once.
//!
//! A row carries many events and its payload is not read, only its length: a look costs little for what it counts. It
//! still grows with the queue, so whoever looks again and again waits in between for a multiple of the time it took.

use super::Queue;
use crate::StorageError;

/// What is queued in one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// The lane.
    pub mapping_id: i64,
    /// Events, scheduled ones and those under way included.
    pub events: i64,
    /// Bytes of their payloads as they will be sent; Postgres stores them compressed.
    pub bytes: i64,
}

impl Queue {
    /// The depth of every lane that is not empty.
    pub async fn depths(&self) -> Result<Vec<Depth>, StorageError> {
        let mut look = self.pool.begin().await?;
        // The whole table is read, in its own order and by one process: an index or helpers would only cost more. A
        // queue that takes long to look through is the one whose depth must be known.
        sqlx::query!(
            "SELECT set_config('enable_seqscan', 'on', true) AS a, set_config('statement_timeout', '10min', true) AS b,
                    set_config('max_parallel_workers_per_gather', '0', true) AS c"
        )
        .fetch_one(&mut *look)
        .await?;
        let depths = sqlx::query_file_as!(Depth, "queries/depths.sql").fetch_all(&mut *look).await?;
        look.commit().await?;
        Ok(depths)
    }

    /// The depths of these lanes, without those that are empty.
    pub async fn depths_of(&self, mapping_ids: &[i64]) -> Result<Vec<Depth>, StorageError> {
        Ok(sqlx::query_file_as!(Depth, "queries/depths_of.sql", mapping_ids).fetch_all(&self.pool).await?)
    }
}
