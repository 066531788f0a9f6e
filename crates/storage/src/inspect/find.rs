//! Finding one event by its message id, as far as what is stored still says it.
//!
//! A payload is what a mapping made of an event: the message id stands in it only when the mapping put it there.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Inspection;
use crate::StorageError;

/// A batch that holds a text.
#[derive(Debug, Clone)]
pub struct FoundBatch {
    /// Where it is, or was, in its lane.
    pub position: i64,
    /// How many events it holds.
    pub event_count: i32,
    /// How many requests carried it.
    pub attempts: i32,
    /// When the next attempt is due; none: as soon as it is its turn.
    pub due_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// The id that its requests carried.
    pub batch_id: Option<Uuid>,
    /// When its oldest event was accepted.
    pub enqueued_at: DateTime<Utc>,
    /// Why it was given up; none: it was not.
    pub reason: Option<String>,
}

/// A rejected event that was found.
#[derive(Debug, Clone)]
pub struct FoundRejected {
    /// Where in the mapping it failed.
    pub path: String,
    /// Why.
    pub reason: String,
    /// When it was accepted.
    pub rejected_at: DateTime<Utc>,
}

impl Inspection {
    /// The first batch of a lane's queue whose payload holds a text. Reads the whole lane when there is none: the
    /// statement time-out bounds it.
    pub async fn find_queued(&self, mapping_id: i64, text: &str) -> Result<Option<FoundBatch>, StorageError> {
        let found = sqlx::query_as!(
            FoundBatch,
            r#"SELECT position, event_count, attempts, due_at, last_error, batch_id, enqueued_at, NULL AS reason
               FROM signalpost.batches WHERE mapping_id = $1 AND strpos(payload, $2) > 0 ORDER BY position LIMIT 1"#,
            mapping_id,
            text
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// The same among a lane's dead letters.
    pub async fn find_dead(&self, mapping_id: i64, text: &str) -> Result<Option<FoundBatch>, StorageError> {
        let found = sqlx::query_as!(
            FoundBatch,
            r#"SELECT position, event_count, attempts, NULL::timestamptz AS due_at, last_error, batch_id, enqueued_at,
                      reason AS "reason?"
               FROM signalpost.dead_batches WHERE mapping_id = $1 AND strpos(payload, $2) > 0
               ORDER BY position LIMIT 1"#,
            mapping_id,
            text
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// The last time that a mapping could not map an event.
    pub async fn find_rejected(
        &self,
        mapping_id: i64,
        message_id: &str,
    ) -> Result<Option<FoundRejected>, StorageError> {
        let found = sqlx::query_as!(
            FoundRejected,
            "SELECT path, reason, rejected_at FROM signalpost.rejected_events
             WHERE mapping_id = $1 AND message_id = $2 ORDER BY id DESC LIMIT 1",
            mapping_id,
            message_id
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }
}
