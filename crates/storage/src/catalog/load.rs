//! Loading the catalog: one consistent picture of all its tables.

use serde::de::DeserializeOwned;
use sqlx::types::Json;

use signalpost_core::secret::Secret;

use super::{
    Catalog, CatalogStore, Destination, MappingRow, SealingKeyError, SealingKeys, Secrets, Source,
    WriteKeyHash, sealing::Sealed, secrets,
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
        let sources = sqlx::query!(
            r#"SELECT s.id, s.name,
                      array_remove(array_agg(k.hash) FILTER (WHERE k.revoked_at IS NULL), NULL) AS "hashes: Vec<Vec<u8>>"
               FROM signalpost.sources s LEFT JOIN signalpost.write_keys k ON k.source_id = s.id
               GROUP BY s.id ORDER BY s.id"#
        )
        .fetch_all(&mut *snapshot)
        .await?;
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
            r#"SELECT id, destination_id, position, name, enabled, paused_at IS NOT NULL AS "paused!", trigger,
                      fields AS "fields: Json<serde_json::Value>"
               FROM signalpost.mappings ORDER BY destination_id, position"#
        )
        .fetch_all(&mut *snapshot)
        .await?;
        snapshot.commit().await?;

        let sources = sources.into_iter().map(|row| Source {
            id: row.id,
            name: row.name,
            write_keys: row.hashes.unwrap_or_default().iter().filter_map(|hash| hash_of(hash)).collect(),
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
            trigger: row.trigger,
            fields: row.fields.0,
        });
        Ok(Catalog {
            version,
            sources: sources.collect(),
            destinations: destinations.collect::<Result<_, StorageError>>()?,
            mappings: mappings.collect(),
        })
    }
}

fn hash_of(bytes: &[u8]) -> Option<WriteKeyHash> {
    bytes.try_into().ok()
}

fn known<T: DeserializeOwned>(destination: &str, column: &str, value: &str) -> Result<T, StorageError> {
    serde_json::from_value(value.into()).map_err(|_| StorageError::Unknown {
        what: format!("the column {column} of {destination}"),
        value: value.to_owned(),
    })
}
