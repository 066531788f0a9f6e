//! What these tests share: a storage on a fresh database, batches, and short ways to look.

use std::time::Duration;

use signalpost_storage::{
    AttemptLog, ConnectOptions, Found, Hold, NewBatch, OwnerId, Settlement, Storage, partition_of,
};
use uuid::Uuid;

pub(crate) const LEASE: Duration = Duration::from_mins(1);
pub(crate) const ALL: std::ops::Range<i16> = 0..64;

pub(crate) async fn storage() -> Storage {
    let database = signalpost_testkit::postgres().await;
    Storage::connect(&ConnectOptions {
        url: database.url.clone(),
        connections_max: 8,
        application_name: "storage tests".to_owned(),
    })
    .unwrap()
}

/// A batch of `count` numbered events for a lane.
pub(crate) fn batch(mapping_id: i64, count: i32) -> NewBatch {
    let events: Vec<String> = (0..count).map(|number| format!("{{\"n\":{number}}}")).collect();
    NewBatch {
        mapping_id,
        event_count: count,
        payload: format!("[{}]", events.join(",")),
        target: None,
        traces: None,
    }
}

pub(crate) async fn all(storage: &Storage, mapping_id: i64) -> Vec<Found> {
    storage.queue().page(mapping_id, i64::MIN, 10_000, true).await.unwrap()
}

pub(crate) async fn count(storage: &Storage, table: &str) -> i64 {
    let statement = format!("SELECT count(*) FROM signalpost.{table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(storage.pool()).await.unwrap()
}

pub(crate) async fn owner(storage: &Storage, lease: Duration) -> (OwnerId, Vec<Hold>) {
    let me = OwnerId(Uuid::new_v4());
    let owned = storage.ownership().heartbeat(me, "test", lease, &[], false).await.unwrap();
    (me, owned.holds)
}

pub(crate) fn hold_of(holds: &[Hold], mapping_id: i64) -> Hold {
    *holds.iter().find(|hold| hold.partition == partition_of(mapping_id)).expect("owned")
}

/// A settlement that so far changes nothing but the log.
pub(crate) fn settlement(hold: Hold, mapping_id: i64) -> Settlement {
    let log = AttemptLog {
        batch_id: Uuid::new_v4(),
        attempt: 1,
        outcome: "delivered",
        status: Some(200),
        error: None,
        response: None,
        event_count: 2,
        body_bytes: 17,
        started_ago: Duration::from_millis(5),
        latency: Duration::from_millis(5),
    };
    Settlement { hold, mapping_id, log: Some(log), delete: vec![], put: vec![], bury: vec![] }
}

/// A dispatcher that owns everything and is dead: its lease has ended and it was last seen long ago.
pub(crate) async fn dead_owner(storage: &Storage) -> (OwnerId, Vec<Hold>) {
    let dead = owner(storage, Duration::ZERO).await;
    sqlx::raw_sql("UPDATE signalpost.dispatchers SET seen_at = seen_at - interval '10 minutes'")
        .execute(storage.pool())
        .await
        .unwrap();
    dead
}

/// A mapping to operate on, shop/warehouse/orders; its id.
pub(crate) async fn lane(storage: &Storage) -> i64 {
    sqlx::raw_sql(
        "INSERT INTO signalpost.sources (id, name) VALUES (1, 'shop');
         INSERT INTO signalpost.destinations (id, source_id, name) VALUES (1, 1, 'warehouse');
         INSERT INTO signalpost.mappings (id, destination_id, position, name, trigger, fields) VALUES (7, 1, 1, 'orders', '', '{}')",
    )
    .execute(storage.pool())
    .await
    .unwrap();
    7
}

/// What a function of the schema returns, as text, or its error.
pub(crate) async fn call(storage: &Storage, function: &str) -> Result<String, String> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT signalpost.{function}::text")))
        .fetch_one(storage.pool())
        .await
        .map_err(|error| error.to_string())
}

/// Makes dead letters of everything that waits.
pub(crate) async fn bury_all(storage: &Storage) {
    execute(
        storage,
        "WITH gone AS (DELETE FROM signalpost.batches RETURNING *)
         INSERT INTO signalpost.dead_batches (mapping_id, position, event_count, payload, attempts, enqueued_at, reason)
         SELECT mapping_id, position, event_count, payload, 3, enqueued_at, 'rejected' FROM gone",
    )
    .await;
}

pub(crate) async fn execute(storage: &Storage, statements: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned())).execute(storage.pool()).await.unwrap();
}
