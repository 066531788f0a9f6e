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
    let plan = plan(&filled().await, "arrived.sql", &["'100:200:150'", "'{1,2,3}'"]).await;
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

/// The nodes of a plan that was run, each with its children's rows.
fn nodes(plan: &serde_json::Value) -> Vec<&serde_json::Value> {
    let children = plan["Plans"].as_array().into_iter().flatten().flat_map(nodes);
    std::iter::once(plan).chain(children).collect()
}

/// Runs the `queue` view as psql would, with the planner's own settings; the rows it read of each table, and whether by key.
async fn queue_view_reads(storage: &Storage, relation: &str) -> (f64, bool) {
    let mut connection = storage.pool().acquire().await.unwrap();
    for setting in ["enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin"] {
        let on = format!("SET {setting} = on");
        sqlx::raw_sql(sqlx::AssertSqlSafe(on)).execute(&mut *connection).await.unwrap();
    }
    let explain = "EXPLAIN (ANALYZE, TIMING off, FORMAT json) SELECT * FROM signalpost.queue";
    let plan: serde_json::Value = sqlx::query_scalar(explain).fetch_one(&mut *connection).await.unwrap();
    connection.close_on_drop();
    let all = nodes(&plan[0]["Plan"]);
    let reads: Vec<_> = all.iter().filter(|node| node["Relation Name"] == relation).collect();
    let rows = reads.iter().map(|node| {
        let passed =
            node["Actual Rows"].as_f64().unwrap() + node["Rows Removed by Filter"].as_f64().unwrap_or(0.0);
        passed * node["Actual Loops"].as_f64().unwrap()
    });
    let by_key = reads
        .iter()
        .all(|node| node["Node Type"] == "Index Scan" && node["Index Name"] == format!("{relation}_pkey"));
    (rows.sum(), by_key && !reads.is_empty())
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
            let (rows, by_key) = queue_view_reads(&storage, relation).await;
            assert!(by_key, "{relation} after {statistics:?}");
            assert!(rows <= 51.0 * 393.0, "{rows} rows of {relation} after {statistics:?}");
        }
    }
}
