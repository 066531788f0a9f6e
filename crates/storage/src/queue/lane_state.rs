//! Lane state: what the owner of a lane says of it for the `queue` view, and what it needs to count for that.
//!
//! Invariants: only the owner of a partition says anything of its lanes, and the view shows only what the owner of now said;
//! nothing here is on the way of a delivery, and nothing that is told is needed to deliver.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{OwnerId, Queue};
use crate::StorageError;

/// Whether a lane's receiver is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// It is.
    Closed,
    /// It failed all the time: not until the next probe.
    Open,
    /// One request finds out whether it is back.
    Probing,
}

impl BreakerState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
        }
    }
}

/// What is said of one lane.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneState {
    /// Whose.
    pub mapping_id: i64,
    /// Requests under way.
    pub in_flight: i32,
    /// Requests that may be; none: the lane is not in memory.
    pub window: Option<i32>,
    /// Whether it sends.
    pub breaker: BreakerState,
    /// Why the last attempt that failed did.
    pub reason: Option<String>,
    /// From now to the next probe.
    pub next_probe_in: Option<Duration>,
    /// It holds more than it may, and its oldest are buried.
    pub is_burying: bool,
    /// Events delivered a second, lately.
    pub delivered_per_second: f64,
    /// How much waits; none: little.
    pub waiting: Option<Waiting>,
    /// Events among its dead letters; none: few.
    pub dead_events: Option<i64>,
}

/// How much waits in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Rows.
    pub batches: i64,
    /// Events.
    pub events: i64,
    /// Bytes of their payloads.
    pub bytes: i64,
    /// Rows that wait for a retry.
    pub retrying_batches: i64,
    /// When the first of these is due.
    pub next_due_at: Option<DateTime<Utc>>,
}

/// A lane in which more waits, or is dead, than the view counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeepLane {
    /// Whose.
    pub mapping_id: i64,
    /// Much waits.
    pub waits: bool,
    /// Much is dead.
    pub is_dead: bool,
}

impl Queue {
    /// Says these things of lanes, and that there is nothing to say any more of those in `forget`. Lanes that the owner
    /// does not own are passed over.
    pub async fn tell_lanes(
        &self,
        owner: OwnerId,
        states: &[LaneState],
        forget: &[i64],
    ) -> Result<(), StorageError> {
        let waiting = |field: fn(&Waiting) -> i64| column(states, |one| one.waiting.as_ref().map(field));
        let due_at = column(states, |one| one.waiting.as_ref().and_then(|waiting| waiting.next_due_at));
        sqlx::query_file!(
            "queries/tell_lanes.sql",
            owner.0,
            forget,
            &column(states, |one| one.mapping_id),
            &column(states, |one| one.in_flight),
            &column(states, |one| one.window) as &[Option<i32>],
            &column(states, |one| one.breaker.as_str()) as &[&str],
            &column(states, |one| one.reason.as_deref()) as &[Option<&str>],
            &column(states, |one| one.next_probe_in.map(|wait| wait.as_secs_f64())) as &[Option<f64>],
            &column(states, |one| one.is_burying),
            &column(states, |one| one.delivered_per_second),
            &waiting(|one| one.batches) as &[Option<i64>],
            &waiting(|one| one.events) as &[Option<i64>],
            &waiting(|one| one.bytes) as &[Option<i64>],
            &waiting(|one| one.retrying_batches) as &[Option<i64>],
            &due_at as &[Option<DateTime<Utc>>],
            &column(states, |one| one.dead_events) as &[Option<i64>]
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The lanes of partitions that were acquired in which `rows` or more wait or are dead. What former owners said of
    /// lanes there is forgotten.
    pub async fn deep_lanes(
        &self,
        owner: OwnerId,
        partitions: &[i16],
        rows: i64,
    ) -> Result<Vec<DeepLane>, StorageError> {
        Ok(sqlx::query_file_as!(DeepLane, "queries/deep_lanes.sql", owner.0, partitions, rows)
            .fetch_all(&self.pool)
            .await?)
    }

    /// How much waits in each of these lanes, counted row by row.
    pub async fn count_lanes(&self, mapping_ids: &[i64]) -> Result<Vec<(i64, Waiting)>, StorageError> {
        let rows = sqlx::query_file!("queries/count_lanes.sql", mapping_ids).fetch_all(&self.pool).await?;
        let counted = rows.into_iter().map(|row| {
            let waiting = Waiting {
                batches: row.batches,
                events: row.events,
                bytes: row.bytes,
                retrying_batches: row.retrying_batches,
                next_due_at: row.next_due_at,
            };
            (row.mapping_id, waiting)
        });
        Ok(counted.collect())
    }

    /// How many dead letters each of these lanes has: lane, rows, events.
    pub async fn count_dead(&self, mapping_ids: &[i64]) -> Result<Vec<(i64, i64, i64)>, StorageError> {
        let rows = sqlx::query_file!("queries/count_dead.sql", mapping_ids).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|row| (row.mapping_id, row.batches, row.events)).collect())
    }
}

fn column<'a, T>(states: &'a [LaneState], field: impl Fn(&'a LaneState) -> T) -> Vec<T> {
    states.iter().map(field).collect()
}
