//! Redrives: jobs that queue dead letters again, step by step.

use std::time::Duration;

use signalpost_storage::{
    BuryReason, DeadFilter, NewRedrive, Redrive, RedriveControl, RedriveError, RedriveState, Storage,
};

use crate::support::{all, batch, bury_all, call, count, execute, lane, storage};

/// A lane with dead letters of 2, 3 and 4 events.
async fn with_dead_letters() -> (Storage, i64) {
    let storage = storage().await;
    let lane = lane(&storage).await;
    storage.queue().enqueue(&[batch(lane, 2), batch(lane, 3), batch(lane, 4)], &[]).await.unwrap();
    bury_all(&storage).await;
    (storage, lane)
}

fn of(parent: &str) -> DeadFilter {
    DeadFilter { parent: parent.to_owned(), ..DeadFilter::default() }
}

async fn make(storage: &Storage, filter: DeadFilter, events_per_second: f64) -> Redrive {
    storage.redrives().create(&NewRedrive { filter, events_per_second }, "token deploy").await.unwrap()
}

/// Takes steps until none is due; how many events each queued.
async fn steps(storage: &Storage) -> Vec<i64> {
    let mut events = Vec::new();
    while let Some(step) = storage.redrives().step().await.unwrap() {
        events.push(step.events);
    }
    events
}

async fn get(storage: &Storage, id: i64) -> Redrive {
    storage.redrives().get(id).await.unwrap().unwrap()
}

async fn queued_events(storage: &Storage) -> Vec<(i64, String)> {
    sqlx::query_as("SELECT address, event::text FROM signalpost.queued_events ORDER BY address")
        .fetch_all(storage.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_redrive_puts_dead_letters_back_at_their_address_and_says_when_it_is_done() {
    let storage = storage().await;
    let lane = lane(&storage).await;
    storage.queue().enqueue(&[batch(lane, 2), batch(lane, 3)], &[]).await.unwrap();
    let before = all(&storage, lane).await;
    bury_all(&storage).await;
    assert_eq!(storage.redrives().dry_run(&of("shop")).await.unwrap(), 5);
    let made = make(&storage, of("shop/warehouse"), 0.0).await;
    assert_eq!((made.state, made.events_matched, made.events_redriven), (RedriveState::Running, 5, 0));
    assert_eq!(made.created_by, "token deploy");
    assert!(all(&storage, lane).await.is_empty(), "nothing moves before a step");
    assert_eq!(steps(&storage).await, [5]);
    assert_eq!(all(&storage, lane).await, before);
    assert_eq!(count(&storage, "dead_batches").await, 0);
    let done = get(&storage, made.id).await;
    assert_eq!((done.state, done.events_redriven), (RedriveState::Done, 5));
    assert!(done.ended_at.is_some());
}

#[tokio::test]
async fn a_redrive_takes_those_of_a_reason_a_position_or_a_time() {
    let (storage, lane) = with_dead_letters().await;
    execute(&storage, "UPDATE signalpost.dead_batches SET reason = 'expired' WHERE event_count = 3").await;
    execute(
        &storage,
        "UPDATE signalpost.dead_batches SET buried_at = now() - interval '1h' WHERE event_count = 4",
    )
    .await;
    let expired = DeadFilter { reason: Some(BuryReason::Expired), ..of("shop") };
    assert_eq!(storage.redrives().dry_run(&expired).await.unwrap(), 3);
    make(&storage, expired, 0.0).await;
    assert_eq!(steps(&storage).await, [3]);
    let old = DeadFilter { until: Some(ago(&storage, "30 min").await), ..of("shop") };
    make(&storage, old, 0.0).await;
    assert_eq!(steps(&storage).await, [4]);
    let position: i64 = sqlx::query_scalar("SELECT position FROM signalpost.dead_batches")
        .fetch_one(storage.pool())
        .await
        .unwrap();
    let one = DeadFilter { position: Some(position), ..of("shop/warehouse/orders") };
    make(&storage, one, 0.0).await;
    assert_eq!(steps(&storage).await, [2]);
    assert_eq!(all(&storage, lane).await.len(), 3);
}

async fn ago(storage: &Storage, interval: &str) -> chrono::DateTime<chrono::Utc> {
    sqlx::query_scalar("SELECT now() - $1::text::interval")
        .bind(interval)
        .fetch_one(storage.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_paced_redrive_queues_half_a_seconds_events_a_step_and_splits_batches_for_it() {
    let (storage, _) = with_dead_letters().await;
    let job = make(&storage, of("shop"), 4.0).await;
    let redrives = storage.redrives();
    redrives.step().await.unwrap();
    assert!(redrives.next_step().await.unwrap().unwrap() <= Duration::from_millis(500));
    for expected in [2, 2, 2, 1] {
        execute(&storage, "UPDATE signalpost.redrives SET next_step_at = now() - interval '1 h'").await;
        assert_eq!(redrives.step().await.unwrap().unwrap().events, expected);
        let late: bool =
            sqlx::query_scalar("SELECT next_step_at < now() - interval '30 min' FROM signalpost.redrives")
                .fetch_one(storage.pool())
                .await
                .unwrap();
        assert!(!late || expected == 1, "the hour that was missed is not made up for");
    }
    assert_eq!(get(&storage, job.id).await.state, RedriveState::Done);
    let events = queued_events(&storage).await;
    let first = events[0].0;
    let expected = [(0, 2), (10_000, 3), (20_000, 4)]
        .into_iter()
        .flat_map(|(at, count)| (0..count).map(move |n| (first + at + n, format!("{{\"n\":{n}}}"))));
    assert_eq!(events, expected.collect::<Vec<_>>(), "each event once, unchanged, at its address");
}

#[tokio::test]
async fn what_dies_again_or_later_is_not_taken() {
    let (storage, lane) = with_dead_letters().await;
    let job = make(&storage, of("shop"), 0.0).await;
    storage.queue().enqueue(&[batch(lane, 1)], &[]).await.unwrap();
    bury_all(&storage).await; // dies after the job was made
    assert_eq!(steps(&storage).await, [9]);
    bury_all(&storage).await; // what was redriven dies again
    assert_eq!(steps(&storage).await, [] as [i64; 0]);
    assert_eq!(count(&storage, "dead_batches").await, 4);
    assert_eq!(get(&storage, job.id).await.events_redriven, 9);
}

#[tokio::test]
async fn a_redrive_stops_when_told_goes_on_where_it_was_and_ends_for_good() {
    let (storage, _) = with_dead_letters().await;
    let redrives = storage.redrives();
    let job = make(&storage, of("shop"), 2.0).await;
    redrives.step().await.unwrap();
    let paused = redrives.control(job.id, Some(RedriveControl::Pause), None, "token deploy").await.unwrap();
    assert_eq!((paused.state, paused.events_redriven), (RedriveState::Paused, 1));
    assert_eq!(steps(&storage).await, [] as [i64; 0]);
    assert_eq!(redrives.next_step().await.unwrap(), None);
    let faster = redrives.control(job.id, None, Some(0.0), "token deploy").await.unwrap();
    assert_eq!((faster.state, faster.events_per_second), (RedriveState::Paused, 0.0));
    redrives.control(job.id, Some(RedriveControl::Resume), None, "token deploy").await.unwrap();
    assert_eq!(steps(&storage).await, [8]);
    let error = redrives.control(job.id, Some(RedriveControl::Cancel), None, "x").await.unwrap_err();
    assert!(matches!(&error, RedriveError::Refused(message) if message.contains("is done since")), "{error}");
    assert!(matches!(redrives.control(99, None, None, "x").await, Err(RedriveError::NotFound(_))));
    let other = make(&storage, of("shop"), 0.0).await;
    let cancelled = redrives.control(other.id, Some(RedriveControl::Cancel), None, "x").await.unwrap();
    assert_eq!(cancelled.state, RedriveState::Cancelled);
    assert_eq!(steps(&storage).await, [] as [i64; 0]);
}

#[tokio::test]
async fn a_step_that_is_cut_off_has_not_happened() {
    let (storage, lane) = with_dead_letters().await;
    make(&storage, of("shop"), 0.0).await;
    // As a kill in the middle of a step: everything that it did is in one transaction, which is never committed.
    execute(&storage, "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''killed''; END';
                       CREATE TRIGGER fail BEFORE UPDATE ON signalpost.redrives FOR EACH ROW WHEN (new.at_position IS NOT NULL OR new.ended_at IS NOT NULL) EXECUTE FUNCTION fail()").await;
    storage.redrives().step().await.unwrap_err();
    assert_eq!((all(&storage, lane).await.len(), count(&storage, "dead_batches").await), (0, 3));
    let waits = storage.redrives().list(true, None, 10).await.unwrap();
    assert!(
        waits[0].why.as_deref().unwrap().contains("last step failed"),
        "others are not kept from going on"
    );
    execute(
        &storage,
        "DROP TRIGGER fail ON signalpost.redrives; UPDATE signalpost.redrives SET next_step_at = now()",
    )
    .await;
    assert_eq!(steps(&storage).await, [9]);
    assert_eq!((all(&storage, lane).await.len(), count(&storage, "dead_batches").await), (3, 0));
}

#[tokio::test]
async fn one_dispatcher_at_a_time_takes_a_step_of_a_job() {
    let (storage, _) = with_dead_letters().await;
    make(&storage, of("shop"), 0.0).await;
    let mut busy = storage.pool().begin().await.unwrap();
    sqlx::raw_sql("SELECT FROM signalpost.redrives FOR UPDATE").execute(&mut *busy).await.unwrap();
    assert_eq!(storage.redrives().step().await.unwrap(), None);
    busy.rollback().await.unwrap();
    let taken = all_at_once(&storage).await;
    assert_eq!(taken, 9);
    assert_eq!(queued_events(&storage).await.len(), 9);
}

/// Several dispatchers at once.
async fn all_at_once(storage: &Storage) -> i64 {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let storage = storage.clone();
        tasks.spawn(async move { steps(&storage).await.iter().sum::<i64>() });
    }
    tasks.join_all().await.into_iter().sum()
}

#[tokio::test]
async fn a_lane_that_is_full_gets_no_more_than_may_wait_until_there_is_room() {
    let (storage, lane) = with_dead_letters().await;
    execute(&storage, r#"UPDATE signalpost.destinations SET delivery = '{"queue_events_max": 4}'"#).await;
    let job = make(&storage, of("shop"), 0.0).await;
    assert_eq!(steps(&storage).await, [4, 0]);
    let waits = get(&storage, job.id).await;
    assert!(waits.why.as_deref().unwrap().contains("as much waits for mapping 7 as may"), "{waits:?}");
    execute(&storage, "DELETE FROM signalpost.batches; UPDATE signalpost.redrives SET next_step_at = now()")
        .await;
    assert_eq!(steps(&storage).await, [4, 0]);
    assert_eq!(get(&storage, job.id).await.events_redriven, 8);
    assert_eq!(all(&storage, lane).await.iter().map(|row| row.event_count).sum::<i32>(), 4);
}

#[tokio::test]
async fn a_dead_letter_larger_than_what_may_wait_is_queued_once_nothing_does() {
    let (storage, lane) = with_dead_letters().await;
    execute(&storage, r#"UPDATE signalpost.destinations SET delivery = '{"queue_bytes_max": 1}'"#).await;
    let job = make(&storage, of("shop"), 0.0).await;
    for expected in [2, 3, 4] {
        let queued: i64 = steps(&storage).await.iter().sum();
        assert_eq!((queued, all(&storage, lane).await.len()), (expected, 1));
        execute(
            &storage,
            "DELETE FROM signalpost.batches; UPDATE signalpost.redrives SET next_step_at = now()",
        )
        .await;
    }
    assert_eq!(get(&storage, job.id).await.state, RedriveState::Done);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_a_page_at_a_time() {
    let (storage, _) = with_dead_letters().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(make(&storage, of("shop"), 0.0).await.id);
    }
    steps(&storage).await;
    let late = make(&storage, of("shop"), 0.0).await.id;
    let page = |only_live, before| {
        let redrives = storage.redrives();
        async move {
            let page = redrives.list(only_live, before, 2).await.unwrap();
            page.iter().map(|job| job.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(page(false, None).await, [late, ids[2]]);
    assert_eq!(page(false, Some(ids[2])).await, [ids[1], ids[0]]);
    assert_eq!(page(true, None).await, [late]);
}

#[tokio::test]
async fn what_cannot_be_redriven_is_refused_with_what_is_accepted() {
    let (storage, _) = with_dead_letters().await;
    let refused = |filter: DeadFilter, events_per_second| {
        let redrives = storage.redrives();
        async move {
            redrives.create(&NewRedrive { filter, events_per_second }, "x").await.unwrap_err().to_string()
        }
    };
    assert!(refused(of("shop/nothing"), 0.0).await.contains("called 'shop/nothing'"));
    assert!(refused(of("shop"), -1.0).await.contains("0 (as fast as it goes) or more"));
    let position = DeadFilter { position: Some(1), ..of("shop") };
    assert!(refused(position, 0.0).await.contains("source/destination/mapping"));
    assert!(call(&storage, "redrive(7, 'broken')").await.unwrap_err().contains("'overflow'"));
    assert_eq!(call(&storage, "redrive(7, dry_run => true)").await.unwrap(), "(,9)");
    assert_eq!(count(&storage, "redrives").await, 0);
}
