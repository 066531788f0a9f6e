//! Settle: what attempts proved, recorded in one statement for as many requests as the dispatcher gathered.
//!
//! Invariant: a settlement has its whole effect or, when its partition is no longer held in that epoch, none. The check
//! and the effect are one statement, and a new owner waits for it.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sqlx::types::Uuid;

use super::{Hold, OwnerId, Queue};
use crate::StorageError;

/// What one attempt proved, and what becomes of the rows that it carried.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// By what right.
    pub hold: Hold,
    /// The lane.
    pub mapping_id: i64,
    /// The line of the delivery log; none where nothing was sent, as when rows are buried for their age.
    pub log: Option<AttemptLog>,
    /// Rows that are done: delivered, or contained in what is put or buried. Never one that `put` names, nor one that
    /// `bury` moves as it stands.
    pub delete: Vec<i64>,
    /// Rows to be tried again, or left over from one that was used in part.
    pub put: Vec<PutRow>,
    /// Rows given up.
    pub bury: Vec<BuryRow>,
}

/// A row as it is to stand in the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct PutRow {
    /// The address of its first event; a row that stands there is replaced.
    pub position: i64,
    /// Where the rows stand that its events come from. With none of them left they were purged, and it is not put; empty: it
    /// is put all the same.
    pub from: Vec<i64>,
    /// Its events.
    pub event_count: i32,
    /// Its payload; none: that of the row that stands there, which then keeps its events and target too.
    pub payload: Option<String>,
    /// Its target.
    pub target: Option<String>,
    /// Requests that carried it.
    pub attempts: i32,
    /// From now until the next attempt; none: fresh, at once.
    pub due_in: Option<Duration>,
    /// The id of its requests.
    pub batch_id: Option<Uuid>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When its oldest event was accepted.
    pub enqueued_at: DateTime<Utc>,
    /// Where its events came from, as [`NewBatch::traces`](crate::NewBatch::traces).
    pub traces: Option<String>,
}

/// A row as it is to stand among the dead letters.
#[derive(Debug, Clone, PartialEq)]
pub struct BuryRow {
    /// The address of its first event.
    pub position: i64,
    /// Its events.
    pub event_count: i32,
    /// Its payload; none: the row that stands there is moved as it is.
    pub payload: Option<String>,
    /// Its target.
    pub target: Option<String>,
    /// Requests that carried it.
    pub attempts: i32,
    /// The id of its requests.
    pub batch_id: Option<Uuid>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When its oldest event was accepted.
    pub enqueued_at: DateTime<Utc>,
    /// Why it is given up.
    pub reason: BuryReason,
    /// HTTP status of the last answer.
    pub status: Option<u16>,
    /// Beginning of the last answer.
    pub response: Option<String>,
}

/// Why a batch is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuryReason {
    /// The receiver refused it for good.
    Rejected,
    /// It was retried for as long as its destination allows.
    Expired,
    /// It was retried as often as its destination allows.
    Exhausted,
    /// Its lane was full.
    Overflow,
}

impl BuryReason {
    /// What the table says, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Rejected, Self::Expired, Self::Exhausted, Self::Overflow]
            .into_iter()
            .find(|reason| reason.as_str() == text)
    }

    /// As the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Exhausted => "exhausted",
            Self::Overflow => "overflow",
        }
    }
}

/// A line of the delivery log: one request.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptLog {
    /// The id it was sent with.
    pub batch_id: Uuid,
    /// 1 for the first.
    pub attempt: i32,
    /// `delivered`, `retryable` or `rejected`.
    pub outcome: &'static str,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// Beginning of the answer, bounded by the caller.
    pub response: Option<String>,
    /// Events in the request.
    pub event_count: i32,
    /// Bytes of its body.
    pub body_bytes: i64,
    /// How long before now it was sent.
    pub started_ago: Duration,
    /// From sending it to knowing its outcome.
    pub latency: Duration,
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Recorded and committed.
    Done,
    /// The partition is no longer held in that epoch: without effect.
    Stale,
}

impl Queue {
    /// Records settlements of any lanes in one transaction; the answers are in their order. Safe to repeat after an error:
    /// what was recorded the first time is then deleted again, put again or left as it stands, and only its log line appears twice.
    pub async fn settle(
        &self,
        owner: OwnerId,
        settlements: &[Settlement],
    ) -> Result<Vec<Settled>, StorageError> {
        let holds = Holds::of(settlements);
        let current: Vec<&Settlement> = settlements.iter().filter(|one| holds.has(one.hold)).collect();
        let deleted = Deleted::of(&current);
        let (kept, put) = split(&current, |one| &one.put, |row| row.payload.is_none());
        let (moved, buried) = split(&current, |one| &one.bury, |row| row.payload.is_none());
        let logs: Vec<(i64, &AttemptLog)> =
            current.iter().filter_map(|one| Some((one.mapping_id, one.log.as_ref()?))).collect();
        let held = sqlx::query_file_scalar!(
            "queries/settle.sql",
            owner.0,
            &holds.numbers,
            &holds.epochs,
            &deleted.mapping_ids,
            &deleted.positions,
            &lanes(&kept),
            &column(&kept, |row| row.position),
            &column(&kept, |row| row.attempts),
            &column(&kept, |row| row.due_in.map(|due| due.as_secs_f64())) as &[Option<f64>],
            &column(&kept, |row| row.batch_id) as &[Option<Uuid>],
            &column(&kept, |row| row.last_error.as_deref()) as &[Option<&str>],
            &lanes(&put),
            &column(&put, |row| row.position),
            &column(&put, |row| row.event_count),
            &column(&put, |row| row.payload.as_deref()) as &[Option<&str>],
            &column(&put, |row| row.target.as_deref()) as &[Option<&str>],
            &column(&put, |row| row.attempts),
            &column(&put, |row| row.due_in.map(|due| due.as_secs_f64())) as &[Option<f64>],
            &column(&put, |row| row.batch_id) as &[Option<Uuid>],
            &column(&put, |row| row.last_error.as_deref()) as &[Option<&str>],
            &column(&put, |row| row.enqueued_at),
            &lanes(&moved),
            &column(&moved, |row| row.position),
            &column(&moved, |row| row.attempts),
            &column(&moved, |row| row.batch_id) as &[Option<Uuid>],
            &column(&moved, |row| row.last_error.as_deref()) as &[Option<&str>],
            &column(&moved, |row| row.reason.as_str()) as &[&str],
            &column(&moved, |row| status(row.status)) as &[Option<i16>],
            &column(&moved, |row| row.response.as_deref()) as &[Option<&str>],
            &lanes(&buried),
            &column(&buried, |row| row.position),
            &column(&buried, |row| row.event_count),
            &column(&buried, |row| row.payload.as_deref()) as &[Option<&str>],
            &column(&buried, |row| row.target.as_deref()) as &[Option<&str>],
            &column(&buried, |row| row.attempts),
            &column(&buried, |row| row.batch_id) as &[Option<Uuid>],
            &column(&buried, |row| row.last_error.as_deref()) as &[Option<&str>],
            &column(&buried, |row| row.enqueued_at),
            &column(&buried, |row| row.reason.as_str()) as &[&str],
            &column(&buried, |row| status(row.status)) as &[Option<i16>],
            &column(&buried, |row| row.response.as_deref()) as &[Option<&str>],
            &lanes(&logs),
            &column(&logs, |log| log.started_ago.as_secs_f64()),
            &column(&logs, |log| log.batch_id),
            &column(&logs, |log| log.attempt),
            &column(&logs, |log| log.outcome) as &[&str],
            &column(&logs, |log| status(log.status)) as &[Option<i16>],
            &column(&logs, |log| log.error.as_deref()) as &[Option<&str>],
            &column(&logs, |log| log.response.as_deref()) as &[Option<&str>],
            &column(&logs, |log| log.event_count),
            &column(&logs, |log| log.body_bytes),
            &column(&logs, |log| log.latency.as_secs_f32() * 1000.0),
            &column(&put, |row| row.traces.as_deref()) as &[Option<&str>],
            &column(&put, places) as &[Option<String>]
        )
        .fetch_all(&self.pool)
        .await?;
        let held: HashSet<i16> = held.into_iter().collect();
        let settled = |one: &Settlement| {
            let done = holds.has(one.hold) && held.contains(&one.hold.partition);
            if done { Settled::Done } else { Settled::Stale }
        };
        Ok(settlements.iter().map(settled).collect())
    }
}

/// The holds that settlements stand on, one a partition. Where a partition occurs with two epochs the later counts: the
/// earlier is stale by then, and must not have its effect because the later one is held.
struct Holds {
    numbers: Vec<i16>,
    epochs: Vec<i64>,
}

impl Holds {
    fn of(settlements: &[Settlement]) -> Self {
        let mut latest = BTreeMap::new();
        for Settlement { hold, .. } in settlements {
            let epoch = latest.entry(hold.partition).or_insert(hold.epoch);
            *epoch = hold.epoch.max(*epoch);
        }
        let (numbers, epochs) = latest.into_iter().unzip();
        Self { numbers, epochs }
    }

    fn has(&self, hold: Hold) -> bool {
        self.numbers.binary_search(&hold.partition).is_ok_and(|at| self.epochs[at] == hold.epoch)
    }
}

/// The keys of rows that are done, in order: whoever purges them meanwhile locks them in the same.
struct Deleted {
    mapping_ids: Vec<i64>,
    positions: Vec<i64>,
}

impl Deleted {
    fn of(settlements: &[&Settlement]) -> Self {
        let mut keys: Vec<(i64, i64)> = settlements
            .iter()
            .flat_map(|one| one.delete.iter().map(|&position| (one.mapping_id, position)))
            .collect();
        keys.sort_unstable();
        let (mapping_ids, positions) = keys.into_iter().unzip();
        Self { mapping_ids, positions }
    }
}

/// Rows, each with its lane.
type LaneRows<'a, R> = Vec<(i64, &'a R)>;

/// Rows of all settlements, each with its lane, split by whether they keep what stands in the table.
fn split<'a, R>(
    settlements: &[&'a Settlement],
    rows: fn(&Settlement) -> &Vec<R>,
    keeps: fn(&R) -> bool,
) -> (LaneRows<'a, R>, LaneRows<'a, R>) {
    settlements
        .iter()
        .flat_map(|one| rows(one).iter().map(|row| (one.mapping_id, row)))
        .partition(|(_, row)| keeps(row))
}

fn lanes<R>(rows: &[(i64, &R)]) -> Vec<i64> {
    rows.iter().map(|(mapping_id, _)| *mapping_id).collect()
}

fn column<'a, R, T>(rows: &[(i64, &'a R)], field: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(|(_, row)| field(row)).collect()
}

/// Where a row comes from, as an array's text: there are no arrays of arrays of different lengths.
fn places(row: &PutRow) -> Option<String> {
    let places: Vec<String> = row.from.iter().map(ToString::to_string).collect();
    (!places.is_empty()).then(|| format!("{{{}}}", places.join(",")))
}

fn status(status: Option<u16>) -> Option<i16> {
    status.and_then(|status| i16::try_from(status).ok())
}
