//! The delivery log.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Inspection;
use crate::StorageError;
use crate::time::interval;

/// An attempt as it is looked at.
#[derive(Debug, Clone)]
pub struct AttemptView {
    /// The lane.
    pub mapping_id: i64,
    /// When the request was sent.
    pub started_at: DateTime<Utc>,
    /// The id that it carried.
    pub batch_id: Uuid,
    /// 1 for the first.
    pub attempt: i32,
    /// `delivered`, `retryable` or `rejected`.
    pub outcome: String,
    /// HTTP status.
    pub status: Option<i16>,
    /// What went wrong.
    pub error: Option<String>,
    /// Beginning of the receiver's answer.
    pub response: Option<String>,
    /// Events in the request.
    pub event_count: i32,
    /// Bytes of its body.
    pub body_bytes: i64,
    /// Milliseconds from sending it to knowing its outcome.
    pub latency_ms: f32,
}

/// Names an attempt, in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AttemptKey {
    /// Microseconds since 1970 when it was sent.
    pub started_at: i64,
    /// The lane.
    pub mapping_id: i64,
    /// The id that it carried.
    pub batch_id: Uuid,
    /// 1 for the first.
    pub attempt: i32,
}

impl AttemptView {
    /// What names it.
    pub fn key(&self) -> AttemptKey {
        AttemptKey {
            started_at: self.started_at.timestamp_micros(),
            mapping_id: self.mapping_id,
            batch_id: self.batch_id,
            attempt: self.attempt,
        }
    }
}

/// Which attempts.
#[derive(Debug, Clone, Default)]
pub struct AttemptFilter {
    /// Those of this batch.
    pub batch_id: Option<Uuid>,
    /// Those of this outcome.
    pub outcome: Option<&'static str>,
    /// Those that did not deliver.
    pub only_failures: bool,
    /// Those since then; without it, and without a batch, the last hour.
    pub since: Option<DateTime<Utc>>,
    /// Those before then.
    pub until: Option<DateTime<Utc>>,
}

/// A receiver that takes its time is told of when it ends, however long ago it began.
const LONGEST_ATTEMPT: Duration = Duration::from_mins(16);
/// How far back what was delivered is looked for.
const USUAL_ATTEMPT: Duration = Duration::from_secs(30);

impl Inspection {
    /// Attempts of lanes, newest first, after a key.
    pub async fn attempts(
        &self,
        lanes: &[i64],
        filter: &AttemptFilter,
        after: Option<&AttemptKey>,
        limit: i64,
    ) -> Result<Vec<AttemptView>, StorageError> {
        let started_at = after.and_then(|key| DateTime::from_timestamp_micros(key.started_at));
        let rows = sqlx::query_as!(
            AttemptView,
            r#"SELECT a.mapping_id AS "mapping_id!", a.started_at AS "started_at!", a.batch_id AS "batch_id!",
                      a.attempt AS "attempt!", a.outcome AS "outcome!", a.status, a.error, a.response,
                      a.event_count AS "event_count!", a.body_bytes AS "body_bytes!", a.latency_ms AS "latency_ms!"
               FROM unnest($1::bigint[]) AS lane (id) CROSS JOIN LATERAL (
                   SELECT * FROM signalpost.attempts a
                   WHERE a.mapping_id = lane.id
                     AND a.started_at >= coalesce($2, CASE WHEN $3::uuid IS NULL THEN now() - interval '1 hour'
                                                           ELSE '-infinity'::timestamptz END)
                     AND a.started_at < coalesce($4, 'infinity'::timestamptz) AND a.started_at <= coalesce($7, 'infinity'::timestamptz)
                     AND ($3 IS NULL OR a.batch_id = $3) AND ($5::text IS NULL OR a.outcome = $5)
                     AND (NOT $6 OR a.outcome <> 'delivered')
                     AND ($7 IS NULL OR (a.started_at, a.mapping_id, a.batch_id, a.attempt) < ($7, $8, $9, $10))
                   ORDER BY a.started_at DESC, a.batch_id DESC, a.attempt DESC LIMIT $11
               ) a
               ORDER BY a.started_at DESC, a.mapping_id DESC, a.batch_id DESC, a.attempt DESC LIMIT $11"#,
            lanes,
            filter.since,
            filter.batch_id,
            filter.until,
            filter.outcome,
            filter.only_failures,
            started_at,
            after.map(|key| key.mapping_id),
            after.map(|key| key.batch_id),
            after.map(|key| key.attempt),
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// Attempts of lanes that ended within the last while, oldest first; of each lane at most `limit`.
    pub async fn ended_lately(
        &self,
        lanes: &[i64],
        only_failures: bool,
        within: Duration,
        limit: i64,
    ) -> Result<Vec<AttemptView>, StorageError> {
        let rows = sqlx::query_as!(
            AttemptView,
            r#"SELECT a.mapping_id AS "mapping_id!", a.started_at AS "started_at!", a.batch_id AS "batch_id!",
                      a.attempt AS "attempt!", a.outcome AS "outcome!", a.status, a.error, a.response,
                      a.event_count AS "event_count!", a.body_bytes AS "body_bytes!", a.latency_ms AS "latency_ms!"
               FROM unnest($1::bigint[]) AS lane (id) CROSS JOIN LATERAL (
                   (SELECT * FROM signalpost.attempts a
                    WHERE a.mapping_id = lane.id AND a.started_at > now() - $3::interval AND a.outcome <> 'delivered'
                      AND a.started_at + a.latency_ms * interval '1 millisecond' > now() - $5::interval
                    ORDER BY a.started_at DESC LIMIT $6)
                   UNION ALL
                   (SELECT * FROM signalpost.attempts a
                    WHERE NOT $2 AND a.mapping_id = lane.id AND a.started_at > now() - $4::interval
                      AND a.outcome = 'delivered'
                      AND a.started_at + a.latency_ms * interval '1 millisecond' > now() - $5::interval
                    ORDER BY a.started_at DESC LIMIT $6)
               ) a
               ORDER BY a.started_at + a.latency_ms * interval '1 millisecond', a.mapping_id, a.batch_id, a.attempt"#,
            lanes,
            only_failures,
            interval(LONGEST_ATTEMPT),
            interval(USUAL_ATTEMPT),
            interval(within),
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }
}
