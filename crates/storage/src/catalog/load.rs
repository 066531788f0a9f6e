//! Loading the catalog: one consistent picture of all its tables.

use std::collections::HashMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use sqlx::{PgConnection, types::Json};

use signalpost_core::secret::Secret;

use super::{
    Catalog, CatalogStore, Destination, MappingRow, PublishToken, SealingKeyError, SealingKeys, Secrets,
    Source, WriteKey, WriteKeyHash, sealing::Sealed, secrets,
};
use crate::StorageError;

impl CatalogStore {
    /// Everything that is configured. Fails when a shared secret cannot be opened: requests would go out unsigned.
    pub async fn load(&self, keys: &SealingKeys) -> Result<Catalog, StorageError> {
        self.load_opening(|sealed, destination| keys.open(sealed, destination).map(Some)).await
    }

    /// Everything that is configured but shared secrets, which stay sealed: here no destination has one. For who signs
    /// nothing, and so needs no sealing key.
    pub async fn load_without_secrets(&self) -> Result<Catalog, StorageError> {
        self.load_opening(|_sealed, _destination| Ok(None)).await
    }

    async fn load_opening(
        &self,
        open: impl Fn(&Sealed, &str) -> Result<Option<Secret>, SealingKeyError>,
    ) -> Result<Catalog, StorageError> {
        let mut snapshot = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let version = sqlx::query_scalar!("SELECT version FROM signalpost.catalog_version")
            .fetch_one(&mut *snapshot)
            .await?;
        let sources = sqlx::query!("SELECT id, name FROM signalpost.sources ORDER BY id")
            .fetch_all(&mut *snapshot)
            .await?;
        let (mut write_keys, publish_tokens) = credentials(&mut snapshot).await?;
        let destinations = sqlx::query!(
            r#"SELECT d.id, d.source_id, s.name AS source, d.name, d.enabled, d.shared_secret, d.shared_secret_key,
                      d.signature, d.numbers, d.delivery AS "delivery: Json<serde_json::Value>"
               FROM signalpost.destinations d JOIN signalpost.sources s ON s.id = d.source_id ORDER BY d.id"#
        )
        .fetch_all(&mut *snapshot)
        .await?;
        let sealed_secrets = sqlx::query!(
            "SELECT destination_id, purpose, sealed, sealing_key FROM signalpost.destination_secrets"
        )
        .fetch_all(&mut *snapshot)
        .await?;
        let mappings = sqlx::query!(
            r#"SELECT m.id, m.destination_id, m.position, m.name, m.enabled, m.paused_at IS NOT NULL AS "paused!",
                      coalesce(p.purges, 0) AS "purges!", coalesce(r.retries, 0) AS "retries!", m.trigger,
                      m.fields AS "fields: Json<serde_json::Value>"
               FROM signalpost.mappings m
               LEFT JOIN signalpost.lane_purges p ON p.mapping_id = m.id
               LEFT JOIN signalpost.lane_retries r ON r.mapping_id = m.id
               ORDER BY m.destination_id, m.position"#
        )
        .fetch_all(&mut *snapshot)
        .await?;
        snapshot.commit().await?;

        let sources = sources.into_iter().map(|row| Source {
            id: row.id,
            name: row.name,
            write_keys: write_keys.remove(&row.id).unwrap_or_default(),
        });
        let destinations = destinations.into_iter().map(|row| {
            let name = format!("{}/{}", row.source, row.name);
            let sealed =
                row.shared_secret.zip(row.shared_secret_key).map(|(bytes, key_id)| Sealed { key_id, bytes });
            let shared_secret = sealed
                .map_or(Ok(None), |sealed| open(&sealed, &name))
                .map_err(|source| StorageError::Sealed { destination: name.clone(), source })?;
            let mut more = Secrets::default();
            for one in sealed_secrets.iter().filter(|one| one.destination_id == row.id) {
                let sealed = Sealed { key_id: one.sealing_key.clone(), bytes: one.sealed.clone() };
                let secret = open(&sealed, &secrets::owner(&name, &one.purpose))
                    .map_err(|source| StorageError::Sealed { destination: name.clone(), source })?;
                more.set(&one.purpose, secret);
            }
            Ok(Destination {
                secrets: more,
                id: row.id,
                source_id: row.source_id,
                enabled: row.enabled,
                shared_secret,
                signature: known(&name, "signature", &row.signature)?,
                numbers: known(&name, "numbers", &row.numbers)?,
                delivery: serde_json::from_value(row.delivery.0).map_err(|error| StorageError::Unknown {
                    what: format!("the delivery settings of {name}"),
                    value: error.to_string(),
                })?,
                name: row.name,
            })
        });
        let mappings = mappings.into_iter().map(|row| MappingRow {
            id: row.id,
            destination_id: row.destination_id,
            position: row.position,
            name: row.name,
            enabled: row.enabled,
            paused: row.paused,
            purges: row.purges,
            retries: row.retries,
            trigger: row.trigger,
            fields: row.fields.0,
        });
        Ok(Catalog {
            version,
            sources: sources.collect(),
            destinations: destinations.collect::<Result<_, StorageError>>()?,
            mappings: mappings.collect(),
            publish_tokens,
        })
    }
}

/// Keys by source, and tokens, that are good now.
async fn credentials(
    connection: &mut PgConnection,
) -> Result<(HashMap<i64, Vec<WriteKey>>, Vec<PublishToken>), StorageError> {
    let keys = sqlx::query!(
        r#"SELECT source_id, hash, extract(epoch FROM revoked_at - statement_timestamp())::double precision AS "ends_in: f64"
           FROM signalpost.write_keys WHERE revoked_at IS NULL OR revoked_at > statement_timestamp()"#
    )
    .fetch_all(&mut *connection)
    .await?;
    let tokens = sqlx::query!(
        r#"SELECT hash, extract(epoch FROM expires_at - statement_timestamp())::double precision AS "ends_in: f64"
           FROM signalpost.admin_tokens
           WHERE may_publish AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > statement_timestamp())"#
    )
    .fetch_all(connection)
    .await?;
    let mut by_source: HashMap<i64, Vec<WriteKey>> = HashMap::new();
    for key in keys {
        let Some(hash) = hash_of(&key.hash) else { continue };
        by_source
            .entry(key.source_id)
            .or_default()
            .push(WriteKey { hash, valid_for: remaining(key.ends_in) });
    }
    let tokens = tokens.into_iter().filter_map(|token| {
        Some(PublishToken { hash: hash_of(&token.hash)?, valid_for: remaining(token.ends_in) })
    });
    Ok((by_source, tokens.collect()))
}

fn hash_of(bytes: &[u8]) -> Option<WriteKeyHash> {
    bytes.try_into().ok()
}

/// What is left until the end of something; Postgres's clock decides.
fn remaining(seconds: Option<f64>) -> Option<Duration> {
    seconds.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

pub(super) fn known<T: DeserializeOwned>(
    destination: &str,
    column: &str,
    value: &str,
) -> Result<T, StorageError> {
    serde_json::from_value(value.into()).map_err(|_| StorageError::Unknown {
        what: format!("the column {column} of {destination}"),
        value: value.to_owned(),
    })
}
