//! The schema: brought up to date by `migrate`, and refused when this build does not know it.

use std::collections::HashSet;

use sqlx::{Connection, PgConnection, migrate::Migrator};

use crate::StorageError;

/// Every migration of this build, in order.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// What `migrate` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The migrations that were applied now, by description.
    pub applied: Vec<String>,
}

/// Applies what is missing. Safe to run from several processes at once: they take turns.
pub async fn migrate(url: &str) -> Result<Migrated, StorageError> {
    let mut connection = PgConnection::connect(url).await?;
    // A user called `signalpost` has the schema of that name before `public` in its path: what is recorded of the
    // migrations would be looked for there once the schema exists, and everything would be applied again.
    sqlx::raw_sql("SET search_path TO public").execute(&mut connection).await?;
    let before = applied(&mut connection).await?;
    MIGRATOR.run(&mut connection).await?;
    connection.close().await?;
    let new = MIGRATOR.iter().filter(|migration| !before.contains(&migration.version));
    Ok(Migrated { applied: new.map(|migration| migration.description.to_string()).collect() })
}

/// Succeeds when exactly the migrations of this build are applied.
pub(crate) async fn check(connection: &mut PgConnection) -> Result<(), StorageError> {
    let applied = applied(connection).await?;
    let known: HashSet<i64> = MIGRATOR.iter().map(|migration| migration.version).collect();
    if let Some(&version) = applied.difference(&known).min() {
        return Err(StorageError::SchemaAhead { version });
    }
    match known.difference(&applied).count() {
        0 => Ok(()),
        missing => Err(StorageError::SchemaBehind { missing }),
    }
}

/// The versions that the database has; none when nothing was ever migrated.
async fn applied(connection: &mut PgConnection) -> Result<HashSet<i64>, StorageError> {
    let known = sqlx::query_scalar!(r#"SELECT to_regclass('_sqlx_migrations') IS NOT NULL AS "known!""#)
        .fetch_one(&mut *connection)
        .await?;
    if !known {
        return Ok(HashSet::new());
    }
    let versions = sqlx::query_scalar!("SELECT version FROM _sqlx_migrations WHERE success")
        .fetch_all(&mut *connection)
        .await?;
    Ok(versions.into_iter().collect())
}
