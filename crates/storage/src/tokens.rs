//! Tokens: who may call `AdminService`, as it is asked on every call.
//!
//! Invariants: a token is looked up by its hash, so how long that takes tells nothing about the tokens there are; one
//! that is expired or revoked is not found.

use chrono::{DateTime, Utc};
use signalpost_core::secret::Secret;
use sqlx::PgPool;

use crate::StorageError;
use crate::catalog::{TokenRole, hash};

/// A token that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodToken {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
}

/// A token as it is looked at.
#[derive(Debug, Clone)]
pub struct TokenView {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
    /// Whether ingest takes events with it.
    pub may_publish: bool,
    /// Its first characters.
    pub prefix: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when it is refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when it is refused.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// The tokens. Cheap to clone.
#[derive(Clone)]
pub struct TokenStore {
    pool: PgPool,
}

impl TokenStore {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The token with this secret, if it is good.
    pub async fn good(&self, secret: &Secret) -> Result<Option<GoodToken>, StorageError> {
        let hash = hash(secret);
        let found = sqlx::query!(
            "SELECT name, role FROM signalpost.admin_tokens
             WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())",
            hash.as_slice()
        )
        .fetch_optional(&self.pool)
        .await?;
        found.map(|row| Ok(GoodToken { role: role(&row.name, &row.role)?, name: row.name })).transpose()
    }

    /// Tokens after a name; the one of a name alone when `only` is given.
    pub async fn list(
        &self,
        only: Option<&str>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<TokenView>, StorageError> {
        let rows = sqlx::query!(
            "SELECT name, role, may_publish, prefix, created_at, expires_at, revoked_at FROM signalpost.admin_tokens
             WHERE ($1::text IS NULL OR name = $1) AND name > $2 ORDER BY name LIMIT $3",
            only,
            after,
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        let views = rows.into_iter().map(|row| {
            Ok(TokenView {
                role: role(&row.name, &row.role)?,
                name: row.name,
                may_publish: row.may_publish,
                prefix: row.prefix,
                created_at: row.created_at,
                expires_at: row.expires_at,
                revoked_at: row.revoked_at,
            })
        });
        views.collect()
    }
}

fn role(token: &str, word: &str) -> Result<TokenRole, StorageError> {
    serde_json::from_value(word.into()).map_err(|_| StorageError::Unknown {
        what: format!("the role of token {token}"),
        value: word.to_owned(),
    })
}
