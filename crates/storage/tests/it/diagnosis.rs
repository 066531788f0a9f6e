//! What doctors are told.

use std::time::Duration;

use crate::support::storage;

#[tokio::test]
async fn a_transaction_left_open_is_told_and_a_finished_one_is_not() {
    let storage = storage().await;
    let diagnosis = storage.diagnosis();
    let mut open = storage.pool().begin().await.unwrap();
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *open).await.unwrap();
    let found = diagnosis.open_transactions(Duration::ZERO).await.unwrap();
    let ours = found.iter().find(|transaction| transaction.pid == pid).expect("it is told");
    assert_eq!(ours.state, "idle in transaction");
    open.rollback().await.unwrap();
    let found = diagnosis.open_transactions(Duration::ZERO).await.unwrap();
    assert!(found.iter().all(|transaction| transaction.pid != pid));
    assert!(diagnosis.open_transactions(Duration::from_hours(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_server_and_its_tables_are_told() {
    let storage = storage().await;
    let diagnosis = storage.diagnosis();
    let server = diagnosis.server().await.unwrap();
    assert!(
        server.autovacuum && server.is_lz4 && server.connections > 0 && server.database_bytes > 0,
        "{server:?}"
    );
    let tables = diagnosis.tables().await.unwrap();
    assert!(tables.iter().any(|table| table.name == "batches" && !table.is_autovacuum_off));
    assert_eq!(diagnosis.dispatchers().await.unwrap().alive, 0);
}
