//! Step: a little of one redrive, in one transaction.
//!
//! Invariants: what a step moves and where the job has come to are committed together or not at all; a job goes through
//! its lanes by ascending address and never back, so what it queued and dies again is behind it; the clock that paces it is
//! Postgres's.

mod choice;

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Postgres, Transaction, postgres::types::PgInterval};

use self::choice::{Looked, Room, choose};
use super::RedriveStore;
use crate::StorageError;

/// Dead letters looked at in one step.
const LOOK_ROWS: i64 = 1000;
/// Events queued in one step.
const STEP_EVENTS: i64 = 5000;
/// A paced job makes so many steps a second, if each can queue an event.
const STEPS_PER_SECOND: f64 = 2.0;
/// Rows of a lane that are counted to see how much waits; where there are more, more than enough waits.
const COUNT_ROWS: i64 = 50_000;
/// Between two looks at a lane that has no room.
const FULL_PAUSE: Duration = Duration::from_secs(1);
/// After a step that cannot be made.
const FAILURE_PAUSE: Duration = Duration::from_secs(10);

/// What a step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Of which job.
    pub redrive_id: i64,
    /// How many events it queued.
    pub events: i64,
    /// The job is done with this.
    pub is_over: bool,
}

/// A job whose step is due.
struct Job {
    id: i64,
    mapping_ids: Vec<i64>,
    dead_position: Option<i64>,
    reason: Option<String>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    events_per_second: f64,
    at_mapping_id: Option<i64>,
    at_position: Option<i64>,
}

/// Where a job goes on.
enum Next {
    /// After this address of this lane.
    At(i64, i64),
    /// There, once the lane has room.
    WhenThereIsRoom(i64, i64),
    /// Nowhere: it is done.
    Done,
}

type Held<'a> = &'a mut Transaction<'static, Postgres>;

impl RedriveStore {
    /// Takes the next step of whatever redrive's is due; none when there is no such, or others are at it.
    pub async fn step(&self) -> Result<Option<Step>, StorageError> {
        let mut transaction = self.pool.begin().await?;
        let due = sqlx::query_file_as!(Job, "queries/redrive_job.sql");
        let Some(job) = due.fetch_optional(&mut *transaction).await? else { return Ok(None) };
        match job.step(&mut transaction).await {
            Ok(step) => {
                transaction.commit().await?;
                Ok(Some(step))
            }
            Err(error) => {
                _ = transaction.rollback().await; // without an answer it is rolled back all the same
                let error = StorageError::from(error);
                if !error.is_transient() {
                    self.postpone(job.id).await?;
                }
                Err(error)
            }
        }
    }

    /// How long until the next step of any job is due; none when no job runs.
    pub async fn next_step(&self) -> Result<Option<Duration>, StorageError> {
        let seconds = sqlx::query_scalar!(
            r#"SELECT extract(epoch FROM next_step_at - now())::double precision AS "seconds!"
               FROM signalpost.redrives WHERE state = 'running' ORDER BY next_step_at LIMIT 1"#
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
    }

    /// A job that cannot go on must not keep the others from it.
    async fn postpone(&self, id: i64) -> Result<(), StorageError> {
        sqlx::query!(
            "UPDATE signalpost.redrives SET why = 'its last step failed: the dispatchers'' log says why',
                    next_step_at = now() + make_interval(secs => $2)
             WHERE id = $1 AND state = 'running'",
            id,
            FAILURE_PAUSE.as_secs_f64()
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

impl Job {
    async fn step(&self, transaction: Held<'_>) -> Result<Step, sqlx::Error> {
        let lane = match self.at_mapping_id {
            Some(lane) => Some(lane),
            None => self.lane_after(transaction, None).await?,
        };
        let Some(lane) = lane else { return self.advance(transaction, 0, Next::Done).await };
        let Some(room) = room(transaction, lane).await? else {
            return self.leave(transaction, lane, 0).await;
        };
        let (looked, is_all) = self.look(transaction, lane).await?;
        let choice = choose(&looked, self.budget(), room, self.dead_position.is_none());
        let mut events = 0;
        if !choice.whole.is_empty() {
            let moved = sqlx::query_file_scalar!("queries/redrive_move.sql", lane, &choice.whole);
            events += moved.fetch_one(&mut **transaction).await?;
        }
        if let Some((position, of, first)) = choice.part {
            let split = sqlx::query_file_scalar!("queries/redrive_split.sql", lane, position, of, first);
            events += split.fetch_one(&mut **transaction).await?;
        }
        if is_all && choice.through == looked.last().map(Looked::end) {
            return self.leave(transaction, lane, events).await;
        }
        let at = choice.through.or(self.at_position).unwrap_or(i64::MIN);
        let is_held_up = choice.is_full && events == 0;
        let next = if is_held_up { Next::WhenThereIsRoom(lane, at) } else { Next::At(lane, at) };
        self.advance(transaction, events, next).await
    }

    /// Events that may be queued in one step.
    fn budget(&self) -> i64 {
        if self.events_per_second == 0.0 {
            return STEP_EVENTS;
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is clamped right away")]
        let share = (self.events_per_second / STEPS_PER_SECOND).ceil() as i64;
        share.clamp(1, STEP_EVENTS)
    }

    /// The dead letters that come next, and whether these are all of the lane.
    async fn look(&self, transaction: Held<'_>, lane: i64) -> Result<(Vec<Looked>, bool), sqlx::Error> {
        let after = self.at_position.unwrap_or(i64::MIN);
        let (after, rows) = match self.dead_position {
            Some(position) => (after.max(position.saturating_sub(1)), 1),
            None => (after, LOOK_ROWS),
        };
        let looked = sqlx::query_file_as!(
            Looked,
            "queries/redrive_look.sql",
            lane,
            after,
            rows,
            self.dead_position,
            self.reason,
            self.since,
            self.until,
            self.created_at
        )
        .fetch_all(&mut **transaction)
        .await?;
        let is_all = self.dead_position.is_some() || i64::try_from(looked.len()) != Ok(LOOK_ROWS);
        Ok((looked, is_all))
    }

    async fn lane_after(&self, transaction: Held<'_>, lane: Option<i64>) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_file_scalar!("queries/redrive_lane.sql", &self.mapping_ids, lane)
            .fetch_optional(&mut **transaction)
            .await
    }

    /// Goes on to the next lane, or is done.
    async fn leave(&self, transaction: Held<'_>, lane: i64, events: i64) -> Result<Step, sqlx::Error> {
        let next = self.lane_after(transaction, Some(lane)).await?;
        let next = next.map_or(Next::Done, |lane| Next::At(lane, i64::MIN));
        self.advance(transaction, events, next).await
    }

    async fn advance(&self, transaction: Held<'_>, events: i64, next: Next) -> Result<Step, sqlx::Error> {
        let (at, pause, why) = match next {
            Next::At(lane, position) => (Some((lane, position)), Duration::ZERO, None),
            Next::WhenThereIsRoom(lane, position) => {
                let why = format!("as much waits for mapping {lane} as may: it goes on when there is room");
                (Some((lane, position)), FULL_PAUSE, Some(why))
            }
            Next::Done => (None, Duration::ZERO, None),
        };
        sqlx::query_file!(
            "queries/redrive_advance.sql",
            self.id,
            events,
            at.map(|(lane, _)| lane),
            at.map(|(_, position)| position),
            why,
            PgInterval::try_from(pause).expect("whole seconds")
        )
        .execute(&mut **transaction)
        .await?;
        Ok(Step { redrive_id: self.id, events, is_over: at.is_none() })
    }
}

/// How much more may wait in a lane; none when the mapping is gone.
async fn room(transaction: Held<'_>, lane: i64) -> Result<Option<Room>, sqlx::Error> {
    let found = sqlx::query_file!("queries/redrive_room.sql", lane, COUNT_ROWS)
        .fetch_optional(&mut **transaction)
        .await?;
    Ok(found.map(|row| {
        let is_long = row.batches >= COUNT_ROWS;
        let left = |max: Option<i64>, waits: i64| match max {
            Some(_) if is_long => 0,
            Some(max) => (max - waits).max(0),
            None => i64::MAX,
        };
        let (events, bytes) = (left(row.events_max, row.events), left(row.bytes_max, row.bytes));
        Room { events, bytes, is_empty: row.batches == 0 }
    }))
}
