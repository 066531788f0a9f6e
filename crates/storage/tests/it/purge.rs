//! Purges while what they delete is being settled.

use std::time::Duration;

use chrono::Utc;
use signalpost_storage::{Purged, PutRow, Settlement, Storage};
use signalpost_testkit::eventually;
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use crate::support::{LEASE, all, batch, call, count, execute, hold_of, lane, owner, settlement, storage};

const PURGE: &str = "purge(7, 'queued', 'shop/warehouse/orders')";

/// What a request that joined all rows of a lane and failed becomes: one row at another address.
async fn failed(storage: &Storage, settlement: Settlement) -> Settlement {
    let from: Vec<i64> = all(storage, 7).await.iter().map(|row| row.position).collect();
    let put = PutRow {
        position: -4096,
        from: from.clone(),
        event_count: 4,
        payload: Some("[0,1,2,3]".into()),
        target: None,
        attempts: 1,
        due_in: Some(Duration::ZERO),
        batch_id: Some(Uuid::from_u128(7)),
        last_error: Some("503".to_owned()),
        enqueued_at: Utc::now(),
        traces: None,
    };
    Settlement { delete: from, put: vec![put], ..settlement }
}

/// Until somebody in this database waits for a lock.
async fn somebody_waits(storage: &Storage) {
    let waiting = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("somebody waits", async || {
        let waits =
            sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {waiting}")));
        (waits.fetch_one(storage.pool()).await.unwrap() == 1).then_some(())
    })
    .await;
}

async fn run(transaction: &mut Transaction<'static, Postgres>, statements: &'static str) {
    sqlx::raw_sql(statements).execute(&mut **transaction).await.unwrap();
}

#[tokio::test]
async fn what_fails_while_it_is_purged_is_not_queued_again() {
    let storage = storage().await;
    lane(&storage).await;
    storage.queue().enqueue(&[batch(7, 2), batch(7, 2)], &[]).await.unwrap();
    let (me, holds) = owner(&storage, LEASE).await;
    let failed = [failed(&storage, settlement(hold_of(&holds, 7), 7)).await];
    let mut purge = storage.pool().begin().await.unwrap();
    run(&mut purge, "SELECT signalpost.purge(7, 'queued', 'shop/warehouse/orders')").await;
    let queue = storage.queue();
    let (settled, ()) = tokio::join!(queue.settle(me, &failed), async {
        somebody_waits(&storage).await;
        purge.commit().await.unwrap();
    });
    settled.unwrap();
    assert_eq!(count(&storage, "batches").await, 0);
    assert_eq!(count(&storage, "attempts").await, 1, "it was made, and is recorded");
}

/// A settlement under way: rows are gone and one is put in their place, neither visible yet.
async fn settling(storage: &Storage) -> Transaction<'static, Postgres> {
    let mut settling = storage.pool().begin().await.unwrap();
    run(
        &mut settling,
        "WITH gone AS (DELETE FROM signalpost.batches RETURNING enqueued_at)
         INSERT INTO signalpost.batches (mapping_id, position, event_count, payload, attempts, due_at, enqueued_at)
         SELECT 7, -4096, 2, '[0,1]', 1, now(), min(enqueued_at) FROM gone",
    )
    .await;
    settling
}

#[tokio::test]
async fn a_purge_deletes_also_what_was_being_written_anew_when_it_began() {
    for by_steps in [false, true] {
        let storage = storage().await;
        lane(&storage).await;
        storage.queue().enqueue(&[batch(7, 2)], &[]).await.unwrap();
        let settling = settling(&storage).await;
        let purge = async {
            if by_steps {
                let operate = storage.operate();
                operate
                    .purge(7, "shop/warehouse/orders", Purged::Queued, "somebody")
                    .await
                    .unwrap()
                    .to_string()
            } else {
                call(&storage, PURGE).await.unwrap()
            }
        };
        let (purged, ()) = tokio::join!(purge, async {
            somebody_waits(&storage).await;
            storage.queue().enqueue(&[batch(7, 3)], &[]).await.unwrap();
            settling.commit().await.unwrap();
        });
        assert_eq!(purged, "2");
        let left: Vec<i32> = all(&storage, 7).await.iter().map(|row| row.event_count).collect();
        assert_eq!(left, [3], "what came after it began stays");
    }
}

#[tokio::test]
async fn a_purge_that_waits_for_one_who_waits_for_it_begins_again() {
    let storage = storage().await;
    lane(&storage).await;
    storage.queue().enqueue(&[batch(7, 1), batch(7, 1)], &[]).await.unwrap();
    let mut other = storage.pool().begin().await.unwrap();
    run(
        &mut other,
        "DELETE FROM signalpost.batches WHERE position = (SELECT max(position) FROM signalpost.batches)",
    )
    .await;
    let (purged, ()) = tokio::join!(call(&storage, PURGE), async {
        somebody_waits(&storage).await;
        run(&mut other, "DELETE FROM signalpost.batches").await;
        other.commit().await.unwrap();
    });
    assert_eq!(purged.unwrap(), "0", "the other had deleted both");
    execute(&storage, "SELECT signalpost.lane_purged(7)").await;
    assert_eq!(count(&storage, "lane_purges WHERE purges = 2").await, 1, "it was told once");
}
