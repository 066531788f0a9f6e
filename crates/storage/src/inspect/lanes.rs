//! Lanes: the view `signalpost.queue`, by name.

use chrono::{DateTime, Utc};
use sqlx::postgres::types::PgInterval;

use super::Inspection;
use crate::{NameKey, Scope, StorageError};

/// A lane as it is looked at.
#[derive(Debug, Clone)]
pub struct LaneView {
    /// Its number.
    pub mapping_id: i64,
    /// Its source's name.
    pub source: String,
    /// Its destination's name.
    pub destination: String,
    /// Its mapping's name.
    pub mapping: String,
    /// `empty`, `delivering`, …
    pub state: String,
    /// Why, in words.
    pub why: Option<String>,
    /// Rows that wait.
    pub batches: i64,
    /// Events that wait.
    pub events: i64,
    /// Bytes that wait.
    pub bytes: i64,
    /// Whether those three are of a moment ago.
    pub is_estimate: bool,
    /// Age of the oldest event.
    pub oldest_age: Option<PgInterval>,
    /// Requests under way.
    pub in_flight: i64,
    /// Requests that may be under way.
    pub window: i64,
    /// Events delivered a second, lately.
    pub delivered_per_second: f64,
    /// Batches that wait for a retry.
    pub retrying_batches: i64,
    /// When the next retry or probe is due.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Events among the dead letters.
    pub dead_events: i64,
    /// Whether new events are queued for it.
    pub enabled: bool,
    /// Who delivers it.
    pub dispatcher: Option<String>,
}

impl Inspection {
    /// Lanes of a scope after a name, by name; only those that are not well when asked.
    pub async fn lanes(
        &self,
        scope: &Scope,
        only_troubled: bool,
        after: &NameKey,
        limit: i64,
    ) -> Result<Vec<LaneView>, StorageError> {
        let rows = sqlx::query_as!(
            LaneView,
            r#"SELECT mapping_id AS "mapping_id!", source AS "source!", destination AS "destination!",
                      mapping AS "mapping!", state AS "state!", why, batches::bigint AS "batches!",
                      events::bigint AS "events!", bytes::bigint AS "bytes!",
                      coalesce(is_estimate, false) AS "is_estimate!", oldest_age,
                      coalesce(in_flight, 0)::bigint AS "in_flight!", coalesce(window_size, 0)::bigint AS "window!",
                      coalesce(delivered_per_second, 0)::double precision AS "delivered_per_second!",
                      coalesce(retrying_batches, 0)::bigint AS "retrying_batches!", next_attempt_at, last_error,
                      coalesce(dead_events, 0)::bigint AS "dead_events!", enabled AS "enabled!", dispatcher
               FROM signalpost.queue
               WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR destination = $2)
                 AND ($3::text IS NULL OR mapping = $3) AND (source, destination, mapping) > ($4, $5, $6)
                 AND (NOT $7 OR state NOT IN ('empty', 'delivering') OR dead_events > 0)
               ORDER BY source, destination, mapping LIMIT $8"#,
            scope.source,
            scope.destination,
            scope.mapping,
            after[0],
            after[1],
            after[2],
            only_troubled,
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }
}
