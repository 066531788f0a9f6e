//! Survey: what a dispatcher says of its lanes that it cannot know from what is in its memory.

use std::time::Duration;

use super::{OwnerId, Queue};
use crate::StorageError;

/// The state of things, seen from Postgres.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Partitions that no dispatcher holds.
    pub unowned: i64,
    /// Seconds since 1970 by Postgres's clock.
    pub seconds: f64,
    /// The lanes of the owner that hold anything, and for how long their first row waits: nearly the oldest.
    pub oldest: Vec<(i64, Duration)>,
}

impl Queue {
    /// Looks at the first row of every lane of this owner: what it costs grows with the mappings, not with the queue.
    pub async fn survey(&self, owner: OwnerId) -> Result<Survey, StorageError> {
        let rows = sqlx::query_file!("queries/survey.sql", owner.0).fetch_all(&self.pool).await?;
        let (unowned, seconds) = rows.first().map_or((0, 0.0), |row| (row.unowned, row.seconds));
        let oldest =
            rows.iter().filter_map(|row| Some((row.mapping_id?, Duration::from_secs_f64(row.age?.max(0.0)))));
        let oldest = oldest.collect();
        Ok(Survey { unowned, seconds, oldest })
    }
}
