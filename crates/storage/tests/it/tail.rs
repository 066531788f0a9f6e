//! Tail: every row is found once, however late it commits.

use std::collections::HashMap;
use std::time::Duration;

use signalpost_storage::{ARRIVED_MAX, Arrivals, Found, NewBatch, Row};

use crate::support::{ALL, all, batch, storage};

fn partitions() -> Vec<i16> {
    ALL.collect()
}

#[tokio::test]
async fn what_was_queued_is_found_once_and_loads_as_it_was() {
    let storage = storage().await;
    let queue = storage.queue();
    let before = queue.snapshot().await.unwrap();
    queue.enqueue(&[batch(1, 2), batch(2, 3)], &[]).await.unwrap();
    let Arrivals { found, snapshot: after, .. } = queue.arrived(&before, &partitions()).await.unwrap();
    assert_eq!(
        found.iter().map(|row| (row.mapping_id, row.event_count)).collect::<Vec<_>>(),
        [(1, 2), (2, 3)]
    );
    assert!(queue.arrived(&after, &partitions()).await.unwrap().found.is_empty());
    let rows = queue.load(&[(1, found[0].position), (1, found[0].position + 1)]).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].payload, batch(1, 2).payload);
    assert_eq!((rows[0].attempts, rows[0].batch_id, rows[0].target.as_deref()), (0, None, None));
}

#[tokio::test]
async fn a_row_that_commits_late_below_others_is_found_and_only_once() {
    let storage = storage().await;
    let queue = storage.queue();
    let mut since = queue.snapshot().await.unwrap();
    let mut stalled = storage.pool().begin().await.unwrap();
    sqlx::query_scalar::<_, i64>(
        "INSERT INTO signalpost.batches (mapping_id, event_count, payload) VALUES (7, 1, '[0]') RETURNING position",
    )
    .fetch_one(&mut *stalled)
    .await
    .unwrap();
    for _ in 0..3 {
        queue.enqueue(&[batch(7, 1)], &[]).await.unwrap();
        let Arrivals { found, snapshot: next, .. } = queue.arrived(&since, &partitions()).await.unwrap();
        assert_eq!(found.len(), 1, "only the new one, while the stalled one is not committed");
        since = next;
    }
    stalled.commit().await.unwrap();
    let Arrivals { found, snapshot: next, .. } = queue.arrived(&since, &partitions()).await.unwrap();
    assert_eq!(found.len(), 1, "the stalled one, below all the others");
    assert!(found[0].position < all(&storage, 7).await[1].position);
    assert!(queue.arrived(&next, &partitions()).await.unwrap().found.is_empty());
}

#[tokio::test]
async fn committers_that_stall_at_random_lose_nothing_and_repeat_nothing() {
    const COMMITTERS: i64 = 6;
    const EACH: i64 = 60;
    let storage = storage().await;
    let queue = storage.queue();
    let mut since = queue.snapshot().await.unwrap();
    let mut committers = tokio::task::JoinSet::new();
    for committer in 0..COMMITTERS {
        let pool = storage.pool().clone();
        committers.spawn(async move {
            for number in 0..EACH {
                let mut transaction = pool.begin().await.unwrap();
                sqlx::query_scalar::<_, i64>(
                    "INSERT INTO signalpost.batches (mapping_id, event_count, payload) VALUES ($1, 1, '[0]') RETURNING position",
                )
                .bind(number % 5)
                .fetch_one(&mut *transaction)
                .await
                .unwrap();
                let stall = (committer * 31 + number * 17) % 7; // some commit at once, some long after later ones
                sqlx::query_scalar::<_, String>("SELECT pg_sleep($1 / 1000.0)::text")
                    .bind(f64::from(i32::try_from(stall * stall).unwrap()))
                    .fetch_one(&mut *transaction)
                    .await
                    .unwrap();
                transaction.commit().await.unwrap();
            }
        });
    }
    let mut seen: HashMap<(i64, i64), u32> = HashMap::new();
    let mut note = |found: Vec<Found>| {
        for row in found {
            *seen.entry((row.mapping_id, row.position)).or_default() += 1;
        }
    };
    let mut finished = 0;
    while finished < COMMITTERS {
        let Arrivals { found, snapshot: next, .. } = queue.arrived(&since, &partitions()).await.unwrap();
        note(found);
        since = next;
        while let Some(done) = committers.try_join_next() {
            done.unwrap();
            finished += 1;
        }
    }
    note(queue.arrived(&since, &partitions()).await.unwrap().found);
    assert_eq!(i64::try_from(seen.len()).unwrap(), COMMITTERS * EACH);
    assert!(seen.values().all(|&times| times == 1));
}

#[tokio::test]
async fn only_the_partitions_asked_for_are_looked_at() {
    let storage = storage().await;
    let queue = storage.queue();
    let before = queue.snapshot().await.unwrap();
    queue.enqueue(&[batch(1, 1), batch(65, 1), batch(2, 1)], &[]).await.unwrap();
    let found = queue.arrived(&before, &[1]).await.unwrap().found;
    assert_eq!(found.iter().map(|row| row.mapping_id).collect::<Vec<_>>(), [1, 65]);
}

#[tokio::test]
async fn a_page_continues_after_a_position_in_order() {
    let storage = storage().await;
    let queue = storage.queue();
    for _ in 0..5 {
        queue.enqueue(&[batch(3, 1)], &[]).await.unwrap();
    }
    let first = queue.page(3, 0, 2, false).await.unwrap();
    let rest = queue.page(3, first[1].position, 10, false).await.unwrap();
    let positions: Vec<i64> = first.iter().chain(&rest).map(|row| row.position).collect();
    assert_eq!(positions.len(), 5);
    assert!(positions.is_sorted());
}

#[tokio::test]
async fn a_little_comes_along_whole_and_much_only_by_its_place() {
    let storage = storage().await;
    let queue = storage.queue();
    let before = queue.snapshot().await.unwrap();
    queue.enqueue(&[batch(1, 2), batch(2, 3)], &[]).await.unwrap();
    let little = queue.arrived(&before, &partitions()).await.unwrap();
    let keys: Vec<(i64, i64)> = little.found.iter().map(|row| (row.mapping_id, row.position)).collect();
    let without_age = |mut rows: Vec<Row>| {
        rows.sort_by_key(|row| (row.mapping_id, row.position));
        rows.into_iter().map(|row| Row { age: Duration::ZERO, ..row }).collect::<Vec<_>>()
    };
    assert_eq!(without_age(little.rows), without_age(queue.load(&keys).await.unwrap()));

    let much = NewBatch { payload: format!("[\"{}\"]", "x".repeat(300_000)), ..batch(3, 1) };
    queue.enqueue(&[much, batch(1, 1)], &[]).await.unwrap();
    let more = queue.arrived(&little.snapshot, &partitions()).await.unwrap();
    assert_eq!((more.found.len(), more.rows.len()), (2, 0));
}

#[tokio::test]
async fn a_look_is_cut_after_so_many_rows_and_the_next_goes_on_after_what_it_left_out() {
    let storage = storage().await;
    let queue = storage.queue();
    let before = queue.snapshot().await.unwrap();
    let many = "INSERT INTO signalpost.batches (mapping_id, event_count, payload)
                SELECT lane, 1, '[0]' FROM generate_series(1, 5) lane, generate_series(1, 2001)";
    assert_eq!(sqlx::raw_sql(many).execute(storage.pool()).await.unwrap().rows_affected(), 10_005);
    let cut = queue.arrived(&before, &partitions()).await.unwrap();
    assert_eq!((cut.found.len(), cut.is_cut), (ARRIVED_MAX, true));
    queue.enqueue(&[batch(1, 2)], &[]).await.unwrap();
    let next = queue.arrived(&cut.snapshot, &partitions()).await.unwrap();
    assert_eq!((next.found.len(), next.is_cut), (1, false), "it goes on after what it left out");
}
