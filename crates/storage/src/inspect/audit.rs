//! The audit log.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;

use super::Inspection;
use crate::StorageError;

/// An entry as it is looked at.
#[derive(Debug, Clone)]
pub struct AuditView {
    /// Its number.
    pub id: i64,
    /// When.
    pub done_at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub subject: String,
    /// What else there is to say.
    pub detail: Json<Value>,
}

impl Inspection {
    /// Entries that concern a source, destination or mapping and what is below it, newest first, before a number.
    pub async fn audit(
        &self,
        parent: Option<&str>,
        since: Option<DateTime<Utc>>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AuditView>, StorageError> {
        let rows = sqlx::query_as!(
            AuditView,
            r#"SELECT id, done_at, actor, action, subject AS "subject!", detail AS "detail: Json<Value>"
               FROM signalpost.audit_log
               WHERE id < coalesce($1, 9223372036854775807) AND ($2::timestamptz IS NULL OR done_at >= $2)
                 AND ($3::text IS NULL OR subject NOT LIKE 'token %' AND (
                     substr(subject, strpos(subject, ' ') + 1) = $3
                     OR starts_with(substr(subject, strpos(subject, ' ') + 1), $3 || '/')))
               ORDER BY id DESC LIMIT $4"#,
            before,
            since,
            parent,
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }
}
