//! What owners say of their lanes, and how the `queue` view shows it.

use std::time::Duration;

use signalpost_storage::{BreakerState, LaneState, OwnerId, Storage, Waiting};
use uuid::Uuid;

use crate::support::{LEASE, batch, count, execute, lane, owner, storage};

fn state(mapping_id: i64) -> LaneState {
    LaneState {
        mapping_id,
        in_flight: 3,
        window: Some(8),
        breaker: BreakerState::Closed,
        reason: None,
        next_probe_in: None,
        is_burying: false,
        delivered_per_second: 12.0,
        waiting: None,
        dead_events: None,
    }
}

async fn one<T>(storage: &Storage, columns: &'static str) -> T
where
    T: Send + Unpin + for<'row> sqlx::FromRow<'row, sqlx::postgres::PgRow>,
{
    let statement = format!("SELECT {columns} FROM signalpost.queue");
    sqlx::query_as(sqlx::AssertSqlSafe(statement)).fetch_one(storage.pool()).await.unwrap()
}

#[tokio::test]
async fn the_view_shows_what_the_owner_of_now_says() {
    let storage = storage().await;
    let lane = lane(&storage).await;
    let queue = storage.queue();
    queue.enqueue(&[batch(lane, 2)], &[]).await.unwrap();
    let (me, _) = owner(&storage, LEASE).await;
    queue.tell_lanes(me, &[state(lane)], &[]).await.unwrap();
    let shown: (String, i32, Option<i32>, f64) =
        one(&storage, "state, in_flight, window_size, delivered_per_second").await;
    assert_eq!(shown, ("delivering".to_owned(), 3, Some(8), 12.0));
    let open = LaneState {
        breaker: BreakerState::Open,
        reason: Some("status 503".to_owned()),
        next_probe_in: Some(Duration::from_secs(100)),
        ..state(lane)
    };
    queue.tell_lanes(me, &[open], &[]).await.unwrap();
    let (shown, why): (String, String) = one(&storage, "state, why").await;
    assert_eq!(shown, "open");
    assert!(why.starts_with("status 503, tried again in ") && why.ends_with(" s"), "{why}");
    queue.tell_lanes(me, &[], &[lane]).await.unwrap();
    assert_eq!(count(&storage, "lane_states").await, 0);
}

#[tokio::test]
async fn who_does_not_own_a_lane_says_nothing_of_it_and_what_a_former_owner_said_is_not_shown() {
    let storage = storage().await;
    let lane = lane(&storage).await;
    let queue = storage.queue();
    queue.enqueue(&[batch(lane, 2)], &[]).await.unwrap();
    queue.tell_lanes(OwnerId(Uuid::new_v4()), &[state(lane)], &[]).await.unwrap();
    assert_eq!(count(&storage, "lane_states").await, 0);
    let (first, _) = owner(&storage, LEASE).await;
    queue.tell_lanes(first, &[state(lane)], &[]).await.unwrap();
    execute(&storage, "UPDATE signalpost.partitions SET lease_ends_at = now() - interval '1 s'").await;
    let (shown, why, in_flight): (String, String, i32) = one(&storage, "state, why, in_flight").await;
    assert_eq!((shown.as_str(), in_flight), ("no dispatcher", 0));
    assert!(why.contains("did not renew its lease"), "{why}");
    execute(&storage, "UPDATE signalpost.dispatchers SET seen_at = seen_at - interval '10 min'").await;
    let (second, _) = owner(&storage, LEASE).await;
    let (shown, in_flight): (String, i32) = one(&storage, "state, in_flight").await;
    assert_eq!((shown.as_str(), in_flight), ("delivering", 0));
    queue.tell_lanes(first, &[state(lane)], &[lane]).await.unwrap();
    assert_eq!(one::<(i32,)>(&storage, "in_flight").await, (0,), "it woke up late");
    assert_eq!(queue.deep_lanes(second, &(0..64).collect::<Vec<_>>(), 1).await.unwrap().len(), 1);
    assert_eq!(count(&storage, "lane_states").await, 0, "what a former owner said is forgotten");
}

#[tokio::test]
async fn what_waits_or_is_dead_is_counted_up_to_a_bound_and_estimated_by_the_owner_beyond_it() {
    let storage = storage().await;
    let lane = lane(&storage).await;
    execute(
        &storage,
        "INSERT INTO signalpost.batches (mapping_id, event_count, payload) SELECT 7, 2, '[1,2]' FROM generate_series(1, 10001);
         INSERT INTO signalpost.dead_batches (mapping_id, position, event_count, payload, attempts, enqueued_at, reason)
         SELECT 7, p, 1, '[1]', 1, now(), 'rejected' FROM generate_series(1, 10001) p",
    )
    .await;
    let shown: (i64, i64, bool, i64) = one(&storage, "batches, events, is_estimate, dead_events").await;
    assert_eq!(shown, (10_000, 20_000, true, 10_000), "nobody has counted: at least so many");
    let (me, _) = owner(&storage, LEASE).await;
    let queue = storage.queue();
    let (_, waiting) = queue.count_lanes(&[lane]).await.unwrap()[0];
    let (_, rows, dead) = queue.count_dead(&[lane]).await.unwrap()[0];
    let all = Waiting { batches: 10_001, events: 20_002, bytes: 5 * 10_001, ..waiting };
    assert_eq!((waiting, rows, dead), (all, 10_001, 10_001));
    let told = LaneState { waiting: Some(waiting), dead_events: Some(dead), ..state(lane) };
    queue.tell_lanes(me, &[told], &[]).await.unwrap();
    let shown: (i64, i64, bool, i64) = one(&storage, "batches, events, is_estimate, dead_events").await;
    assert_eq!(shown, (10_001, 20_002, true, 10_001));
    execute(
        &storage,
        "DELETE FROM signalpost.batches WHERE position > (SELECT min(position) FROM signalpost.batches)",
    )
    .await;
    let shown: (i64, i64, bool) = one(&storage, "batches, events, is_estimate").await;
    assert_eq!(shown, (1, 2, false), "few are counted, whatever was told");
}
