//! Fencing: only the owner of a partition's current epoch settles.

use signalpost_storage::Settled;

use crate::support::{LEASE, all, batch, count, dead_owner, hold_of, owner, settlement, storage};

const LANE: i64 = 9;

#[tokio::test]
async fn an_owner_that_lost_its_partition_settles_nothing() {
    let storage = storage().await;
    storage.queue().enqueue(&[batch(LANE, 1)], &[]).await.unwrap();
    let row = all(&storage, LANE).await[0];
    let (late, lost) = dead_owner(&storage).await;
    let (now, held) = owner(&storage, LEASE).await;
    assert_eq!(hold_of(&held, LANE).epoch, hold_of(&lost, LANE).epoch + 1);

    let mut done = settlement(hold_of(&lost, LANE), LANE);
    done.delete = vec![row.position];
    assert_eq!(storage.queue().settle(late, &[done.clone()]).await.unwrap(), [Settled::Stale]);
    assert_eq!(all(&storage, LANE).await, [row]);
    assert_eq!(count(&storage, "attempts").await, 0);

    done.hold = hold_of(&held, LANE);
    assert_eq!(storage.queue().settle(now, &[done]).await.unwrap(), [Settled::Done]);
    assert!(all(&storage, LANE).await.is_empty());
}

#[tokio::test]
async fn a_stale_settlement_has_no_effect_beside_a_good_one_of_the_same_partition() {
    let storage = storage().await;
    storage.queue().enqueue(&[batch(LANE, 1), batch(LANE, 1)], &[]).await.unwrap();
    let rows = all(&storage, LANE).await;
    let (me, held) = owner(&storage, LEASE).await;
    let mut good = settlement(hold_of(&held, LANE), LANE);
    good.delete = vec![rows[0].position];
    let mut stale = good.clone();
    stale.hold.epoch -= 1;
    stale.delete = vec![rows[1].position];
    let settled = storage.queue().settle(me, &[stale, good]).await.unwrap();
    assert_eq!(settled, [Settled::Stale, Settled::Done]);
    assert_eq!(all(&storage, LANE).await, [rows[1]]);
}

#[tokio::test]
async fn a_lease_that_ran_out_while_nobody_else_took_over_still_settles() {
    let storage = storage().await;
    storage.queue().enqueue(&[batch(LANE, 1)], &[]).await.unwrap();
    let row = all(&storage, LANE).await[0];
    let (me, held) = dead_owner(&storage).await;
    let mut done = settlement(hold_of(&held, LANE), LANE);
    done.delete = vec![row.position];
    assert_eq!(storage.queue().settle(me, &[done]).await.unwrap(), [Settled::Done]);
}

#[tokio::test]
async fn a_new_owner_passes_over_what_is_being_settled_and_a_heartbeat_does_not_wait() {
    let storage = storage().await;
    let (me, _) = dead_owner(&storage).await;
    let mut settling = storage.pool().begin().await.unwrap();
    sqlx::query_scalar::<_, i16>(
        "SELECT number FROM signalpost.partitions WHERE owner = $1 FOR KEY SHARE OF partitions",
    )
    .bind(me.0)
    .fetch_all(&mut *settling)
    .await
    .unwrap();
    let renewed =
        storage.ownership().heartbeat(me, "me", std::time::Duration::ZERO, &[], false).await.unwrap();
    assert_eq!(renewed.holds.len(), 64, "renewing does not wait");
    sqlx::raw_sql("DELETE FROM signalpost.dispatchers").execute(storage.pool()).await.unwrap();
    let (_, other) = owner(&storage, LEASE).await;
    assert!(other.is_empty(), "what is being settled is passed over");
    settling.rollback().await.unwrap();
    sqlx::raw_sql("DELETE FROM signalpost.dispatchers").execute(storage.pool()).await.unwrap();
    assert_eq!(owner(&storage, LEASE).await.1.len(), 64);
}
