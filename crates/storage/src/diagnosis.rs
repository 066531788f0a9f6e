//! Diagnosis: what can be known of the server and its tables, for telling people what to mend.
//!
//! Invariant: looking takes no locks but those of reading catalogs, and counts nothing.

use std::time::Duration;

use sqlx::PgPool;

use crate::StorageError;

/// What the server is, and how it is set.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the server's")]
pub struct ServerFacts {
    /// Its version, as it says it.
    pub version: String,
    /// Its clock, in seconds since 1970.
    pub clock_seconds: f64,
    /// Whether commits survive a crash of the machine.
    pub fsync: bool,
    /// `off` means that a commit may be lost although it was answered.
    pub synchronous_commit: String,
    /// Whether torn pages can be mended.
    pub full_page_writes: bool,
    /// Whether dead rows are ever removed.
    pub autovacuum: bool,
    /// How many connections it takes.
    pub connections_max: i32,
    /// How many there are.
    pub connections: i64,
    /// Bytes of this database.
    pub database_bytes: i64,
    /// Whether payloads are compressed with lz4.
    pub is_lz4: bool,
}

/// One of our tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFacts {
    /// Without the schema.
    pub name: String,
    /// Rows, by the server's estimate.
    pub live_rows: i64,
    /// Rows that are gone and still take room, by the server's estimate.
    pub dead_rows: i64,
    /// Whether autovacuum was switched off for it.
    pub is_autovacuum_off: bool,
}

/// A transaction that has been open for long: no dead row that it could still see is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTransaction {
    /// What `pg_terminate_backend` wants; 0 for a prepared transaction.
    pub pid: i32,
    /// The program that opened it, or the prepared transaction's name.
    pub program: String,
    /// The database user.
    pub user: String,
    /// `active`, `idle in transaction`, `prepared`.
    pub state: String,
    /// For how long it has been open.
    pub age: Duration,
}

/// Who delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DispatcherFacts {
    /// Dispatchers that were seen within the last minute.
    pub alive: i64,
    /// Partitions whose lease has ended, or that have no owner.
    pub unowned_partitions: i64,
}

/// Asks the server about itself. Cheap to clone.
#[derive(Clone)]
pub struct Diagnosis {
    pool: PgPool,
}

impl Diagnosis {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// What the server is, and how it is set.
    pub async fn server(&self) -> Result<ServerFacts, StorageError> {
        let facts = sqlx::query_as!(
            ServerFacts,
            r#"SELECT current_setting('server_version') AS "version!",
                      extract(epoch FROM clock_timestamp())::float8 AS "clock_seconds!",
                      current_setting('fsync')::boolean AS "fsync!",
                      current_setting('synchronous_commit') AS "synchronous_commit!",
                      current_setting('full_page_writes')::boolean AS "full_page_writes!",
                      current_setting('autovacuum')::boolean AS "autovacuum!",
                      current_setting('max_connections')::integer AS "connections_max!",
                      (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS "connections!",
                      pg_database_size(current_database()) AS "database_bytes!",
                      coalesce((SELECT bool_and(a.attcompression = 'l') FROM pg_attribute a
                                JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                                WHERE n.nspname = 'signalpost' AND c.relname IN ('batches', 'dead_batches')
                                      AND a.attname = 'payload'), false) AS "is_lz4!""#
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(facts)
    }

    /// Our tables, by name.
    pub async fn tables(&self) -> Result<Vec<TableFacts>, StorageError> {
        let tables = sqlx::query_as!(
            TableFacts,
            r#"SELECT s.relname::text AS "name!", coalesce(s.n_live_tup, 0) AS "live_rows!",
                      coalesce(s.n_dead_tup, 0) AS "dead_rows!",
                      coalesce('autovacuum_enabled=false' = ANY (c.reloptions)
                               OR 'autovacuum_enabled=off' = ANY (c.reloptions), false) AS "is_autovacuum_off!"
               FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
               WHERE s.schemaname = 'signalpost' ORDER BY s.relname"#
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(tables)
    }

    /// Transactions of this database that have been open for longer than this, oldest first.
    pub async fn open_transactions(
        &self,
        longer_than: Duration,
    ) -> Result<Vec<OpenTransaction>, StorageError> {
        let rows = sqlx::query!(
            r#"SELECT pid AS "pid!", coalesce(application_name, '') AS "program!", coalesce(usename::text, '') AS "user!",
                      coalesce(state, '') AS "state!", extract(epoch FROM now() - xact_start)::float8 AS "seconds!"
               FROM pg_stat_activity
               WHERE datname = current_database() AND backend_type = 'client backend'
                     AND xact_start < now() - make_interval(secs => $1)
               UNION ALL
               SELECT 0, gid, owner::text, 'prepared', extract(epoch FROM now() - prepared)::float8
               FROM pg_prepared_xacts
               WHERE database = current_database() AND prepared < now() - make_interval(secs => $1)
               ORDER BY 5 DESC"#,
            longer_than.as_secs_f64()
        )
        .fetch_all(&self.pool)
        .await?;
        let transaction = rows.into_iter().map(|row| OpenTransaction {
            pid: row.pid,
            program: row.program,
            user: row.user,
            state: row.state,
            age: Duration::from_secs_f64(row.seconds.max(0.0)),
        });
        Ok(transaction.collect())
    }

    /// Who delivers.
    pub async fn dispatchers(&self) -> Result<DispatcherFacts, StorageError> {
        let facts = sqlx::query_as!(
            DispatcherFacts,
            r#"SELECT (SELECT count(*) FROM signalpost.dispatchers WHERE seen_at > now() - interval '1 minute') AS "alive!",
                      (SELECT count(*) FROM signalpost.partitions
                       WHERE lease_ends_at IS NULL OR lease_ends_at < now()) AS "unowned_partitions!""#
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(facts)
    }
}
