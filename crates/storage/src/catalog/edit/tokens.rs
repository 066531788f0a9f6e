//! Admin tokens, as they are made and ended.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use signalpost_core::secret::Secret;

use super::super::{apply::difference, sealing};
use super::{Edit, EditError, taken};
use crate::time::interval;

/// What a token may do; a later one may all that an earlier one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRole {
    /// Read.
    Viewer,
    /// Also pause, resume, retry, redrive, test.
    Operator,
    /// Everything.
    Admin,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Unique, also among those that were revoked.
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
    /// Whether ingest takes events with it.
    pub may_publish: bool,
    /// The token itself; only its hash is kept.
    pub secret: Secret,
    /// How long it is valid; until revoked when none.
    pub valid_for: Option<Duration>,
}

impl Edit {
    /// Makes a token.
    pub async fn create_token(&mut self, token: &NewToken) -> Result<(), EditError> {
        sqlx::query!(
            "INSERT INTO signalpost.admin_tokens (name, role, may_publish, prefix, hash, expires_at)
             VALUES ($1, $2, $3, $4, $5, now() + $6)",
            &token.name,
            difference::word(&token.role),
            token.may_publish,
            sealing::prefix(&token.secret),
            sealing::hash(&token.secret).to_vec(),
            token.valid_for.map(interval)
        )
        .execute(&mut *self.transaction)
        .await
        .map_err(|error| taken(error, || format!("token {}", token.name)))?;
        Ok(())
    }

    /// Makes a token useless; one that is so already stays as it is.
    pub async fn revoke_token(&mut self, name: &str) -> Result<(), EditError> {
        let revoked = sqlx::query!(
            "UPDATE signalpost.admin_tokens SET revoked_at = now() WHERE name = $1 AND revoked_at IS NULL RETURNING name",
            name
        )
        .fetch_optional(&mut *self.transaction)
        .await?;
        let known = sqlx::query_scalar!("SELECT name FROM signalpost.admin_tokens WHERE name = $1", name)
            .fetch_optional(&mut *self.transaction)
            .await?;
        match revoked.map(|row| row.name).or(known) {
            Some(_) => Ok(()),
            None => Err(EditError::NotFound { what: format!("token {name}") }),
        }
    }
}
