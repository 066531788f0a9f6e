//! Plans: the statements that run all the time use their index, however the planner's statistics stand.

use std::path::Path;

use signalpost_storage::Storage;

use crate::support::{batch, storage};

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
