//! Resealing: stored secrets sealed anew, with another key or for another name.
//!
//! Invariants: what a secret is does not change; a step is one short transaction, so that deliveries go on; a secret that
//! cannot be opened stays as it is and is told.

use sqlx::PgConnection;

use super::{CatalogStore, EditError, SealingKeyError, SealingKeys, sealing::Sealed, secrets};
use crate::StorageError;

/// How many destinations one step takes.
const STEP: i64 = 50;

/// What resealing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// How many secrets were sealed with another key before.
    pub resealed: u32,
    /// How many were sealed with the first key already.
    pub current: u32,
}

impl CatalogStore {
    /// Seals every stored secret that is not sealed with the first key anew with it.
    pub async fn reseal(&self, actor: &str, keys: &SealingKeys) -> Result<Resealed, EditError> {
        let mut done = Resealed::default();
        let mut after = 0;
        let mut failed = None;
        loop {
            let mut edit = self.edit(actor).await?;
            let connection = edit.connection();
            let step = sqlx::query!(
                "SELECT d.id, s.name || '/' || d.name AS \"name!\" FROM signalpost.destinations d
                 JOIN signalpost.sources s ON s.id = d.source_id WHERE d.id > $1 ORDER BY d.id LIMIT $2",
                after,
                STEP
            )
            .fetch_all(&mut *connection)
            .await?;
            let Some(last) = step.last() else { break };
            after = last.id;
            resealing(connection, true).await?;
            for one in step {
                match reseal(connection, one.id, &one.name, &one.name, keys, false).await {
                    Ok((resealed, current)) => {
                        done.resealed += resealed;
                        done.current += current;
                    }
                    Err(error @ EditError::Seal { .. }) => failed = failed.or(Some(error)),
                    Err(error) => return Err(error),
                }
            }
            edit.commit().await?;
        }
        failed.map_or(Ok(done), Err)
    }
}

/// A destination's secrets are sealed for its name: a new name needs them sealed anew.
pub(super) async fn for_another_name(
    connection: &mut PgConnection,
    destination_id: i64,
    before: &str,
    after: &str,
    keys: &SealingKeys,
) -> Result<(), EditError> {
    resealing(connection, true).await?;
    reseal(connection, destination_id, before, after, keys, true).await?;
    Ok(resealing(connection, false).await?)
}

/// How many secrets were sealed anew, and how many did not need it.
async fn reseal(
    connection: &mut PgConnection,
    destination_id: i64,
    before: &str,
    after: &str,
    keys: &SealingKeys,
    even_current: bool,
) -> Result<(u32, u32), EditError> {
    let again = |sealed: &Sealed, from: &str, to: &str| -> Result<Option<Sealed>, EditError> {
        if keys.seals_with(&sealed.key_id) && !even_current {
            return Ok(None);
        }
        let anew = keys.open(sealed, from).and_then(|secret| keys.seal(&secret, to));
        anew.map(Some).map_err(|source| seal_error(before, source))
    };
    // Opened before anything is written: a destination is sealed anew as a whole or not at all.
    let mut anew = Vec::new();
    let mut current = 0;
    let stored = sqlx::query!(
        "SELECT NULL AS purpose, shared_secret AS \"sealed!\", shared_secret_key AS \"sealing_key!\"
         FROM signalpost.destinations WHERE id = $1 AND shared_secret IS NOT NULL
         UNION ALL
         SELECT purpose, sealed, sealing_key FROM signalpost.destination_secrets WHERE destination_id = $1",
        destination_id
    )
    .fetch_all(&mut *connection)
    .await?;
    for one in stored {
        let owner = |name: &str| match &one.purpose {
            None => name.to_owned(),
            Some(purpose) => secrets::owner(name, purpose),
        };
        let sealed = Sealed { key_id: one.sealing_key, bytes: one.sealed };
        match again(&sealed, &owner(before), &owner(after))? {
            Some(sealed) => anew.push((one.purpose, sealed)),
            None => current += 1,
        }
    }
    let resealed = u32::try_from(anew.len()).unwrap_or(u32::MAX);
    for (purpose, sealed) in anew {
        write(connection, destination_id, purpose, sealed).await?;
    }
    Ok((resealed, current))
}

async fn write(
    connection: &mut PgConnection,
    destination_id: i64,
    purpose: Option<String>,
    sealed: Sealed,
) -> Result<(), StorageError> {
    if let Some(purpose) = purpose {
        sqlx::query!(
            "UPDATE signalpost.destination_secrets SET sealed = $3, sealing_key = $4
             WHERE destination_id = $1 AND purpose = $2",
            destination_id,
            purpose,
            sealed.bytes,
            sealed.key_id
        )
        .execute(connection)
        .await?;
    } else {
        sqlx::query!(
            "UPDATE signalpost.destinations SET shared_secret = $2, shared_secret_key = $3 WHERE id = $1",
            destination_id,
            sealed.bytes,
            sealed.key_id
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Tells the audit log's triggers that no secret changes.
async fn resealing(connection: &mut PgConnection, is_on: bool) -> Result<(), StorageError> {
    let word = if is_on { "on" } else { "off" };
    sqlx::query!("SELECT set_config('signalpost.resealing', $1, true)", word).fetch_one(connection).await?;
    Ok(())
}

fn seal_error(destination: &str, source: SealingKeyError) -> EditError {
    EditError::Seal { destination: destination.to_owned(), source }
}
