//! The schema as a public interface, and the recorded statements that build without a database.

use std::path::Path;

use signalpost_testkit::postgres::Cluster;
use sqlx::{Column, Connection, Executor, SqlSafeStr, Statement, TypeInfo};

use crate::support::storage;

#[tokio::test]
async fn a_user_of_the_schemas_own_name_migrates_twice() {
    let cluster = Cluster::dedicated().await;
    let empty = cluster.empty_database().await;
    let mut root = sqlx::PgConnection::connect(&empty.url).await.unwrap();
    root.execute("CREATE ROLE signalpost LOGIN SUPERUSER").await.unwrap();
    let url = empty.url.replace("postgres@", "signalpost@");
    let first = signalpost_storage::migrate(&url).await.unwrap();
    assert!(!first.applied.is_empty());
    let again = signalpost_storage::migrate(&url).await.unwrap();
    assert!(again.applied.is_empty(), "{:?}", again.applied);
}

#[tokio::test]
async fn a_migrated_database_is_ready_and_an_empty_or_newer_one_says_what_to_do() {
    let storage = storage().await;
    storage.ready().await.unwrap();
    sqlx::raw_sql("UPDATE _sqlx_migrations SET version = 99990101000000 WHERE version = (SELECT max(version) FROM _sqlx_migrations)")
        .execute(storage.pool())
        .await
        .unwrap();
    let error = storage.ready().await.unwrap_err().to_string();
    assert!(error.contains("newer than this build"), "{error}");
    sqlx::raw_sql("DROP TABLE _sqlx_migrations").execute(storage.pool()).await.unwrap();
    let error = storage.ready().await.unwrap_err().to_string();
    assert!(error.contains("run `signalpost migrate`"), "{error}");
}

#[tokio::test]
async fn every_table_view_column_and_function_has_a_comment() {
    let storage = storage().await;
    let bare: Vec<String> = sqlx::query_scalar(
        r"SELECT c.relname || coalesce('.' || a.attname, '')
          FROM pg_class c
          LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind <> 'v'
          WHERE c.relnamespace = 'signalpost'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
            AND (obj_description(c.oid) IS NULL OR (a.attnum IS NOT NULL AND col_description(c.oid, a.attnum) IS NULL))
          UNION ALL
          SELECT proname || '()' FROM pg_proc WHERE pronamespace = 'signalpost'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL",
    )
    .fetch_all(storage.pool())
    .await
    .unwrap();
    assert!(bare.is_empty(), "without a comment: {bare:?}");
}

/// `.sqlx` holds what the checked statements looked like when they were recorded. Each must still mean the same.
#[tokio::test]
async fn the_recorded_statements_are_those_of_this_schema() {
    let storage = storage().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.sqlx");
    let mut connection = storage.pool().acquire().await.unwrap();
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let recorded: serde_json::Value =
            serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let text = recorded["query"].as_str().unwrap().to_owned();
        let statement = connection.prepare(sqlx::AssertSqlSafe(text.clone()).into_sql_str()).await;
        let statement = statement.unwrap_or_else(|error| panic!("{error}\n{text}"));
        let now: Vec<String> =
            statement.columns().iter().map(|column| column.type_info().name().to_owned()).collect();
        let then: Vec<String> = recorded["describe"]["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| column["type_info"].as_str().unwrap_or("custom").to_uppercase())
            .collect();
        assert_eq!(now.len(), then.len(), "{text}");
        checked += 1;
    }
    assert!(checked > 30, "{checked} statements");
}

#[tokio::test]
async fn the_delivery_log_has_tables_for_the_coming_days_and_drops_old_ones() {
    let storage = storage().await;
    assert!(storage.retention().maintain_attempts(7).await.unwrap().is_empty(), "migrating made them");
    sqlx::raw_sql(
        "CREATE TABLE signalpost.attempts_20200101 PARTITION OF signalpost.attempts FOR VALUES FROM ('2020-01-01Z') TO ('2020-01-02Z')",
    )
    .execute(storage.pool())
    .await
    .unwrap();
    assert_eq!(storage.retention().maintain_attempts(7).await.unwrap(), ["dropped attempts_20200101"]);
}

#[tokio::test]
async fn who_reads_the_delivery_log_keeps_it_and_holds_up_no_settlement() {
    let storage = storage().await;
    sqlx::raw_sql(
        "CREATE TABLE signalpost.attempts_20200101 PARTITION OF signalpost.attempts FOR VALUES FROM ('2020-01-01Z') TO ('2020-01-02Z')",
    )
    .execute(storage.pool())
    .await
    .unwrap();
    let mut reader = storage.pool().begin().await.unwrap();
    sqlx::raw_sql("SELECT count(*) FROM signalpost.attempts").execute(&mut *reader).await.unwrap();
    assert!(storage.retention().maintain_attempts(7).await.is_err(), "it waits for the reader only shortly");
    reader.rollback().await.unwrap();
    assert_eq!(storage.retention().maintain_attempts(7).await.unwrap(), ["dropped attempts_20200101"]);
}
