//! Viewing: what is configured as an operator looks at it: by name, a page at a time, without any secret.
//!
//! Invariant: pages are keyed by name, so that changes meanwhile neither hide nor repeat what did not change.

use chrono::{DateTime, Utc};
use serde_json::Value;

use signalpost_core::delivery::Delivery;
use signalpost_core::json::Numbers;
use signalpost_core::signature::SignatureMode;

use super::{CatalogStore, load::known};
use crate::StorageError;

/// A source as it is looked at.
#[derive(Debug, Clone)]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The keys it has and had, newest first.
    pub write_keys: Vec<WriteKeyView>,
}

/// A write key as it is looked at.
#[derive(Debug, Clone)]
pub struct WriteKeyView {
    /// Its number.
    pub id: i64,
    /// Its first characters.
    pub prefix: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since or from when it is refused.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A destination as it is looked at.
#[derive(Debug, Clone)]
pub struct DestinationView {
    /// Its source's name.
    pub source: String,
    /// Its name.
    pub name: String,
    /// Whether new events are queued for it.
    pub enabled: bool,
    /// What the signature covers.
    pub signature: SignatureMode,
    /// How numbers are written.
    pub numbers: Numbers,
    /// Time-outs, concurrency, retry, addresses.
    pub delivery: Delivery,
    /// Purpose and sealing key of every secret that it has.
    pub secrets: Vec<(String, String)>,
    /// Names of its mappings, by position.
    pub mappings: Vec<String>,
    /// Raised by every change.
    pub version: i64,
}

/// A mapping as it is looked at.
#[derive(Debug, Clone)]
pub struct MappingView {
    /// Its number, and that of its lane.
    pub id: i64,
    /// Its source's name.
    pub source: String,
    /// Its destination's name.
    pub destination: String,
    /// Its name.
    pub name: String,
    /// 1 to 5.
    pub position: i16,
    /// Whether new events are queued for it.
    pub enabled: bool,
    /// The condition that decides whether it wants an event.
    pub trigger: String,
    /// Segment's mapping object.
    pub fields: Value,
    /// Raised by every change.
    pub version: i64,
    /// Since when nothing of it is sent.
    pub paused_at: Option<DateTime<Utc>>,
    /// The reason given when it was paused.
    pub paused_why: Option<String>,
}

/// What a mapping was at a version.
#[derive(Debug, Clone)]
pub struct MappingVersion {
    /// As of that version.
    pub mapping: MappingView,
    /// When it became that.
    pub changed_at: DateTime<Utc>,
    /// Who made it that.
    pub changed_by: String,
}

/// Which part of the catalog, by name; each part only where the one before is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Of this source.
    pub source: Option<String>,
    /// Of this destination.
    pub destination: Option<String>,
    /// This mapping.
    pub mapping: Option<String>,
}

/// Source, destination and mapping at which a page ended; empty texts come before all names.
pub type NameKey = [String; 3];

impl CatalogStore {
    /// Sources after a name; the one of a name alone when `only` is given.
    pub async fn sources(
        &self,
        only: Option<&str>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<SourceView>, StorageError> {
        let rows = sqlx::query!(
            "SELECT id, name, created_at FROM signalpost.sources
             WHERE ($1::text IS NULL OR name = $1) AND name > $2 ORDER BY name LIMIT $3",
            only,
            after,
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let keys = sqlx::query!(
            "SELECT source_id, id, prefix, created_at, revoked_at FROM signalpost.write_keys
             WHERE source_id = ANY ($1) ORDER BY id DESC",
            &ids
        )
        .fetch_all(&self.pool)
        .await?;
        let views = rows.into_iter().map(|row| SourceView {
            write_keys: keys
                .iter()
                .filter(|key| key.source_id == row.id)
                .map(|key| WriteKeyView {
                    id: key.id,
                    prefix: key.prefix.clone(),
                    created_at: key.created_at,
                    revoked_at: key.revoked_at,
                })
                .collect(),
            name: row.name,
            created_at: row.created_at,
        });
        Ok(views.collect())
    }

    /// Destinations of a scope after a name, by source and name.
    pub async fn destinations(
        &self,
        scope: &Scope,
        after: &NameKey,
        limit: i64,
    ) -> Result<Vec<DestinationView>, StorageError> {
        let rows = sqlx::query!(
            r#"SELECT s.name AS source, d.name, d.enabled, d.signature, d.numbers,
                      d.delivery, d.version,
                      ARRAY(SELECT p.purpose FROM (
                          SELECT 0 AS rank, 'shared_secret' AS purpose WHERE d.shared_secret IS NOT NULL
                          UNION ALL SELECT 1, e.purpose FROM signalpost.destination_secrets e WHERE e.destination_id = d.id
                      ) p ORDER BY p.rank, p.purpose) AS "purposes!: Vec<String>",
                      ARRAY(SELECT p.key FROM (
                          SELECT 0 AS rank, 'shared_secret' AS purpose, d.shared_secret_key AS key
                          WHERE d.shared_secret IS NOT NULL
                          UNION ALL SELECT 1, e.purpose, e.sealing_key FROM signalpost.destination_secrets e
                          WHERE e.destination_id = d.id
                      ) p ORDER BY p.rank, p.purpose) AS "sealing_keys!: Vec<String>",
                      ARRAY(SELECT m.name FROM signalpost.mappings m WHERE m.destination_id = d.id
                            ORDER BY m.position) AS "mappings!: Vec<String>"
               FROM signalpost.destinations d JOIN signalpost.sources s ON s.id = d.source_id
               WHERE ($1::text IS NULL OR s.name = $1) AND ($2::text IS NULL OR d.name = $2)
                 AND (s.name, d.name) > ($3, $4)
               ORDER BY s.name, d.name LIMIT $5"#,
            scope.source,
            scope.destination,
            after[0],
            after[1],
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        let views = rows.into_iter().map(|row| {
            let full_name = format!("{}/{}", row.source, row.name);
            Ok(DestinationView {
                enabled: row.enabled,
                signature: known(&full_name, "signature", &row.signature)?,
                numbers: known(&full_name, "numbers", &row.numbers)?,
                delivery: serde_json::from_value(row.delivery).map_err(|error| StorageError::Unknown {
                    what: format!("the delivery settings of {full_name}"),
                    value: error.to_string(),
                })?,
                secrets: row.purposes.into_iter().zip(row.sealing_keys).collect(),
                mappings: row.mappings,
                version: row.version,
                source: row.source,
                name: row.name,
            })
        });
        views.collect()
    }

    /// Mappings of a scope after a name, by source, destination and name.
    pub async fn mappings(
        &self,
        scope: &Scope,
        after: &NameKey,
        limit: i64,
    ) -> Result<Vec<MappingView>, StorageError> {
        let views = sqlx::query_as!(
            MappingView,
            r#"SELECT m.id, s.name AS source, d.name AS destination, m.name, m.position, m.enabled, m.trigger,
                      m.fields, m.version, m.paused_at, m.paused_why
               FROM signalpost.mappings m
               JOIN signalpost.destinations d ON d.id = m.destination_id
               JOIN signalpost.sources s ON s.id = d.source_id
               WHERE ($1::text IS NULL OR s.name = $1) AND ($2::text IS NULL OR d.name = $2)
                 AND ($3::text IS NULL OR m.name = $3) AND (s.name, d.name, m.name) > ($4, $5, $6)
               ORDER BY s.name, d.name, m.name LIMIT $7"#,
            scope.source,
            scope.destination,
            scope.mapping,
            after[0],
            after[1],
            after[2],
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(views)
    }

    /// Versions of a mapping below one, newest first.
    pub async fn mapping_versions(
        &self,
        mapping_id: i64,
        below: Option<i64>,
        limit: i64,
    ) -> Result<Vec<MappingVersion>, StorageError> {
        let rows = sqlx::query!(
            r#"SELECT s.name AS source, d.name AS destination, v.name, v.position, v.enabled, v.trigger,
                      v.fields, v.version, v.changed_at, v.changed_by
               FROM signalpost.mapping_versions v
               JOIN signalpost.mappings m ON m.id = v.mapping_id
               JOIN signalpost.destinations d ON d.id = m.destination_id
               JOIN signalpost.sources s ON s.id = d.source_id
               WHERE v.mapping_id = $1 AND ($2::bigint IS NULL OR v.version < $2)
               ORDER BY v.version DESC LIMIT $3"#,
            mapping_id,
            below,
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        let versions = rows.into_iter().map(|row| MappingVersion {
            mapping: MappingView {
                id: mapping_id,
                source: row.source,
                destination: row.destination,
                name: row.name,
                position: row.position,
                enabled: row.enabled,
                trigger: row.trigger,
                fields: row.fields,
                version: row.version,
                paused_at: None,
                paused_why: None,
            },
            changed_at: row.changed_at,
            changed_by: row.changed_by,
        });
        Ok(versions.collect())
    }
}
