//! Depth: how much is queued, nearly, and what may not be queued any more.
//!
//! Invariants: an estimate counts everything that this process has queued or is queueing, and the rest as it was at the
//! last look; so it is too low by what other processes queued since then, and too high by what was delivered since
//! then and by what was committed while the look was under way. A request is admitted whole or refused whole. The end of fullness is said as its beginning is: once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signalpost_storage::{Depth, Queue};
use tokio::sync::{Notify, watch};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::catalog::{Compiled, Mapping};
use crate::metrics::{LaneDepth, Metrics};
use crate::readiness::Readiness;

/// Between two looks, at least; and at least so many times what a look took, so that looking never takes more than a
/// fiftieth of the database's time.
const LOOK_PAUSE: Duration = Duration::from_secs(2);
const LOOK_SHARE: u32 = 50;
/// Nobody was refused for so long: the queue is not full any more.
const CALM: Duration = Duration::from_secs(30);
/// The name under which everything that is queued is counted.
const ALL: &str = "all";

/// Events and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

impl Amount {
    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
    }

    fn subtract(&mut self, other: Self) {
        self.events -= other.events;
        self.bytes -= other.bytes;
    }
}

/// How much may be queued.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) events: Option<u64>,
    pub(crate) bytes: Option<u64>,
}

impl Limit {
    /// Which part of what may be there is, by the limit that is nearer.
    fn ratio(self, depth: Amount) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a ratio is read by people")]
        let of = |depth: u64, max: Option<u64>| max.map_or(0.0, |max| depth as f64 / max.max(1) as f64);
        of(depth.events, self.events).max(of(depth.bytes, self.bytes))
    }

    /// The limit that is reached: what is counted, how much there is, how much there may be.
    fn reached(self, depth: Amount) -> Option<(&'static str, u64, u64)> {
        let events = self.events.filter(|max| depth.events >= *max).map(|max| ("events", depth.events, max));
        let bytes = || self.bytes.filter(|max| depth.bytes >= *max).map(|max| ("bytes", depth.bytes, max));
        events.or_else(bytes)
    }
}

/// What a request brings to one lane.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    pub(crate) mapping: Arc<Mapping>,
    pub(crate) amount: Amount,
}

/// A request may not be queued: the whole of it, because there is too much in one lane or in all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {depth} {unit} wait and {max} may ({setting}); nothing of this request is stored", match mapping {
    Some(mapping) => format!("the queue of {mapping} is full"),
    None => String::from("the queue is full"),
})]
pub(crate) struct QueueFull {
    /// "destination/mapping", or none when all lanes together are full.
    pub(crate) mapping: Option<String>,
    /// Which limit.
    pub(crate) setting: String,
    unit: &'static str,
    depth: u64,
    max: u64,
}

/// One lane, or all of them.
#[derive(Debug, Default)]
struct Tally {
    /// At the last look.
    seen: Amount,
    /// Committed before the look that is under way began, or the last one that failed.
    before: Amount,
    /// Committed since then.
    since: Amount,
    /// Admitted, and its commit is not over.
    under_way: Amount,
}

impl Tally {
    fn depth(&self) -> Amount {
        let mut sum = self.seen;
        for part in [self.before, self.since, self.under_way] {
            sum.add(part);
        }
        sum
    }

    fn begin_look(&mut self) {
        self.before.add(std::mem::take(&mut self.since));
    }

    fn end_look(&mut self, seen: Amount) {
        (self.seen, self.before) = (seen, Amount::default());
    }
}

#[derive(Debug, Default)]
struct State {
    lanes: HashMap<i64, Tally>,
    all: Tally,
    /// What was refused something, by its full name, and when last.
    full: HashMap<String, Instant>,
}

/// How much is queued, and who may add to it.
#[derive(Debug)]
pub(crate) struct Depths {
    state: Mutex<State>,
    limit: Limit,
    /// Rung when something was committed: a look that begins then finds it, and it is counted once.
    committed: Notify,
    metrics: Metrics,
}

impl Depths {
    pub(crate) fn new(limit: Limit, metrics: Metrics) -> Self {
        Self { state: Mutex::default(), limit, committed: Notify::new(), metrics }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a request, all of it, while nothing that it would add to is full.
    pub(crate) fn admit(self: &Arc<Self>, shares: &[Share]) -> Result<Admitted, QueueFull> {
        let mut state = self.state();
        if let Some(refusal) = self.refusal(&mut state, shares) {
            return Err(refusal);
        }
        let amounts: Vec<_> = shares.iter().map(|share| (share.mapping.id, share.amount)).collect();
        for (lane, amount) in &amounts {
            state.lanes.entry(*lane).or_default().under_way.add(*amount);
            state.all.under_way.add(*amount);
        }
        Ok(Admitted { depths: Arc::clone(self), amounts, is_committed: false })
    }

    fn refusal(&self, state: &mut State, shares: &[Share]) -> Option<QueueFull> {
        if shares.is_empty() {
            return None;
        }
        if let Some((unit, depth, max)) = self.limit.reached(state.all.depth()) {
            self.refused(state, ALL, unit, depth, max);
            return Some(QueueFull {
                mapping: None,
                setting: format!("ingest.queued_{unit}_max"),
                unit,
                depth,
                max,
            });
        }
        for Share { mapping, .. } in shares {
            let depth = state.lanes.get(&mapping.id).map(Tally::depth).unwrap_or_default();
            if let Some((unit, depth, max)) = mapping.limit.reached(depth) {
                self.refused(state, &mapping.full_name, unit, depth, max);
                let setting = format!("delivery.queue_{unit}_max");
                return Some(QueueFull { mapping: Some(mapping.name.clone()), setting, unit, depth, max });
            }
        }
        None
    }

    /// Says the first refusal of many.
    fn refused(&self, state: &mut State, name: &str, unit: &'static str, depth: u64, max: u64) {
        self.metrics.queue_refused(name);
        if state.full.insert(name.to_owned(), Instant::now()).is_none() {
            self.metrics.queue_full(name, true);
            warn!(
                mapping = name,
                unit, depth, max, "the queue is full: requests for it get RESOURCE_EXHAUSTED"
            );
        }
    }

    /// Keeps the estimate near the truth until it is over. Looks only while something is queued or was.
    pub(crate) async fn watch(
        self: Arc<Self>,
        queue: Queue,
        readiness: watch::Receiver<Readiness>,
        ended: CancellationToken,
    ) {
        loop {
            let started = Instant::now();
            self.state().begin_look();
            let Some(looked) = ended.run_until_cancelled(queue.depths()).await else { return };
            let took = started.elapsed();
            let pause = match looked {
                Ok(depths) => {
                    let catalog = readiness.borrow().catalog();
                    self.seen(&depths, &catalog);
                    took * LOOK_SHARE
                }
                // The committers meet the same trouble and say so.
                Err(_) => took,
            };
            let rest = async {
                time::sleep(pause.max(LOOK_PAUSE)).await;
                if self.is_quiet() {
                    self.committed.notified().await;
                }
            };
            if ended.run_until_cancelled(rest).await.is_none() {
                return;
            }
        }
    }

    fn seen(&self, depths: &[Depth], catalog: &Compiled) {
        let mut state = self.state();
        state.end_look(depths);
        state.full.retain(|name, last| {
            let is_full = last.elapsed() < CALM;
            if !is_full {
                self.metrics.queue_full(name, false);
                info!(mapping = name, "the queue is not full any more");
            }
            is_full
        });
        let all = state.all.depth();
        let lanes = state.lanes.iter().map(|(id, tally)| {
            let Amount { events, bytes } = tally.depth();
            LaneDepth { mapping: catalog.name(*id), events, bytes }
        });
        let lanes = lanes.collect();
        drop(state);
        self.metrics.depth(all.events, all.bytes, self.limit.ratio(all), lanes);
    }

    /// Nothing is queued, as far as is known, and nobody waits to hear that the queue is not full any more.
    fn is_quiet(&self) -> bool {
        let state = self.state();
        state.all.depth() == Amount::default() && state.full.is_empty()
    }
}

impl State {
    fn begin_look(&mut self) {
        self.lanes.values_mut().for_each(Tally::begin_look);
        self.all.begin_look();
    }

    fn end_look(&mut self, depths: &[Depth]) {
        self.lanes.values_mut().for_each(|lane| lane.end_look(Amount::default()));
        let mut all = Amount::default();
        for depth in depths {
            let amount = Amount {
                events: u64::try_from(depth.events).unwrap_or(0),
                bytes: u64::try_from(depth.bytes).unwrap_or(0),
            };
            self.lanes.entry(depth.mapping_id).or_default().end_look(amount);
            all.add(amount);
        }
        self.all.end_look(all);
        self.lanes.retain(|_, lane| lane.depth() != Amount::default());
    }
}

/// A request that may be queued: counted until it is dropped, and from then on if it was committed.
#[derive(Debug)]
pub(crate) struct Admitted {
    depths: Arc<Depths>,
    amounts: Vec<(i64, Amount)>,
    is_committed: bool,
}

impl Admitted {
    pub(crate) fn committed(mut self) {
        self.is_committed = true;
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if self.amounts.is_empty() {
            return;
        }
        let mut state = self.depths.state();
        let State { lanes, all, .. } = &mut *state;
        for (lane, amount) in &self.amounts {
            for tally in [lanes.entry(*lane).or_default(), &mut *all] {
                tally.under_way.subtract(*amount);
                if self.is_committed {
                    tally.since.add(*amount);
                }
            }
        }
        drop(state);
        if self.is_committed {
            self.depths.committed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const fn amount(events: u64) -> Amount {
        Amount { events, bytes: events * 100 }
    }

    #[test]
    fn what_is_committed_during_a_look_is_counted_on_top_of_it() {
        let mut tally = Tally { under_way: amount(5), ..Tally::default() };
        tally.since.add(amount(3));
        tally.begin_look();
        tally.since.add(amount(2));
        assert_eq!(tally.depth(), amount(10));
        tally.end_look(amount(40));
        assert_eq!(tally.depth(), amount(40 + 2 + 5));
    }

    #[test]
    fn a_look_at_what_was_quiet_waits_for_the_commit_and_counts_it_once() {
        let metrics = Metrics::register(&mut prometheus_client::registry::Registry::default());
        let depths = Arc::new(Depths::new(Limit::default(), metrics));
        depths.state().lanes.entry(1).or_default().under_way.add(amount(45));
        depths.state().all.under_way.add(amount(45));
        let admitted =
            Admitted { depths: Arc::clone(&depths), amounts: vec![(1, amount(45))], is_committed: false };
        assert!(depths.committed.notified().now_or_never().is_none());
        admitted.committed();
        assert!(depths.committed.notified().now_or_never().is_some());
        depths.state().begin_look();
        depths.state().end_look(&[Depth { mapping_id: 1, events: 45, bytes: 4500 }]);
        assert_eq!(depths.state().all.depth(), amount(45));
    }

    #[test]
    fn a_look_that_fails_forgets_nothing() {
        let mut tally = Tally { seen: amount(1), since: amount(3), ..Tally::default() };
        tally.begin_look();
        tally.begin_look();
        assert_eq!(tally.depth(), amount(4));
    }

    #[test]
    fn the_limit_that_is_reached_is_named() {
        let limit = Limit { events: Some(10), bytes: Some(500) };
        assert_eq!(limit.reached(amount(4)), None);
        assert_eq!(limit.reached(amount(5)), Some(("bytes", 500, 500)));
        assert_eq!(limit.reached(amount(11)), Some(("events", 11, 10)));
        assert_eq!(Limit::default().reached(amount(u64::MAX / 100)), None);
    }
}
