//! Committer: many requests share one commit.
//!
//! Invariants: a request is answered only after the commit that holds all of it; a commit that was begun is never
//! cancelled (it runs in the committer's own task, not in a call's); when a commit fails, every request in it fails.
//! An idle committer commits at once; requests gather only while all committers are busy. A lane whose order counts is
//! never in two commits at a time: its rows become visible in the order in which its requests came.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signalpost_storage::{NewRejected, Queue, StorageError};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::depth::Admitted;
use crate::limits::Room;
use crate::metrics::Metrics;
use crate::rows::{self, Row};

/// What one request wants stored: all of it, or nothing.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) rows: Vec<Row>,
    pub(crate) rejected: Vec<NewRejected>,
    /// The lanes among those of `rows` whose order counts.
    pub(crate) ordered: Vec<i64>,
}

impl Wanted {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.rejected.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        let rejected = |one: &NewRejected| one.event.len() + one.reason.len();
        self.rows.iter().map(Row::bytes).sum::<usize>() + self.rejected.iter().map(rejected).sum::<usize>()
    }
}

/// Why a request was not stored, or is not known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommitError {
    #[error("the database can't be reached; nothing is acknowledged")]
    Unavailable,
    #[error("the database refused the events; the server's log says why")]
    Failed,
    #[error("the server is going away")]
    Closed,
}

/// The answer to a request handed to the committers: resolves when its commit ended.
#[derive(Debug)]
pub(crate) struct Pending(oneshot::Receiver<Result<(), CommitError>>);

impl Pending {
    pub(crate) async fn committed(&mut self) -> Result<(), CommitError> {
        (&mut self.0).await.unwrap_or(Err(CommitError::Closed))
    }
}

#[derive(Debug)]
struct Submission {
    wanted: Wanted,
    bytes: usize,
    answer: oneshot::Sender<Result<(), CommitError>>,
    /// Held until the commit ended: what is being committed still takes memory.
    room: Room,
    admitted: Admitted,
}

/// What is waiting for a committer.
#[derive(Debug, Default)]
struct Line {
    submissions: VecDeque<Submission>,
    /// Lanes whose order counts and of which a commit is under way.
    committing: HashSet<i64>,
    closed: bool,
}

impl Line {
    /// What goes into the next commit: from the front, but for what has to wait for a commit that is under way, or for
    /// a request before it that does. Nobody waits for a request that its client gave up, so that is left out.
    fn take(&mut self, bytes_max: usize) -> Vec<Submission> {
        let (mut taken, mut held_up) = (Vec::new(), VecDeque::new());
        let mut busy = self.committing.clone();
        let mut bytes = 0;
        while let Some(next) = self.submissions.pop_front() {
            if next.answer.is_closed() {
                continue;
            }
            if next.wanted.ordered.iter().any(|lane| busy.contains(lane)) {
                busy.extend(&next.wanted.ordered);
                held_up.push_back(next);
            } else if !taken.is_empty() && bytes + next.bytes > bytes_max {
                self.submissions.push_front(next);
                break;
            } else {
                bytes += next.bytes;
                self.committing.extend(&next.wanted.ordered);
                taken.push(next);
            }
        }
        held_up.append(&mut self.submissions);
        self.submissions = held_up;
        taken
    }

    /// A commit of these lanes is over.
    fn release(&mut self, lanes: &[i64]) {
        for lane in lanes {
            self.committing.remove(lane);
        }
    }
}

/// Hands requests to the committers.
pub(crate) struct Committer {
    line: Mutex<Line>,
    arrival: Notify,
    commit_bytes_max: usize,
    queue: Queue,
    /// Rung when something was queued.
    pub(crate) queued: Notify,
    /// Rung when Postgres could not be reached: readiness should look now.
    troubled: Arc<Notify>,
    /// The last commit failed.
    is_failing: AtomicBool,
    metrics: Metrics,
}

impl Committer {
    pub(crate) fn new(
        queue: Queue,
        commit_bytes_max: usize,
        troubled: Arc<Notify>,
        metrics: Metrics,
    ) -> Self {
        Self {
            line: Mutex::default(),
            arrival: Notify::new(),
            commit_bytes_max,
            queue,
            queued: Notify::new(),
            troubled,
            is_failing: AtomicBool::new(false),
            metrics,
        }
    }

    /// Puts a request in line.
    pub(crate) fn submit(&self, wanted: Wanted, room: Room, admitted: Admitted) -> Pending {
        let (answer, pending) = oneshot::channel();
        let bytes = wanted.bytes();
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if !line.closed {
            line.submissions.push_back(Submission { wanted, bytes, answer, room, admitted });
            drop(line);
            self.arrival.notify_one();
        }
        Pending(pending)
    }

    /// Lets the committers end once the line is empty.
    pub(crate) fn close(&self) {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.arrival.notify_one();
    }

    /// Commits until `close`. Several may run.
    pub(crate) async fn run(&self) {
        loop {
            let arrival = self.arrival.notified();
            match self.take() {
                Some(submissions) => self.commit(submissions).await,
                None if self.is_closed() => break,
                None => arrival.await,
            }
        }
        // The next committer waits at the same bell.
        self.arrival.notify_one();
    }

    fn is_closed(&self) -> bool {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).closed
    }

    fn take(&self) -> Option<Vec<Submission>> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = line.take(self.commit_bytes_max);
        (!taken.is_empty()).then_some(taken)
    }

    /// Lets go of lanes whose commit is over; what waited for it may concern a committer that is idle.
    fn release(&self, lanes: &[i64]) {
        if lanes.is_empty() {
            return;
        }
        self.line.lock().unwrap_or_else(PoisonError::into_inner).release(lanes);
        self.arrival.notify_one();
    }

    async fn commit(&self, submissions: Vec<Submission>) {
        let begun = self.metrics.commit_begins(submissions.len());
        let (wanted, waiting): (Vec<_>, Vec<_>) =
            submissions.into_iter().map(|one| (one.wanted, (one.answer, one.room, one.admitted))).unzip();
        let ordered: Vec<i64> = wanted.iter().flat_map(|one| &one.ordered).copied().collect();
        let outcome = self.store(wanted).await;
        drop(begun);
        self.release(&ordered);
        for (answer, room, admitted) in waiting {
            drop(room);
            if outcome.is_ok() {
                admitted.committed();
            }
            // A client that went away does not hear that its events are stored.
            let _gone = answer.send(outcome);
        }
    }

    async fn store(&self, wanted: Vec<Wanted>) -> Result<(), CommitError> {
        let mut rejected = Vec::new();
        let rows = wanted.into_iter().map(|one| {
            rejected.extend(one.rejected);
            one.rows
        });
        let batches = rows::join(rows);
        let started = Instant::now();
        let outcome = self.queue.enqueue(&batches, &rejected).await;
        let outcome = self.report(outcome);
        let payloads = batches.iter().map(|batch| u64::try_from(batch.event_count).unwrap_or(0)).sum();
        self.metrics.committed(started, outcome, payloads);
        if outcome.is_ok() && !batches.is_empty() {
            self.queued.notify_one();
        }
        outcome
    }

    /// Says the first failure and the end of them, not each.
    fn report(&self, outcome: Result<(), StorageError>) -> Result<(), CommitError> {
        let was_failing = self.is_failing.swap(outcome.is_err(), Ordering::Relaxed);
        let Err(error) = outcome else {
            if was_failing {
                info!("commits succeed again");
            }
            return Ok(());
        };
        if !was_failing {
            let error: &dyn std::error::Error = &error;
            warn!(error, "a commit failed: its requests are not acknowledged");
        }
        if error.is_transient() {
            self.troubled.notify_one();
            return Err(CommitError::Unavailable);
        }
        Err(CommitError::Failed)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::depth::{Depths, Limit};
    use crate::limits::Waiting;

    /// A request of one byte for these lanes, and the one that waits for its answer.
    async fn request(line: &mut Line, ordered: &[i64]) -> Pending {
        let (answer, pending) = oneshot::channel();
        let room = Waiting::new(100, Gauge::default()).reserve_patiently(1).await;
        let wanted = Wanted { rows: Vec::new(), rejected: Vec::new(), ordered: ordered.to_vec() };
        let metrics = Metrics::register(&mut Registry::default());
        let admitted = Arc::new(Depths::new(Limit::default(), metrics)).admit(&[]).unwrap();
        line.submissions.push_back(Submission { wanted, bytes: 1, answer, room, admitted });
        Pending(pending)
    }

    fn taken(line: &mut Line, bytes_max: usize) -> Vec<Vec<i64>> {
        line.take(bytes_max).into_iter().map(|one| one.wanted.ordered).collect()
    }

    #[tokio::test]
    async fn a_lane_whose_order_counts_is_in_one_commit_at_a_time() {
        let mut line = Line::default();
        let mut waiting = Vec::new();
        for lanes in [&[1][..], &[1, 2], &[2], &[], &[3]] {
            waiting.push(request(&mut line, lanes).await);
        }
        assert_eq!(taken(&mut line, 1), [[1]]);
        assert_eq!(
            taken(&mut line, 9),
            [vec![], vec![3]],
            "the third waits for the second, which waits for the first"
        );
        assert!(taken(&mut line, 9).is_empty());
        line.release(&[1]);
        assert_eq!(taken(&mut line, 9), [vec![1, 2], vec![2]], "together they keep their order");
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_committed() {
        let mut line = Line::default();
        drop(request(&mut line, &[1]).await);
        let _waiting = request(&mut line, &[1]).await;
        assert_eq!(taken(&mut line, 9).len(), 1);
    }
}
