//! Sources and their write keys.

use std::time::Duration;

use signalpost_core::secret::Secret;

use super::super::{SealingKeys, apply, reseal, sealing};
use super::{Edit, EditError, refuse_if_queued, taken};
use crate::time::interval;

impl Edit {
    /// Makes a source.
    pub async fn create_source(&mut self, name: &str) -> Result<(), EditError> {
        sqlx::query!("INSERT INTO signalpost.sources (name) VALUES ($1)", name)
            .execute(&mut *self.transaction)
            .await
            .map_err(|error| taken(error, || format!("source {name}")))?;
        Ok(())
    }

    /// Gives a source another name; its destinations' secrets are sealed for their new names.
    pub async fn rename_source(
        &mut self,
        name: &str,
        new_name: &str,
        keys: &SealingKeys,
    ) -> Result<(), EditError> {
        let id = self.source_id(name).await?;
        let destinations =
            sqlx::query!("SELECT id, name FROM signalpost.destinations WHERE source_id = $1", id)
                .fetch_all(&mut *self.transaction)
                .await?;
        for one in destinations {
            let (before, after) = (format!("{name}/{}", one.name), format!("{new_name}/{}", one.name));
            reseal::for_another_name(&mut self.transaction, one.id, &before, &after, keys).await?;
        }
        sqlx::query!("UPDATE signalpost.sources SET name = $2 WHERE id = $1", id, new_name)
            .execute(&mut *self.transaction)
            .await
            .map_err(|error| taken(error, || format!("source {new_name}")))?;
        Ok(())
    }

    /// Removes a source and all below it, unless events wait for it.
    pub async fn delete_source(&mut self, name: &str) -> Result<(), EditError> {
        let id = self.source_id(name).await?;
        let queued = apply::statements::queued_of_source(&mut self.transaction, id).await?;
        refuse_if_queued(format!("source {name}"), queued)?;
        Ok(apply::statements::delete_source(&mut self.transaction, id).await?)
    }

    /// Lets a source use a key beside those it has; the others end after a time when one is given. Answers its number.
    pub async fn create_write_key(
        &mut self,
        source: &str,
        key: &Secret,
        revoke_others_after: Option<Duration>,
    ) -> Result<i64, EditError> {
        let source_id = self.source_id(source).await?;
        if let Some(after) = revoke_others_after {
            sqlx::query!(
                "UPDATE signalpost.write_keys SET revoked_at = now() + $2
                 WHERE source_id = $1 AND (revoked_at IS NULL OR revoked_at > now() + $2)",
                source_id,
                interval(after)
            )
            .execute(&mut *self.transaction)
            .await?;
        }
        let (hash, prefix) = (sealing::hash(key).to_vec(), sealing::prefix(key));
        sqlx::query_scalar!(
            "INSERT INTO signalpost.write_keys (hash, source_id, prefix) VALUES ($1, $2, $3) RETURNING id",
            hash,
            source_id,
            prefix
        )
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(|error| taken(error, || "write key of that value".to_owned()))
    }

    /// Ends a key after a time; one that ends sooner already is left alone.
    pub async fn revoke_write_key(
        &mut self,
        source: &str,
        id: i64,
        after: Duration,
    ) -> Result<(), EditError> {
        let source_id = self.source_id(source).await?;
        let revoked = sqlx::query!(
            "UPDATE signalpost.write_keys
             SET revoked_at = least(coalesce(revoked_at, 'infinity'::timestamptz), now() + $3)
             WHERE source_id = $1 AND id = $2",
            source_id,
            id,
            interval(after)
        )
        .execute(&mut *self.transaction)
        .await?;
        if revoked.rows_affected() == 0 {
            return Err(EditError::NotFound { what: format!("write key {id} of source {source}") });
        }
        Ok(())
    }

    pub(super) async fn source_id(&mut self, name: &str) -> Result<i64, EditError> {
        sqlx::query_scalar!("SELECT id FROM signalpost.sources WHERE name = $1", name)
            .fetch_optional(&mut *self.transaction)
            .await?
            .ok_or_else(|| EditError::NotFound { what: format!("source {name}") })
    }
}
