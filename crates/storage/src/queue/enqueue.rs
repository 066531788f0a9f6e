//! Enqueue: new batches in, one statement and one commit for as many as the committer gathered.

use super::Queue;
use crate::{Channel, StorageError};

/// Payloads of one mapping with one target, to be queued as one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBatch {
    /// The mapping, and so the lane.
    pub mapping_id: i64,
    /// How many events the payload holds: 1 to 4000.
    pub event_count: i32,
    /// A JSON array of as many elements.
    pub payload: String,
    /// The target's canonical JSON; none when it is taken from the mapping as it is when sent.
    pub target: Option<String>,
    /// Traceparents of calls that brought its events, separated by blanks; none: they are not traced.
    pub traces: Option<String>,
}

/// An event that a mapping wanted and could not map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRejected {
    /// The mapping that failed.
    pub mapping_id: i64,
    /// The event's messageId.
    pub message_id: String,
    /// Where in the mapping.
    pub path: String,
    /// Why.
    pub reason: String,
    /// The event as it was accepted.
    pub event: String,
}

impl Queue {
    /// Queues all of it or, on an error, nothing; when the connection broke during the commit, which of the two is unknown.
    pub async fn enqueue(&self, batches: &[NewBatch], rejected: &[NewRejected]) -> Result<(), StorageError> {
        let mapping_ids: Vec<i64> = batches.iter().map(|batch| batch.mapping_id).collect();
        let counts: Vec<i32> = batches.iter().map(|batch| batch.event_count).collect();
        let payloads: Vec<&str> = batches.iter().map(|batch| batch.payload.as_str()).collect();
        let targets: Vec<Option<&str>> = batches.iter().map(|batch| batch.target.as_deref()).collect();
        let traces: Vec<Option<&str>> = batches.iter().map(|batch| batch.traces.as_deref()).collect();
        if rejected.is_empty() {
            sqlx::query_file!(
                "queries/enqueue.sql",
                &mapping_ids,
                &counts,
                &payloads as &[&str],
                &targets as &[Option<&str>],
                &traces as &[Option<&str>]
            )
            .execute(&self.pool)
            .await?;
            return Ok(());
        }
        let text = |field: fn(&NewRejected) -> &str| rejected.iter().map(field).collect::<Vec<&str>>();
        sqlx::query_file!(
            "queries/enqueue_with_rejected.sql",
            &mapping_ids,
            &counts,
            &payloads as &[&str],
            &targets as &[Option<&str>],
            &traces as &[Option<&str>],
            &rejected.iter().map(|event| event.mapping_id).collect::<Vec<i64>>(),
            &text(|event| &event.message_id) as &[&str],
            &text(|event| &event.path) as &[&str],
            &text(|event| &event.reason) as &[&str],
            &text(|event| &event.event) as &[&str]
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Hints to the dispatchers that something was queued. Outside the transaction that queued it, whose commit would
    /// otherwise take the lock of all notifications; not worth a flush to disk.
    pub async fn wake(&self) -> Result<(), StorageError> {
        sqlx::query!(
            "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, '')",
            Channel::Batches.name()
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(())
    }
}
