//! Events that a mapping could not map.

use chrono::{DateTime, Utc};

use super::Inspection;
use crate::StorageError;

/// A rejected event as it is looked at.
#[derive(Debug, Clone)]
pub struct RejectedView {
    /// The lane.
    pub mapping_id: i64,
    /// Its number; later ones have higher ones.
    pub id: i64,
    /// Its `messageId`.
    pub message_id: String,
    /// Where in the mapping it failed.
    pub path: String,
    /// Why.
    pub reason: String,
    /// The event, as JSON.
    pub event: String,
    /// When it was accepted.
    pub rejected_at: DateTime<Utc>,
}

impl Inspection {
    /// Rejected events of lanes, newest first, before a number.
    pub async fn rejected(
        &self,
        lanes: &[i64],
        since: Option<DateTime<Utc>>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<RejectedView>, StorageError> {
        let rows = sqlx::query_as!(
            RejectedView,
            r#"SELECT r.mapping_id AS "mapping_id!", r.id AS "id!", r.message_id AS "message_id!", r.path AS "path!",
                      r.reason AS "reason!", r.event AS "event!", r.rejected_at AS "rejected_at!"
               FROM unnest($1::bigint[]) AS lane (id) CROSS JOIN LATERAL (
                   SELECT * FROM signalpost.rejected_events r
                   WHERE r.mapping_id = lane.id AND r.id < coalesce($3, 9223372036854775807)
                     AND r.rejected_at >= coalesce($2, '-infinity'::timestamptz)
                   ORDER BY r.id DESC LIMIT $4
               ) r
               ORDER BY r.id DESC LIMIT $4"#,
            lanes,
            since,
            before,
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }
}
