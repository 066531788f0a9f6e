//! The statements of applying, inside the caller's transaction.

use sqlx::{PgConnection, types::Json};

use super::{
    super::{WantedDestination, WantedMapping, sealing::Sealed},
    difference::{self, StoredDestination, StoredMapping},
};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Two who apply at once take turns; mappings may change places within the transaction.
pub(in crate::catalog) async fn take_turns(connection: &mut PgConnection) -> Result<()> {
    sqlx::query!("SELECT version FROM signalpost.catalog_version FOR UPDATE")
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query!("SET CONSTRAINTS ALL DEFERRED").execute(connection).await?;
    Ok(())
}

/// The source's id, and whether it is new.
pub(in crate::catalog) async fn source(connection: &mut PgConnection, name: &str) -> Result<(i64, bool)> {
    let known = sqlx::query_scalar!("SELECT id FROM signalpost.sources WHERE name = $1", name)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(id) = known {
        return Ok((id, false));
    }
    let id = sqlx::query_scalar!("INSERT INTO signalpost.sources (name) VALUES ($1) RETURNING id", name)
        .fetch_one(connection)
        .await?;
    Ok((id, true))
}

/// Lets the source use a key; whether that is new. None when the key is another source's.
pub(in crate::catalog) async fn grant(
    connection: &mut PgConnection,
    source_id: i64,
    hash: &[u8],
    prefix: &str,
) -> Result<Option<bool>> {
    let known = sqlx::query!("SELECT source_id, revoked_at FROM signalpost.write_keys WHERE hash = $1", hash)
        .fetch_optional(&mut *connection)
        .await?;
    match known {
        Some(known) if known.source_id != source_id => Ok(None),
        Some(known) if known.revoked_at.is_none() => Ok(Some(false)),
        _ => {
            sqlx::query!(
                "INSERT INTO signalpost.write_keys (hash, source_id, prefix) VALUES ($1, $2, $3)
                 ON CONFLICT (hash) DO UPDATE SET revoked_at = NULL",
                hash,
                source_id,
                prefix
            )
            .execute(connection)
            .await?;
            Ok(Some(true))
        }
    }
}

/// Revokes the source's keys but these; returns the prefixes of those that it had.
pub(in crate::catalog) async fn revoke_others(
    connection: &mut PgConnection,
    source_id: i64,
    hashes: &[Vec<u8>],
) -> Result<Vec<String>> {
    let others = sqlx::query_scalar!(
        "SELECT hash FROM signalpost.write_keys WHERE source_id = $1 AND hash <> ALL ($2) AND revoked_at IS NULL",
        source_id,
        hashes
    )
    .fetch_all(&mut *connection)
    .await?;
    if others.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar!(
        "UPDATE signalpost.write_keys SET revoked_at = now() WHERE hash = ANY ($1) RETURNING prefix",
        &others
    )
    .fetch_all(connection)
    .await
}

pub(in crate::catalog) async fn destination(
    connection: &mut PgConnection,
    source_id: i64,
    name: &str,
) -> Result<Option<StoredDestination>> {
    let row = sqlx::query!(
        r#"SELECT id, enabled, shared_secret, shared_secret_key, signature, numbers,
                  delivery AS "delivery: Json<serde_json::Value>"
           FROM signalpost.destinations WHERE source_id = $1 AND name = $2"#,
        source_id,
        name
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let secrets = sqlx::query!(
        "SELECT purpose, sealed, sealing_key FROM signalpost.destination_secrets WHERE destination_id = $1",
        row.id
    )
    .fetch_all(connection)
    .await?;
    let secrets =
        secrets.into_iter().map(|one| (one.purpose, Sealed { key_id: one.sealing_key, bytes: one.sealed }));
    Ok(Some(StoredDestination {
        id: row.id,
        secrets: secrets.collect(),
        enabled: row.enabled,
        sealed: row.shared_secret.zip(row.shared_secret_key).map(|(bytes, key_id)| Sealed { key_id, bytes }),
        signature: row.signature,
        numbers: row.numbers,
        delivery: row.delivery.0,
    }))
}

pub(in crate::catalog) async fn put_destination(
    connection: &mut PgConnection,
    source_id: i64,
    wanted: &WantedDestination,
    sealed: Option<Sealed>,
) -> Result<i64> {
    let (bytes, key_id) = sealed.map(|sealed| (sealed.bytes, sealed.key_id)).unzip();
    sqlx::query_scalar!(
        "INSERT INTO signalpost.destinations
             (source_id, name, enabled, shared_secret, shared_secret_key, signature, numbers, delivery)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::json)
         ON CONFLICT (source_id, name) DO UPDATE
         SET enabled = excluded.enabled, shared_secret = excluded.shared_secret,
             shared_secret_key = excluded.shared_secret_key, signature = excluded.signature,
             numbers = excluded.numbers, delivery = excluded.delivery
         RETURNING id",
        source_id,
        &wanted.name,
        wanted.enabled,
        bytes,
        key_id,
        difference::word(&wanted.signature),
        difference::word(&wanted.numbers),
        difference::settings(wanted).to_string()
    )
    .fetch_one(connection)
    .await
}

/// Makes one of a destination's further secrets this; none: removes it.
pub(in crate::catalog) async fn put_secret(
    connection: &mut PgConnection,
    destination_id: i64,
    purpose: &str,
    sealed: Option<Sealed>,
) -> Result<()> {
    match sealed {
        Some(sealed) => {
            sqlx::query!(
                "INSERT INTO signalpost.destination_secrets (destination_id, purpose, sealed, sealing_key)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (destination_id, purpose) DO UPDATE
             SET sealed = excluded.sealed, sealing_key = excluded.sealing_key",
                destination_id,
                purpose,
                sealed.bytes,
                sealed.key_id
            )
            .execute(connection)
            .await?
        }
        None => {
            sqlx::query!(
                "DELETE FROM signalpost.destination_secrets WHERE destination_id = $1 AND purpose = $2",
                destination_id,
                purpose
            )
            .execute(connection)
            .await?
        }
    };
    Ok(())
}

pub(in crate::catalog) async fn mappings(
    connection: &mut PgConnection,
    destination_id: i64,
) -> Result<Vec<StoredMapping>> {
    let rows = sqlx::query!(
        r#"SELECT id, name, position, enabled, trigger, fields AS "fields: Json<serde_json::Value>"
           FROM signalpost.mappings WHERE destination_id = $1 ORDER BY position"#,
        destination_id
    )
    .fetch_all(connection)
    .await?;
    let stored = rows.into_iter().map(|row| StoredMapping {
        id: row.id,
        name: row.name,
        position: row.position,
        enabled: row.enabled,
        trigger: row.trigger,
        fields: row.fields.0,
    });
    Ok(stored.collect())
}

pub(in crate::catalog) async fn put_mapping(
    connection: &mut PgConnection,
    destination_id: i64,
    position: i16,
    wanted: &WantedMapping,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO signalpost.mappings (destination_id, position, name, enabled, trigger, fields)
         VALUES ($1, $2, $3, $4, $5, $6::text::json)
         ON CONFLICT (destination_id, name) DO UPDATE
         SET position = excluded.position, enabled = excluded.enabled, trigger = excluded.trigger,
             fields = excluded.fields",
        destination_id,
        position,
        &wanted.name,
        wanted.enabled,
        &wanted.trigger,
        wanted.fields.to_string() // as text: the order of its keys counts, and a jsonb parameter would lose it
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(in crate::catalog) async fn move_mapping(
    connection: &mut PgConnection,
    id: i64,
    position: i16,
) -> Result<()> {
    sqlx::query!("UPDATE signalpost.mappings SET position = $2 WHERE id = $1", id, position)
        .execute(connection)
        .await?;
    Ok(())
}

pub(in crate::catalog) async fn other_sources(
    connection: &mut PgConnection,
    listed: &[&str],
) -> Result<Vec<(i64, String)>> {
    let rows = sqlx::query!(
        "SELECT id, name FROM signalpost.sources WHERE name <> ALL ($1) ORDER BY name",
        listed as &[&str]
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

pub(in crate::catalog) async fn other_destinations(
    connection: &mut PgConnection,
    source_id: i64,
    listed: &[&str],
) -> Result<Vec<(i64, String)>> {
    let rows = sqlx::query!(
        "SELECT id, name FROM signalpost.destinations WHERE source_id = $1 AND name <> ALL ($2) ORDER BY name",
        source_id,
        listed as &[&str]
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

pub(in crate::catalog) async fn queued_of_source(connection: &mut PgConnection, id: i64) -> Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(sum(b.event_count), 0) AS "events!" FROM signalpost.batches b
           WHERE b.mapping_id IN (SELECT m.id FROM signalpost.mappings m
                                  JOIN signalpost.destinations d ON d.id = m.destination_id WHERE d.source_id = $1)"#,
        id
    )
    .fetch_one(connection)
    .await
}

pub(in crate::catalog) async fn queued_of_destination(connection: &mut PgConnection, id: i64) -> Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(sum(b.event_count), 0) AS "events!" FROM signalpost.batches b
           WHERE b.mapping_id IN (SELECT m.id FROM signalpost.mappings m WHERE m.destination_id = $1)"#,
        id
    )
    .fetch_one(connection)
    .await
}

pub(in crate::catalog) async fn queued_of_mapping(connection: &mut PgConnection, id: i64) -> Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(sum(event_count), 0) AS "events!" FROM signalpost.batches WHERE mapping_id = $1"#,
        id
    )
    .fetch_one(connection)
    .await
}

pub(in crate::catalog) async fn delete_source(connection: &mut PgConnection, id: i64) -> Result<()> {
    sqlx::query!("DELETE FROM signalpost.sources WHERE id = $1", id).execute(connection).await?;
    Ok(())
}

pub(in crate::catalog) async fn delete_destination(connection: &mut PgConnection, id: i64) -> Result<()> {
    sqlx::query!("DELETE FROM signalpost.destinations WHERE id = $1", id).execute(connection).await?;
    Ok(())
}

pub(in crate::catalog) async fn delete_mapping(connection: &mut PgConnection, id: i64) -> Result<()> {
    sqlx::query!("DELETE FROM signalpost.mappings WHERE id = $1", id).execute(connection).await?;
    Ok(())
}
