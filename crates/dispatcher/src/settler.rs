//! Settler: gathers settlements into few statements, and keeps them until Postgres has answered.
//!
//! There are two: one for what goes or stays where it is, one for what is written anew because its composition changed. That is a
//! lot when requests to a receiver that hangs time out together, and its lane can wait: it gives way to everything else.
//! Invariant: a settlement that was handed over is answered exactly once, `Done` only after its commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use signalpost_core::body::Body;
use signalpost_storage as storage;
use signalpost_storage::{AttemptLog, BuryReason, BuryRow, Hold, OwnerId, PutRow, Queue};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::driver::Input;
use crate::lanes::action::{Bury, Log, Moment, Overflowed, Put, Reason, Settled, Settlement};
use crate::metrics::Metrics;
use crate::outage::Outage;

/// One statement writes at most so many bytes of payloads, or those of one request: when hundreds of requests time out together,
/// nobody waits long for a thread or for Postgres, and no second copy of what is in memory is made.
const BYTES_MAX: usize = 1_000_000;
/// While deliveries are gathered they are looked through so often for a settlement that something waits for.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What writes so much rests this many times as long as it took, and less in proportion to what it writes.
const REST: u32 = 4;
/// One that took longer waited for Postgres.
const REST_AFTER_MAX: Duration = Duration::from_millis(100);

/// Where settlements are handed over.
#[derive(Debug)]
pub(crate) struct Settlements {
    moving: UnboundedSender<Settlement>,
    writing: UnboundedSender<Settlement>,
}

impl Settlements {
    /// Both ways, and their ends.
    pub(crate) fn new() -> (Self, [UnboundedReceiver<Settlement>; 2]) {
        let (moving, moved) = unbounded_channel();
        let (writing, written) = unbounded_channel();
        (Self { moving, writing }, [moved, written])
    }

    /// The settlers have it, and will answer.
    pub(crate) fn hand_over(&self, settlement: Settlement) {
        let way = if written_bytes(&settlement) > 0 { &self.writing } else { &self.moving };
        way.send(settlement).expect("the settlers outlive the driver");
    }
}

pub(crate) struct Settler {
    pub(crate) queue: Queue,
    pub(crate) me: OwnerId,
    pub(crate) started: Instant,
    pub(crate) settlements: UnboundedReceiver<Settlement>,
    pub(crate) answers: UnboundedSender<Input>,
    pub(crate) outage: Arc<Outage>,
    pub(crate) metrics: Metrics,
    /// The end is waited for: nothing gives way any more.
    pub(crate) stop: CancellationToken,
    /// Nobody waits for the answers any more.
    pub(crate) over: CancellationToken,
}

impl Settler {
    /// Runs until the driver lets go of the other end, or it is over.
    pub(crate) async fn run(mut self, config: Config) {
        let together = config.settle_max as usize;
        let mut gathered = Vec::with_capacity(together);
        let mut is_busy = false;
        while self.settlements.recv_many(&mut gathered, together).await > 0 {
            // Alone, one does not wait for others; in a stream of them each statement takes what has come meanwhile.
            if is_busy {
                gather(&mut self.settlements, &mut gathered, together, config.settle_gather).await;
            }
            while !gathered.is_empty() {
                let rest = gathered.split_off(portion(&gathered));
                let part = std::mem::replace(&mut gathered, rest);
                let (began, written) = (Instant::now(), part.iter().map(written_bytes).sum());
                if self.settle(part).await.is_none() {
                    return;
                }
                self.stop.run_until_cancelled(rest_after(began.elapsed(), written)).await;
            }
            is_busy = !self.settlements.is_empty();
        }
    }

    async fn settle(&self, gathered: Vec<Settlement>) -> Option<()> {
        let began = Instant::now();
        let now = self.started.elapsed();
        let (ids, rows): (Vec<u64>, Vec<storage::Settlement>) =
            gathered.into_iter().map(|settlement| (settlement.id, stored(settlement, now))).unzip();
        let answers = self.outage.persist("settle", &self.over, || self.queue.settle(self.me, &rows)).await?;
        self.metrics.settlements.duration.observe(began.elapsed().as_secs_f64());
        self.count(&rows, &answers);
        let answers = ids.into_iter().zip(answers.into_iter().map(|answer| match answer {
            storage::Settled::Done => Settled::Done,
            storage::Settled::Stale => Settled::Stale,
        }));
        self.answers.send(Input::Settled(answers.collect())).ok()
    }

    fn count(&self, rows: &[storage::Settlement], answers: &[storage::Settled]) {
        for (row, answer) in rows.iter().zip(answers) {
            self.metrics.settled(row, *answer == storage::Settled::Stale);
        }
    }
}

/// Lets others have the machine, after so many bytes were written in so long.
async fn rest_after(took: Duration, written: usize) {
    let percent = u32::try_from(written.min(BYTES_MAX) * 100 / BYTES_MAX).unwrap_or(100);
    tokio::time::sleep(took.min(REST_AFTER_MAX) * REST * percent / 100).await;
}

/// Waits for more of them, up to `together`, for as long as nothing waits for those that are there.
async fn gather(
    settlements: &mut UnboundedReceiver<Settlement>,
    gathered: &mut Vec<Settlement>,
    together: usize,
    within: Duration,
) {
    let until = tokio::time::Instant::now() + within;
    let mut is_over = false;
    while gathered.len() < together && !is_over {
        let look_at = until.min(tokio::time::Instant::now() + LOOK_EVERY);
        tokio::time::sleep_until(look_at).await;
        while gathered.len() < together
            && let Ok(more) = settlements.try_recv()
        {
            gathered.push(more);
        }
        is_over = look_at == until || gathered.iter().any(|settlement| settlement.is_awaited);
    }
}

/// How many settlements one statement records: as many as write no more than it may, and one at least.
fn portion(gathered: &[Settlement]) -> usize {
    let mut bytes = 0;
    let fitting = gathered.iter().take_while(|settlement| {
        bytes += written_bytes(settlement);
        bytes <= BYTES_MAX
    });
    fitting.count().max(1)
}

/// The payloads that it writes again, because their composition changed.
fn written_bytes(settlement: &Settlement) -> usize {
    let rows = settlement.put.iter().chain(settlement.bury.iter().map(|bury| &bury.row));
    rows.filter(|row| !row.is_in_place).map(|row| row.payload.len()).sum()
}

/// A settlement as storage takes it.
fn stored(settlement: Settlement, now: Moment) -> storage::Settlement {
    storage::Settlement {
        hold: Hold { partition: settlement.partition, epoch: settlement.epoch },
        mapping_id: settlement.mapping_id,
        log: settlement.log.map(|log| stored_log(log, now)),
        delete: settlement.delete,
        put: settlement.put.into_iter().map(stored_put).collect(),
        bury: settlement
            .bury
            .into_iter()
            .map(stored_bury)
            .chain(settlement.overflow.into_iter().map(stored_overflow))
            .collect(),
    }
}

fn stored_log(log: Log, now: Moment) -> AttemptLog {
    let attempted = log.attempted;
    AttemptLog {
        batch_id: log.identity.batch_id,
        attempt: count(log.identity.attempt),
        outcome: attempted.outcome.as_str(),
        status: attempted.status,
        error: attempted.error,
        response: attempted.response,
        event_count: count(log.events),
        body_bytes: i64::try_from(attempted.body_bytes).unwrap_or(i64::MAX),
        started_ago: now.saturating_sub(log.started_at),
        latency: attempted.latency,
    }
}

fn stored_put(put: Put) -> PutRow {
    PutRow {
        position: put.position,
        from: put.from.iter().map(|origin| origin.position).collect(),
        event_count: count(put.events),
        payload: (!put.is_in_place).then(|| text(&put.payload)),
        target: put.target.map(|target| target.to_string()),
        attempts: count(put.attempts),
        due_in: put.due_in,
        batch_id: put.batch_id,
        last_error: put.last_error,
        enqueued_at: put.enqueued_at,
        traces: put.traces.map(|traces| traces.to_string()),
    }
}

fn stored_bury(bury: Bury) -> BuryRow {
    let row = stored_put(bury.row);
    BuryRow {
        position: row.position,
        event_count: row.event_count,
        payload: row.payload,
        target: row.target,
        attempts: row.attempts,
        batch_id: row.batch_id,
        last_error: row.last_error,
        enqueued_at: row.enqueued_at,
        reason: match bury.reason {
            Reason::Rejected => BuryReason::Rejected,
            Reason::Expired => BuryReason::Expired,
            Reason::Exhausted => BuryReason::Exhausted,
        },
        status: bury.status,
        response: bury.response,
    }
}

/// A row that is moved as it stands: what stands there is not known here.
fn stored_overflow(row: Overflowed) -> BuryRow {
    BuryRow {
        position: row.position,
        event_count: count(row.events),
        payload: None,
        target: None,
        attempts: 0,
        batch_id: None,
        last_error: None,
        enqueued_at: DateTime::UNIX_EPOCH,
        reason: BuryReason::Overflow,
        status: None,
        response: None,
    }
}

fn text(payload: &Body) -> String {
    let mut text = String::with_capacity(payload.len());
    for piece in payload.pieces() {
        text.push_str(std::str::from_utf8(piece).expect("it came as text and was cut between events"));
    }
    text
}

fn count(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settlement(id: u64, written: &[usize], is_in_place: bool) -> Settlement {
        let put = |bytes: &usize| Put { is_in_place, ..Put::sample(10_000, 1, " ".repeat(*bytes)) };
        let put = written.iter().map(put).collect();
        Settlement {
            id,
            mapping_id: 1,
            partition: 1,
            epoch: 1,
            log: None,
            delete: Vec::new(),
            put,
            bury: Vec::new(),
            overflow: Vec::new(),
            is_awaited: !written.is_empty(),
        }
    }

    /// How many are recorded together, and after how long, when these come every millisecond, awaited or not.
    async fn gathered(awaited: &[bool], together: usize) -> (usize, Duration) {
        let (send, mut settlements) = unbounded_channel();
        let come = async {
            for &is_awaited in awaited {
                _ = send.send(Settlement { is_awaited, ..settlement(1, &[], true) });
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let record = async {
            let began = tokio::time::Instant::now();
            let mut gathered = vec![settlements.recv().await.unwrap()];
            gather(&mut settlements, &mut gathered, together, Duration::from_millis(10)).await;
            (gathered.len(), began.elapsed())
        };
        tokio::join!(record, come).0
    }

    #[test]
    fn a_statement_writes_no_more_than_it_may_but_records_one_settlement_at_least() {
        let half = BYTES_MAX / 2;
        let all = [(1, &[half][..]), (2, &[half / 2, half / 2]), (3, &[1]), (4, &[])]
            .map(|(id, written)| settlement(id, written, false));
        assert_eq!(portion(&all), 2);
        assert_eq!(portion(&all[2..]), 2);
        assert_eq!(portion(&[settlement(1, &[BYTES_MAX + 1], false), settlement(2, &[], false)]), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn deliveries_are_gathered_until_there_are_enough_or_for_a_while() {
        let milliseconds = Duration::from_millis;
        let (count, took) = gathered(&[false; 40], 1000).await;
        assert!((9..=11).contains(&count) && took >= milliseconds(10), "{count} in {took:?}");
        let (count, took) = gathered(&[false; 40], 4).await;
        assert!(count == 4 && took < milliseconds(6), "{count} in {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_something_waits_for_is_recorded_soon() {
        let (_, took) = gathered(&[true; 40], 1000).await;
        assert!(took <= Duration::from_millis(3), "{took:?}");
        let (_, took) = gathered(&[false, false, false, false, true, false, false, false, false], 1000).await;
        assert!(took <= Duration::from_millis(8), "{took:?}");
    }

    #[test]
    fn what_stays_where_it_is_is_not_written() {
        let all = [1, 2].map(|id| settlement(id, &[BYTES_MAX], true));
        assert_eq!(portion(&all), 2);
    }

    #[test]
    fn what_is_written_anew_keeps_nothing_else_waiting() {
        let (settlements, [mut moved, mut written]) = Settlements::new();
        for (id, put, is_in_place) in
            [(1, &[BYTES_MAX][..], false), (2, &[BYTES_MAX], true), (3, &[], false), (4, &[1], false)]
        {
            settlements.hand_over(settlement(id, put, is_in_place));
        }
        let ids = |way: &mut UnboundedReceiver<Settlement>| {
            std::iter::from_fn(|| way.try_recv().ok()).map(|settlement| settlement.id).collect::<Vec<_>>()
        };
        assert_eq!((ids(&mut moved), ids(&mut written)), (vec![2, 3], vec![1, 4]));
    }

    #[tokio::test(start_paused = true)]
    async fn writing_rests_by_how_much_it_wrote() {
        let rested = async |took, written| {
            let began = tokio::time::Instant::now();
            rest_after(Duration::from_millis(took), written).await;
            began.elapsed().as_millis()
        };
        assert_eq!(rested(5, BYTES_MAX).await, 20);
        assert_eq!(rested(5, BYTES_MAX * 4).await, 20);
        assert_eq!(rested(5, BYTES_MAX / 2).await, 10);
        assert_eq!(rested(5, 800).await, 0);
        assert_eq!(rested(60_000, BYTES_MAX).await, 400);
    }
}
