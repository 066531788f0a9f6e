//! Asking: the driver's questions to Postgres, each in a task of its own, and their answers as [`Input`]s.
//!
//! Invariant: a question is asked until it is answered, but for heartbeats and what only the `queue` view shows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use signalpost_storage::{Found, OwnerId, Queue, Row, Snapshot, StorageError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Driver, Input};
use crate::lane_states::{Counted, Counting, DEEP_ROWS};
use crate::lanes::action::{FoundRow, Load, LoadedRow, Moment, Page};
use crate::outage::Outage;
use crate::overflow;
use crate::ownership::Heartbeat;
use crate::transport::Transport;

/// Due retries asked for at a time.
const DUE_MAX: i64 = 1000;

/// Readings of each kind that are asked for at a time: when much memory comes free at once, hundreds of lanes would read more,
/// and who else asks would wait for a connection, and for Postgres.
const READINGS_MAX: usize = 2;

/// Whose turn it is to read.
#[derive(Debug)]
pub(super) struct Turns {
    first_loads: Semaphore,
    further_loads: Semaphore,
    pages: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        let [first_loads, further_loads, pages] = std::array::from_fn(|_| Semaphore::new(READINGS_MAX));
        Self { first_loads, further_loads, pages }
    }
}

/// What a question to Postgres needs to be asked until it is answered.
struct Asking {
    outage: Arc<Outage>,
    over: CancellationToken,
}

impl Asking {
    async fn persist<T, F: Future<Output = Result<T, StorageError>>>(
        &self,
        what: &'static str,
        question: impl FnMut() -> F,
    ) -> Option<T> {
        self.outage.persist(what, &self.over, question).await
    }
}

impl<T: Transport> Driver<T> {
    pub(super) fn beat(&self, now: Moment, releasing: Vec<i16>, is_stopping: bool) {
        let (store, me, name) = (self.storage.ownership(), self.me, self.config.name.clone());
        let (lease, patience) = (self.config.lease, self.decisions.patience());
        self.ask(|_| async move {
            let beat = store.heartbeat(me, &name, lease, &releasing, is_stopping);
            let answer = tokio::time::timeout(patience, beat).await;
            Some(Input::Beaten(Heartbeat { sent_at: now, released: releasing, result: answer.ok() }))
        });
    }

    pub(super) fn look(&self, since: Snapshot, partitions: Vec<i16>) {
        let (queue, started, mut asked_at) = (self.queue.clone(), self.started, Moment::ZERO);
        self.ask(|asking| async move {
            let arrived = || {
                asked_at = started.elapsed();
                queue.arrived(&since, &partitions)
            };
            let arrivals = asking.persist("look for arrivals", arrived).await?;
            Some(Input::Arrived {
                asked_at,
                found: arrivals.found.iter().map(found).collect(),
                is_cut: arrivals.is_cut,
                rows: arrivals.rows.into_iter().map(loaded).collect(),
                snapshot: arrivals.snapshot,
            })
        });
    }

    pub(super) fn look_behind(&self, partitions: Vec<i16>) {
        let queue = self.queue.clone();
        self.ask(|asking| async move {
            let backlog = || queue.backlog(&partitions);
            Some(Input::Backlog(asking.persist("look for a backlog", backlog).await?))
        });
    }

    pub(super) fn look_for_full_lanes(&mut self, now: Moment) {
        let owned = || self.decisions.lanes.owned_partitions();
        let Some(limits) = self.overflow.begin(now, owned) else { return };
        let queue = self.queue.clone();
        self.ask(|asking| async move {
            let look = || overflow::look(&queue, &limits);
            Some(Input::Overflowing(asking.persist("look for full lanes", look).await?))
        });
    }

    pub(super) fn load(&self, load: Load) {
        let (queue, turns) = (self.queue.clone(), Arc::clone(&self.turns));
        self.ask(|asking| async move {
            let turns = if load.is_first { &turns.first_loads } else { &turns.further_loads };
            let _turn = turns.acquire().await.ok()?;
            let rows = asking.persist("load rows", || queue.load(&load.keys)).await?;
            Some(Input::Loaded(load.id, rows.into_iter().map(loaded).collect()))
        });
    }

    pub(super) fn page(&self, page: Page) {
        let (queue, turns) = (self.queue.clone(), Arc::clone(&self.turns));
        let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
        self.ask(|asking| async move {
            let _turn = turns.pages.acquire().await.ok()?;
            let read = || queue.page(page.mapping_id, page.after, limit, page.include_scheduled);
            let rows = asking.persist("page a lane", read).await?;
            Some(Input::Paged(page, rows.iter().map(found).collect()))
        });
    }

    pub(super) fn find_due(&self, except: Vec<i64>) {
        let (queue, partitions) = (self.queue.clone(), self.decisions.lanes.owned_partitions());
        self.ask(|asking| async move {
            let due = || queue.due(&partitions, &except, DUE_MAX);
            let rows = asking.persist("look for due retries", due).await?;
            let is_full = rows.len() >= usize::try_from(DUE_MAX).unwrap_or(usize::MAX);
            let next = || queue.next_due(&partitions);
            let next_in =
                if is_full { None } else { asking.persist("look for the next retry", next).await? };
            Some(Input::Due(rows.iter().map(found).collect(), is_full, next_in))
        });
    }

    /// Says what changed, for the `queue` view.
    pub(super) fn tell_lanes(&mut self, now: Moment) {
        let is_burying = |mapping_id| self.overflow.is_burying(mapping_id);
        let owned = self.decisions.lanes.owned_partitions();
        let views = self.decisions.lanes.views();
        let Some(telling) = self.lane_states.look(now, views, is_burying, &owned) else { return };
        let (queue, me) = (self.queue.clone(), self.me);
        self.ask(|asking| async move {
            let told = queue.tell_lanes(me, &telling.states, &telling.forget);
            Some(Input::Told(asking.over.run_until_cancelled(told).await?.is_ok()))
        });
    }

    pub(super) fn count_lanes(&mut self, now: Moment) {
        let Some(counting) = self.lane_states.count(now) else { return };
        let (queue, me) = (self.queue.clone(), self.me);
        self.ask(|asking| async move {
            let counted = asking.over.run_until_cancelled(count(&queue, me, counting)).await?;
            Some(Input::Counted(counted.ok()))
        });
    }

    /// Asks in a task of its own; the answer comes as an input.
    fn ask<F>(&self, question: impl FnOnce(Asking) -> F)
    where
        F: Future<Output = Option<Input>> + Send + 'static,
    {
        let answer = question(Asking { outage: Arc::clone(&self.outage), over: self.over.clone() });
        let inputs = self.inputs.clone();
        self.tasks.spawn(async move {
            if let Some(input) = answer.await {
                _ = inputs.send(input);
            }
        });
    }
}

/// Counts what the `queue` view does not count itself. Fails rather than insists: nothing depends on it.
async fn count(queue: &Queue, me: OwnerId, counting: Counting) -> Result<Counted, StorageError> {
    let began = Instant::now();
    let mut counted = Counted::default();
    if !counting.acquired.is_empty() {
        counted.deep = queue.deep_lanes(me, &counting.acquired, DEEP_ROWS).await?;
    }
    if !counting.waiting.is_empty() {
        counted.waiting = queue.count_lanes(&counting.waiting).await?;
    }
    if !counting.dead.is_empty() {
        counted.dead = queue.count_dead(&counting.dead).await?;
    }
    counted.took = began.elapsed();
    Ok(counted)
}

pub(super) fn found(row: &Found) -> FoundRow {
    let due_in = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    FoundRow {
        mapping_id: row.mapping_id,
        position: row.position,
        events: u32::try_from(row.event_count).unwrap_or(0),
        bytes: usize::try_from(row.bytes).unwrap_or(0),
        due_in: row.due_in.map(due_in),
    }
}

fn loaded(row: Row) -> LoadedRow {
    LoadedRow {
        mapping_id: row.mapping_id,
        position: row.position,
        events: u32::try_from(row.event_count).unwrap_or(0),
        payload: row.payload.into(),
        target: row.target.map(Arc::from),
        attempts: u32::try_from(row.attempts).unwrap_or(0),
        batch_id: row.batch_id,
        enqueued_at: row.enqueued_at,
        age: row.age,
        is_scheduled: row.scheduled,
        traces: row.traces.map(Arc::from),
    }
}
