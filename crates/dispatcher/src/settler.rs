//! Settler: gathers settlements into few statements, and keeps them until Postgres has answered.
//!
//! Invariant: a settlement that was handed over is answered exactly once, `Done` only after its commit.

use std::sync::Arc;
use std::time::Instant;

use chrono::DateTime;
use signalpost_storage as storage;
use signalpost_storage::{AttemptLog, BuryReason, BuryRow, Hold, OwnerId, PutRow, Queue};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::driver::Input;
use crate::lanes::action::{Bury, Log, Moment, Overflowed, Put, Reason, Settled, Settlement};
use crate::metrics::Metrics;
use crate::outage::Outage;

pub(crate) struct Settler {
    pub(crate) queue: Queue,
    pub(crate) me: OwnerId,
    pub(crate) started: Instant,
    pub(crate) settlements: UnboundedReceiver<Settlement>,
    pub(crate) answers: UnboundedSender<Input>,
    pub(crate) outage: Arc<Outage>,
    pub(crate) metrics: Metrics,
    /// Nobody waits for the answers any more.
    pub(crate) over: CancellationToken,
}

impl Settler {
    /// Runs until the driver lets go of its end, or it is over.
    pub(crate) async fn run(mut self, config: Config) {
        let together = config.settle_max as usize;
        let mut gathered = Vec::with_capacity(together);
        let mut is_busy = false;
        while self.settlements.recv_many(&mut gathered, together).await > 0 {
            // Alone, one does not wait for others; in a stream of them each statement takes what has come meanwhile.
            if is_busy && gathered.len() < together {
                tokio::time::sleep(config.settle_gather).await;
                while gathered.len() < together
                    && let Ok(more) = self.settlements.try_recv()
                {
                    gathered.push(more);
                }
            }
            if self.settle(&mut gathered).await.is_none() {
                return;
            }
            is_busy = !self.settlements.is_empty();
        }
    }

    async fn settle(&self, gathered: &mut Vec<Settlement>) -> Option<()> {
        let began = Instant::now();
        let now = self.started.elapsed();
        let (ids, rows): (Vec<u64>, Vec<storage::Settlement>) =
            gathered.drain(..).map(|settlement| (settlement.id, stored(settlement, now))).unzip();
        let answers = self.outage.persist("settle", &self.over, || self.queue.settle(self.me, &rows)).await?;
        self.metrics.settle_duration.observe(began.elapsed().as_secs_f64());
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

fn text(payload: &[u8]) -> String {
    String::from_utf8(payload.to_vec()).expect("it came as text and was cut between events")
}

fn count(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
