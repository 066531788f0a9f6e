//! Plans: the statements that run all the time use their index, however the planner's statistics stand.

use std::path::Path;

use signalpost_storage::Storage;

use crate::support::{batch, execute, storage};

/// The plan of a statement in `queries/`, with its parameters set to values.
async fn plan(storage: &Storage, file: &str, values: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let values = values.join(", ");
    let mut connection = storage.pool().acquire().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PREPARE look AS {text}")))
        .execute(&mut *connection)
        .await
        .unwrap();
    let explain = format!("EXPLAIN (COSTS off) EXECUTE look ({values})");
    let lines: Vec<String> =
        sqlx::query_scalar(sqlx::AssertSqlSafe(explain)).fetch_all(&mut *connection).await.unwrap();
    sqlx::raw_sql("DEALLOCATE look").execute(&mut *connection).await.unwrap(); // the pool gives the connection out again
    lines.join("\n")
}

async fn filled() -> Storage {
    let storage = storage().await;
    for _ in 0..20 {
        storage.queue().enqueue(&(1..50).map(|lane| batch(lane, 1)).collect::<Vec<_>>(), &[]).await.unwrap();
    }
    storage
}

#[tokio::test]
async fn arrivals_come_from_the_index_of_transactions() {
    let plan = plan(&filled().await, "arrived.sql", &["'100:200:150'", "'{1,2,3}'", "262144", "10000"]).await;
    assert_eq!(plan.matches("batches_arrival").count(), 2, "{plan}");
    assert!(!plan.contains("Seq Scan on batches"), "{plan}");
}

#[tokio::test]
async fn retries_come_from_the_index_of_due_times() {
    let storage = filled().await;
    for (file, values) in [("due.sql", &["'{1}'", "'{}'", "10"][..]), ("next_due.sql", &["'{1}'"][..])] {
        let plan = plan(&storage, file, values).await;
        assert!(plan.contains("batches_due"), "{plan}");
        assert!(!plan.contains("Sort"), "{plan}");
    }
}

#[tokio::test]
async fn pages_and_loads_look_rows_up_by_key() {
    let storage = filled().await;
    for (file, values) in [
        ("page.sql", &["1", "0", "100", "false"][..]),
        ("load.sql", &["'{1,2}'", "'{10000,20000}'"][..]),
        ("backlog.sql", &["'{1,2}'"][..]),
        ("depths_of.sql", &["'{1,2}'"][..]),
    ] {
        let plan = plan(&storage, file, values).await;
        assert!(plan.contains("batches_pkey") && !plan.contains("Seq Scan on batches"), "{file}: {plan}");
    }
}

/// A table whose rows come and go is empty as often as not when the planner hears of it. What it then takes for the cheapest, reading
/// the index from end to end, meets every dead row that is not removed yet.
#[tokio::test]
async fn rows_are_looked_up_by_key_also_when_the_planner_takes_the_table_for_empty() {
    let storage = filled().await;
    execute(
        &storage,
        "ALTER TABLE signalpost.batches SET (autovacuum_enabled = off);
         UPDATE pg_class SET relpages = pg_relation_size(oid) / 8192, reltuples = 0 WHERE oid = 'signalpost.batches'::regclass",
    )
    .await;
    for (file, values, looks) in [
        ("load.sql", &["'{1,2}'", "'{10000,20000}'"][..], 1),
        ("settle.sql", &["NULL"; 54][..], 4),
        ("redrive_move.sql", &["1", "'{10000}'"][..], 1),
    ] {
        let plan = plan(&storage, file, values).await;
        let scans = plan.matches("batches_pkey on batches").count();
        let looks_of_rows = plan.matches("Index Cond: ((mapping_id = ").count();
        assert!(scans == looks && looks_of_rows >= looks, "{file}: {plan}");
        let compares = |line: &str| {
            line.contains("Join Filter") && (line.contains("position") || line.contains("p.number"))
        };
        assert!(!plan.lines().any(compares) && !plan.contains("Seq Scan on"), "{file}: {plan}");
    }
}

/// How often a table was read from end to end, and how many of its rows by key, as the session counts.
async fn counted(connection: &mut sqlx::PgConnection, relation: &str) -> (i64, i64) {
    let counted = "SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE schemaname = 'signalpost' AND relname = $1";
    sqlx::query_as(counted).bind(relation).fetch_one(connection).await.unwrap()
}

/// Asks the `queue` view as psql does, with the planner's own settings; the rows that were read of a table, none if any were
/// not by key, and what the planner thinks that the view costs.
async fn queue_view_reads(storage: &Storage, relation: &str) -> (Option<i64>, f64) {
    let mut connection = storage.pool().acquire().await.unwrap();
    connection.close_on_drop();
    let settings = "SET enable_seqscan = on; SET enable_bitmapscan = on; SET enable_hashjoin = on; SET enable_mergejoin = on;
                    SET jit = on; BEGIN";
    sqlx::raw_sql(settings).execute(&mut *connection).await.unwrap();
    // What the session counted before, it may not have handed over yet.
    let before = counted(&mut connection, relation).await;
    sqlx::raw_sql("SELECT * FROM signalpost.queue").execute(&mut *connection).await.unwrap();
    let after = counted(&mut connection, relation).await;
    let reads = (after.0 - before.0, after.1 - before.1);
    let explain = "EXPLAIN (FORMAT json) SELECT * FROM signalpost.queue";
    let plan: serde_json::Value = sqlx::query_scalar(explain).fetch_one(&mut *connection).await.unwrap();
    ((reads.0 == 0).then_some(reads.1), plan[0]["Plan"]["Total Cost"].as_f64().unwrap())
}

#[tokio::test]
async fn the_queue_view_reads_a_bounded_number_of_rows_by_key_however_much_waits_and_whatever_the_planner_knows()
 {
    let storage = storage().await;
    // 50 lanes of 2,000 rows, and one of 60,000; as many dead. The planner knows nothing of it at first.
    execute(
        &storage,
        "ALTER TABLE signalpost.batches SET (autovacuum_enabled = off);
         ALTER TABLE signalpost.dead_batches SET (autovacuum_enabled = off);
         INSERT INTO signalpost.sources (id, name) VALUES (1, 'shop');
         INSERT INTO signalpost.destinations (id, source_id, name) SELECT d, 1, 'd' || d FROM generate_series(1, 51) d;
         INSERT INTO signalpost.mappings (id, destination_id, position, name, trigger, fields) SELECT d, d, 1, 'm', '', '{}' FROM generate_series(1, 51) d;
         INSERT INTO signalpost.batches (mapping_id, event_count, payload) SELECT 1 + g % 50, 1, '[1]' FROM generate_series(1, 100000) g;
         INSERT INTO signalpost.batches (mapping_id, event_count, payload) SELECT 51, 1, '[1]' FROM generate_series(1, 60000) g;
         INSERT INTO signalpost.dead_batches (mapping_id, position, event_count, payload, attempts, enqueued_at, reason)
         SELECT mapping_id, position, event_count, payload, 1, now(), 'rejected' FROM signalpost.batches",
    )
    .await;
    for statistics in ["SELECT", "ANALYZE signalpost.batches, signalpost.dead_batches"] {
        execute(&storage, statistics).await;
        for relation in ["batches", "dead_batches"] {
            let (rows, cost) = queue_view_reads(&storage, relation).await;
            let rows = rows.unwrap_or_else(|| panic!("{relation} is not read by key after {statistics:?}"));
            assert!((51 * 8..=51 * 196).contains(&rows), "{rows} rows of {relation} after {statistics:?}");
            assert!(
                cost < 50_000.0,
                "at 100,000 Postgres compiles it, which takes longer than it does: {cost}"
            );
        }
    }
}
