//! Dead letters.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Inspection;
use crate::StorageError;

/// A dead letter as it is looked at.
#[derive(Debug, Clone)]
pub struct DeadView {
    /// The lane.
    pub mapping_id: i64,
    /// Where it was in the lane.
    pub position: i64,
    /// How many events it holds.
    pub event_count: i32,
    /// Why it was given up.
    pub reason: String,
    /// HTTP status of the last answer.
    pub status: Option<i16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Beginning of the receiver's last answer.
    pub response: Option<String>,
    /// How many requests carried it.
    pub attempts: i32,
    /// The id they carried.
    pub batch_id: Option<Uuid>,
    /// When its oldest event was accepted.
    pub enqueued_at: DateTime<Utc>,
    /// When it was given up.
    pub buried_at: DateTime<Utc>,
}

/// Names a dead letter, in the order of burial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadKey {
    /// Microseconds since 1970 when it was given up.
    pub buried_at: i64,
    /// The lane.
    pub mapping_id: i64,
    /// Where it was in the lane.
    pub position: i64,
}

impl DeadView {
    /// What names it.
    pub fn key(&self) -> DeadKey {
        DeadKey {
            buried_at: self.buried_at.timestamp_micros(),
            mapping_id: self.mapping_id,
            position: self.position,
        }
    }
}

/// Which dead letters of the lanes.
#[derive(Debug, Clone, Default)]
pub struct DeadQuery {
    /// The one at this position.
    pub position: Option<i64>,
    /// Those given up for this reason.
    pub reason: Option<&'static str>,
    /// Those given up since then.
    pub since: Option<DateTime<Utc>>,
    /// Those given up before then.
    pub until: Option<DateTime<Utc>>,
}

impl Inspection {
    /// Dead letters of lanes, newest first, after a key.
    pub async fn dead(
        &self,
        lanes: &[i64],
        query: &DeadQuery,
        after: Option<&DeadKey>,
        limit: i64,
    ) -> Result<Vec<DeadView>, StorageError> {
        let buried_at = after.and_then(|key| DateTime::from_timestamp_micros(key.buried_at));
        let rows = sqlx::query_as!(
            DeadView,
            r#"SELECT d.mapping_id AS "mapping_id!", d.position AS "position!", d.event_count AS "event_count!",
                      d.reason AS "reason!", d.status, d.last_error, d.response, d.attempts AS "attempts!", d.batch_id,
                      d.enqueued_at AS "enqueued_at!", d.buried_at AS "buried_at!"
               FROM unnest($1::bigint[]) AS lane (id) CROSS JOIN LATERAL (
                   SELECT d.mapping_id, d.position, d.event_count, d.reason, d.status, d.last_error, d.response,
                          d.attempts, d.batch_id, d.enqueued_at, d.buried_at
                   FROM signalpost.dead_batches d
                   WHERE d.mapping_id = lane.id AND ($2::bigint IS NULL OR d.position = $2)
                     AND ($3::text IS NULL OR d.reason = $3)
                     AND d.buried_at >= coalesce($4, '-infinity'::timestamptz) AND d.buried_at < coalesce($5, 'infinity'::timestamptz)
                     AND d.buried_at <= coalesce($6, 'infinity'::timestamptz)
                     AND ($6 IS NULL OR (d.buried_at, d.mapping_id, d.position) < ($6, $7, $8))
                   ORDER BY d.buried_at DESC, d.position DESC LIMIT $9
               ) d
               ORDER BY d.buried_at DESC, d.mapping_id DESC, d.position DESC LIMIT $9"#,
            lanes,
            query.position,
            query.reason,
            query.since,
            query.until,
            buried_at,
            after.map(|key| key.mapping_id),
            after.map(|key| key.position),
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// The beginning of what a dead letter holds; none when it is gone.
    pub async fn dead_payload(
        &self,
        mapping_id: i64,
        position: i64,
        characters_max: i32,
    ) -> Result<Option<String>, StorageError> {
        let payload = sqlx::query_scalar!(
            r#"SELECT left(payload, $3) AS "payload!" FROM signalpost.dead_batches
               WHERE mapping_id = $1 AND position = $2"#,
            mapping_id,
            position,
            characters_max
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(payload)
    }
}
