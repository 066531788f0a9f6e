//! Driver: the one task that owns the lanes, tells them what happened, and does what they ask for.
//!
//! Invariants: the lanes are touched by this task alone; every question to Postgres and every attempt runs in a task
//! of its own that answers with an [`Input`], whatever happens; nothing here waits for a receiver.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use signalpost_core::outcome::Outcome;
use signalpost_storage::{Channel, OwnerId, Queue, Snapshot, Storage, Wakeups};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use self::along::Along;
use crate::attempt::{Routes, Signing, attempt};
use crate::catalog::Compiled;
use crate::config::Config;
use crate::decisions::{Decisions, Task};
use crate::lane_states::{Counted, LaneStates};
use crate::lanes::Limits;
use crate::lanes::action::{Action, Attempted, FoundRow, LoadedRow, Moment, Page, Report, Request, Settled};
use crate::metrics::{Beat, Metrics};
use crate::outage::Outage;
use crate::overflow::{Looked, Overflow};
use crate::ownership::{self, Heartbeat};
use crate::settler::Settlements;
use crate::transport::Transport;

mod along;
mod asking;

use asking::{Turns, found};

/// Inputs taken together before acting on them.
const INPUTS_MAX: usize = 512;

/// What the driver is told.
#[derive(Debug)]
pub(crate) enum Input {
    Reported(u64, Report),
    Settled(Vec<(u64, Settled)>),
    Loaded(u64, Vec<LoadedRow>),
    Paged(Page, Vec<FoundRow>),
    Arrived { asked_at: Moment, found: Vec<FoundRow>, is_cut: bool, rows: Vec<LoadedRow>, snapshot: Snapshot },
    Backlog(Vec<i64>),
    Due(Vec<FoundRow>, bool, Option<Duration>),
    Overflowing(Looked),
    Told(bool),
    Counted(Option<Counted>),
    Beaten(Heartbeat),
    Catalog(Compiled),
}

pub(crate) struct Driver<T> {
    pub(crate) config: Config,
    pub(crate) me: OwnerId,
    pub(crate) storage: Storage,
    queue: Queue,
    transport: Arc<T>,
    routes: Routes,
    signing: Arc<Signing>,
    decisions: Decisions<Snapshot>,
    overflow: Overflow,
    lane_states: LaneStates,
    along: Along,
    turns: Arc<Turns>,
    settlements: Settlements,
    inputs: UnboundedSender<Input>,
    outage: Arc<Outage>,
    metrics: Metrics,
    tasks: TaskTracker,
    /// Cuts attempts off.
    abort: CancellationToken,
    /// Ends everything else.
    over: CancellationToken,
    started: Instant,
    unanswered_settlements: usize,
    views_at: Moment,
}

/// What a driver is made of.
pub(crate) struct Parts<T> {
    pub(crate) config: Config,
    pub(crate) me: OwnerId,
    pub(crate) storage: Storage,
    pub(crate) transport: Arc<T>,
    pub(crate) settlements: Settlements,
    pub(crate) inputs: UnboundedSender<Input>,
    pub(crate) outage: Arc<Outage>,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: TaskTracker,
    pub(crate) abort: CancellationToken,
    pub(crate) over: CancellationToken,
    pub(crate) started: Instant,
}

impl<T: Transport> Driver<T> {
    pub(crate) fn new(parts: Parts<T>) -> Self {
        let config = &parts.config;
        let limits = Limits {
            loaded_bytes: usize::try_from(config.loaded_bytes_max.as_u64()).unwrap_or(usize::MAX),
            unsettled: config.unsettled_max as usize,
        };
        Self {
            queue: parts.storage.queue(),
            decisions: Decisions::new(limits, config.lease, config.poll),
            overflow: Overflow::default(),
            lane_states: LaneStates::default(),
            along: Along::default(),
            turns: Arc::default(),
            routes: Routes::new(),
            signing: Arc::new(Signing::new()),
            unanswered_settlements: 0,
            views_at: Moment::ZERO,
            config: parts.config,
            me: parts.me,
            storage: parts.storage,
            transport: parts.transport,
            settlements: parts.settlements,
            inputs: parts.inputs,
            outage: parts.outage,
            metrics: parts.metrics,
            tasks: parts.tasks,
            abort: parts.abort,
            over: parts.over,
            started: parts.started,
        }
    }

    /// Runs until it is told to stop and has finished, or to abort.
    pub(crate) async fn run(mut self, mut told: UnboundedReceiver<Input>, stop: CancellationToken) {
        let arrivals = self.storage.listen(Channel::Batches);
        let partitions = self.storage.listen(Channel::Partitions);
        let (outage, queue, over) = (Arc::clone(&self.outage), self.queue.clone(), stop.clone());
        if let Some(seen) = outage.persist("take a snapshot", &over, || queue.snapshot()).await {
            self.decisions.begin(seen);
        }
        let mut inputs = Vec::with_capacity(INPUTS_MAX);
        while !stop.is_cancelled() && !self.abort.is_cancelled() {
            self.step(&mut told, &mut inputs, Some((&arrivals, &partitions)), &stop).await;
        }
        self.drain(&mut told, &mut inputs).await;
        self.metrics.pulse.end();
        self.metrics.owning(false);
    }

    /// Finishes what is under way; when told to abort, cuts it off and records what is known.
    async fn drain(&mut self, told: &mut UnboundedReceiver<Input>, inputs: &mut Vec<Input>) {
        info!(unsettled = self.decisions.lanes.unsettled(), "draining");
        let now = self.now();
        self.decisions.stop(now);
        self.act(now);
        let abort = self.abort.clone();
        while !self.is_drained() && !abort.is_cancelled() {
            self.step(told, inputs, None, &abort).await;
        }
        let deadline = CancellationToken::new();
        let end = tokio::time::Instant::now() + self.config.abort_time_max;
        while !self.is_drained()
            && tokio::time::timeout_at(end, self.step(told, inputs, None, &deadline)).await.is_ok()
        {}
        if !self.is_drained() {
            warn!(
                unsettled = self.decisions.lanes.unsettled(),
                "aborting with requests that are not recorded: they will be sent again"
            );
        }
    }

    fn is_drained(&self) -> bool {
        self.decisions.lanes.is_drained() && self.unanswered_settlements == 0
    }

    /// Waits for something to happen, and deals with it.
    async fn step(
        &mut self,
        told: &mut UnboundedReceiver<Input>,
        inputs: &mut Vec<Input>,
        hints: Option<(&Wakeups, &Wakeups)>,
        interrupt: &CancellationToken,
    ) {
        self.metrics.pulse.beat();
        let next = self.next_tick();
        tokio::select! {
            () = interrupt.cancelled() => return,
            _ = told.recv_many(inputs, INPUTS_MAX) => {}
            () = hinted(hints.map(|(arrivals, _)| arrivals)) => self.decisions.hint_arrivals(),
            () = hinted(hints.map(|(_, partitions)| partitions)) => self.decisions.hint_partitions(),
            () = tokio::time::sleep_until((self.started + next).into()) => {}
        }
        // The process may have been stopped for longer than the lease: that comes before whatever was told meanwhile.
        if self.decisions.wake(self.now()) {
            warn!("the lease could not be renewed in time: nothing is sent until it is");
            self.metrics.owning(false);
        }
        for input in inputs.drain(..) {
            self.take(input);
        }
        let now = self.now();
        self.decisions.decide(now);
        self.look_for_full_lanes(now);
        self.act(now);
        self.show(now);
    }

    fn now(&self) -> Moment {
        self.started.elapsed()
    }

    fn next_tick(&self) -> Moment {
        let ticks = [self.decisions.next_tick(), self.overflow.next_tick(), self.lane_states.next_tick()];
        ticks.into_iter().flatten().min().unwrap_or(self.now() + Duration::from_secs(1))
    }

    fn take(&mut self, input: Input) {
        let now = self.now();
        match input {
            Input::Reported(request, report) => {
                self.decisions.lanes.reported(now, request, report, rand::random());
            }
            Input::Settled(answers) => {
                self.unanswered_settlements -= answers.len();
                for (settlement, settled) in answers {
                    self.decisions.lanes.settled(now, settlement, settled);
                }
            }
            Input::Loaded(load, rows) => self.decisions.lanes.loaded(now, load, rows),
            Input::Paged(page, rows) => self.decisions.lanes.paged(now, page, &rows),
            Input::Arrived { asked_at, found, is_cut, rows, snapshot } => {
                self.along.come(now.saturating_sub(asked_at), rows);
                self.lane_states.arrived(&found);
                self.decisions.arrived(now, &found, is_cut, snapshot);
            }
            Input::Backlog(mapping_ids) => self.decisions.lanes.backlog(now, &mapping_ids),
            Input::Due(rows, is_full, next_in) => {
                self.decisions.lanes.found_due(now, &rows, is_full, next_in);
            }
            Input::Overflowing(looked) => self.overflowing(now, &looked),
            Input::Told(is_done) => self.lane_states.told(is_done),
            Input::Counted(counted) => self.lane_states.counted(now, counted),
            Input::Beaten(heartbeat) => self.beaten(now, heartbeat),
            Input::Catalog(compiled) => {
                info!(mappings = compiled.lanes.len(), "configuration loaded");
                self.metrics.configured(compiled.version, compiled.broken, compiled.names);
                self.routes = compiled.routes;
                self.overflow.configure(compiled.limits);
                self.decisions.configured();
                self.decisions.lanes.configure(now, &compiled.lanes);
            }
        }
    }

    fn beaten(&mut self, now: Moment, heartbeat: Heartbeat) {
        match heartbeat.result {
            Some(Ok(answer)) => {
                self.outage.is_over("renew the lease");
                let owned = ownership::owned(&answer);
                let is_valid = self.decisions.beaten(now, heartbeat.sent_at, &heartbeat.released, &owned);
                let beat = if is_valid { Beat::Renewed } else { Beat::Late };
                self.metrics.beaten(beat, is_valid.then_some(answer.holds.len()));
                if !answer.taken_over.is_empty() {
                    let partitions = answer.taken_over;
                    info!(?partitions, "taken over from a dispatcher that did not renew its lease");
                }
            }
            Some(Err(error)) => {
                self.outage.began("renew the lease", &error);
                self.metrics.beaten(Beat::Failed, None);
                self.decisions.not_beaten(now);
            }
            None => {
                self.metrics.beaten(Beat::Failed, None);
                self.decisions.not_beaten(now);
            }
        }
    }

    fn overflowing(&mut self, now: Moment, looked: &Looked) {
        self.overflow.looked(now, looked);
        for lane in &looked.full {
            let oldest: Vec<FoundRow> = lane.oldest.iter().map(found).collect();
            self.decisions.lanes.overflow(now, lane.mapping_id, &oldest, lane.excess);
        }
    }

    fn act(&mut self, now: Moment) {
        while let Some(task) = self.decisions.next_task() {
            match task {
                Task::Beat { releasing, is_stopping } => self.beat(now, releasing, is_stopping),
                Task::Look { since, partitions } => self.look(since, partitions),
                Task::LookBehind(partitions) | Task::Act(Action::Backlog(partitions)) => {
                    self.lane_states.acquired(&partitions);
                    self.look_behind(partitions);
                }
                Task::Act(Action::Send(request)) => self.send(request),
                Task::Act(Action::Settle(settlement)) => {
                    self.unanswered_settlements += 1;
                    self.lane_states.settling(&settlement);
                    self.settlements.hand_over(settlement);
                }
                Task::Act(Action::Load(load)) => match self.along.take(&load) {
                    Some(rows) => self.decisions.lanes.loaded(now, load.id, rows),
                    None => self.load(load),
                },
                Task::Act(Action::Page(page)) => self.page(page),
                Task::Act(Action::FindDue { except }) => self.find_due(except),
            }
        }
        self.along.forget();
    }

    fn send(&self, request: Request) {
        let (inputs, id, events) = (self.inputs.clone(), request.id, request.events);
        let Some(route) = self.routes.get(&request.mapping_id).cloned() else {
            // The mapping is gone since; its lane is too.
            _ = inputs.send(Input::Reported(id, Report::Cancelled));
            return;
        };
        let (transport, abort, attempts) =
            (Arc::clone(&self.transport), self.abort.clone(), Arc::clone(&self.metrics.attempts));
        let (identity, signing) = (request.identity, Arc::clone(&self.signing));
        self.tasks.spawn(async move {
            // A panic is that attempt's failure: its events must not be under way for ever.
            // Boxed, because some kilobytes would otherwise move with every layer around them.
            let attempt = Box::pin(attempt(&*transport, &route, request, &signing));
            let attempt = AssertUnwindSafe(attempt).catch_unwind();
            let attempted = abort.run_until_cancelled(attempt).await.map(|ended| ended.unwrap_or_else(|_| panicked()));
            let report = attempted.map_or(Report::Cancelled, |attempted| {
                attempts.made(&attempted, events);
                debug!(
                    mapping = &*route.name, batch_id = %identity.batch_id, attempt = identity.attempt, events,
                    outcome = attempted.outcome.as_str(), status = attempted.status, error = attempted.error, "attempted"
                );
                Report::Attempted(attempted)
            });
            _ = inputs.send(Input::Reported(id, report));
        });
    }

    fn show(&mut self, now: Moment) {
        if self.views_at > now {
            return;
        }
        self.views_at = now + Duration::from_secs(1);
        self.metrics
            .memory
            .loaded_bytes
            .set(i64::try_from(self.decisions.lanes.loaded_bytes()).unwrap_or(i64::MAX));
        self.metrics
            .memory
            .unsettled
            .set(i64::try_from(self.decisions.lanes.unsettled()).unwrap_or(i64::MAX));
        self.metrics.show_lanes(self.decisions.lanes.views());
        self.tell_lanes(now);
        self.count_lanes(now);
    }
}

fn panicked() -> Attempted {
    error!("an attempt panicked, it is tried again later");
    Attempted {
        outcome: Outcome::Retryable { after: None, is_overload: false },
        each: Vec::new(),
        status: None,
        error: Some(String::from("the dispatcher failed while sending; its log says why")),
        response: None,
        body_bytes: 0,
        latency: Duration::ZERO,
    }
}

async fn hinted(hints: Option<&Wakeups>) {
    match hints {
        Some(hints) => hints.next().await,
        None => std::future::pending().await,
    }
}
