//! Settle: delivered, tried again, split, buried; in one statement.

use std::time::Duration;

use chrono::Utc;
use signalpost_storage::{BuryReason, BuryRow, Found, PutRow, Settled, Storage};
use uuid::Uuid;

use crate::support::{ALL, LEASE, all, batch, count, execute, hold_of, owner, settlement, storage};

const LANE: i64 = 5;

async fn queued(storage: &Storage, counts: &[i32]) -> Vec<Found> {
    for &count in counts {
        storage.queue().enqueue(&[batch(LANE, count)], &[]).await.unwrap();
    }
    all(storage, LANE).await
}

fn put(position: i64, due_in: Option<Duration>) -> PutRow {
    PutRow {
        position,
        from: vec![],
        event_count: 1,
        payload: None,
        target: None,
        attempts: 1,
        due_in,
        batch_id: Some(Uuid::from_u128(7)),
        last_error: Some("503".to_owned()),
        enqueued_at: Utc::now(),
        traces: None,
    }
}

#[tokio::test]
async fn a_delivered_row_is_gone_and_its_attempt_logged() {
    let storage = storage().await;
    let rows = queued(&storage, &[2, 2]).await;
    let (me, holds) = owner(&storage, LEASE).await;
    let mut done = settlement(hold_of(&holds, LANE), LANE);
    done.delete = vec![rows[0].position];
    assert_eq!(storage.queue().settle(me, &[done]).await.unwrap(), [Settled::Done]);
    assert_eq!(all(&storage, LANE).await, [rows[1]]);
    assert_eq!(count(&storage, "attempts").await, 1);
}

#[tokio::test]
async fn a_retry_keeps_its_payload_and_id_and_is_due_later() {
    let storage = storage().await;
    let rows = queued(&storage, &[2]).await;
    let (me, holds) = owner(&storage, LEASE).await;
    let mut retry = settlement(hold_of(&holds, LANE), LANE);
    retry.put = vec![put(rows[0].position, Some(Duration::from_mins(1)))];
    storage.queue().settle(me, &[retry.clone()]).await.unwrap();
    let queue = storage.queue();
    let partitions: Vec<i16> = ALL.collect();
    assert!(queue.due(&partitions, &[], 10).await.unwrap().is_empty());
    let wait = queue.next_due(&partitions).await.unwrap().expect("one is scheduled");
    assert!(wait > Duration::from_secs(30) && wait <= Duration::from_mins(1), "{wait:?}");
    let row = queue.load(&[(LANE, rows[0].position)]).await.unwrap().remove(0);
    assert_eq!((row.attempts, row.batch_id), (1, Some(Uuid::from_u128(7))));
    assert_eq!(row.payload, batch(LANE, 2).payload);

    retry.put[0].due_in = Some(Duration::ZERO);
    queue.settle(me, &[retry]).await.unwrap();
    assert_eq!(queue.due(&partitions, &[], 10).await.unwrap().len(), 1);
    assert!(queue.due(&partitions, &[LANE], 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_left_of_a_row_stands_at_its_own_address() {
    let storage = storage().await;
    let rows = queued(&storage, &[3]).await;
    let (me, holds) = owner(&storage, LEASE).await;
    let head = PutRow { payload: Some("[0]".into()), ..put(rows[0].position, Some(Duration::from_mins(1))) };
    let rest = PutRow {
        payload: Some("[1,2]".into()),
        event_count: 2,
        attempts: 0,
        batch_id: None,
        ..put(rows[0].position + 1, None)
    };
    let mut split = settlement(hold_of(&holds, LANE), LANE);
    split.put = vec![head, rest];
    storage.queue().settle(me, &[split]).await.unwrap();
    let left = all(&storage, LANE).await;
    let shape: Vec<_> = left
        .iter()
        .map(|row| (row.position - rows[0].position, row.event_count, row.due_in.is_some()))
        .collect();
    assert_eq!(shape, [(0, 1, true), (1, 2, false)]);
}

#[tokio::test]
async fn what_was_purged_meanwhile_is_not_put_again_and_what_was_not_is() {
    let storage = storage().await;
    let rows = queued(&storage, &[3, 3, 3]).await;
    let (me, holds) = owner(&storage, LEASE).await;
    let [purged, half, kept] = [0, 1, 2].map(|row: usize| rows[row].position);
    let text = |from: &[i64], position| PutRow {
        from: from.to_vec(),
        payload: Some("[0]".into()),
        ..put(position, Some(Duration::from_mins(1)))
    };
    let mut failed = settlement(hold_of(&holds, LANE), LANE);
    failed.delete = vec![half, kept];
    failed.put = vec![text(&[purged], purged), text(&[purged, half], purged + 1), text(&[kept], kept + 1)];
    execute(
        &storage,
        "DELETE FROM signalpost.batches WHERE position = (SELECT min(position) FROM signalpost.batches)",
    )
    .await;
    for _ in 0..2 {
        // The second time nothing is left to put it from, and it stands there already.
        assert_eq!(storage.queue().settle(me, &[failed.clone()]).await.unwrap(), [Settled::Done]);
        let left: Vec<i64> = all(&storage, LANE).await.iter().map(|row| row.position).collect();
        assert_eq!(left, [purged + 1, kept + 1]);
    }
}

#[tokio::test]
async fn burying_moves_a_row_whole_or_keeps_a_part_of_it() {
    let storage = storage().await;
    let rows = queued(&storage, &[2, 2]).await;
    let (me, holds) = owner(&storage, LEASE).await;
    let whole = BuryRow {
        position: rows[0].position,
        event_count: 2,
        payload: None,
        target: None,
        attempts: 1,
        batch_id: None,
        last_error: Some("400 Bad Request".into()),
        enqueued_at: Utc::now(),
        reason: BuryReason::Rejected,
        status: Some(400),
        response: Some("no such field".into()),
    };
    let part =
        BuryRow { position: rows[1].position, event_count: 1, payload: Some("[0]".into()), ..whole.clone() };
    let mut buried = settlement(hold_of(&holds, LANE), LANE);
    buried.delete = vec![rows[1].position];
    buried.bury = vec![whole, part];
    storage.queue().settle(me, &[buried.clone()]).await.unwrap();
    assert!(all(&storage, LANE).await.is_empty());
    let dead: Vec<(i64, i32, String)> = sqlx::query_as(
        "SELECT position, event_count, payload FROM signalpost.dead_batches WHERE status = 400 ORDER BY position",
    )
    .fetch_all(storage.pool())
    .await
    .unwrap();
    let expected = [(rows[0].position, 2, batch(LANE, 2).payload), (rows[1].position, 1, "[0]".to_owned())];
    assert_eq!(dead, expected);

    let again = storage.queue().settle(me, &[buried]).await.unwrap();
    assert_eq!(again, [Settled::Done], "repeating it, as after a lost answer, does no harm");
    assert_eq!(count(&storage, "dead_batches").await, 2);
}

#[tokio::test]
async fn what_overflows_keeps_what_is_known_of_its_attempts() {
    let storage = storage().await;
    let row = queued(&storage, &[1]).await[0];
    let (me, holds) = owner(&storage, LEASE).await;
    let mut failed = settlement(hold_of(&holds, LANE), LANE);
    failed.put = vec![put(row.position, Some(Duration::from_mins(1)))];
    let mut overflow = settlement(hold_of(&holds, LANE), LANE);
    overflow.bury = vec![BuryRow {
        position: row.position,
        event_count: 1,
        payload: None,
        target: None,
        attempts: 0,
        batch_id: None,
        last_error: None,
        enqueued_at: Utc::now(),
        reason: BuryReason::Overflow,
        status: None,
        response: None,
    }];
    for settlement in [failed, overflow] {
        assert_eq!(storage.queue().settle(me, &[settlement]).await.unwrap(), [Settled::Done]);
    }
    let dead: (String, i32, Option<Uuid>, String) =
        sqlx::query_as("SELECT reason, attempts, batch_id, last_error FROM signalpost.dead_batches")
            .fetch_one(storage.pool())
            .await
            .unwrap();
    assert_eq!(dead, ("overflow".to_owned(), 1, Some(Uuid::from_u128(7)), "503".to_owned()));
}
