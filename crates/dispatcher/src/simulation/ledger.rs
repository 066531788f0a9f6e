//! The ledger: what must hold after every step, checked against everything that was committed, sent, taken and settled.
//!
//! It knows nothing of how the dispatcher decides: only what reaches the receivers and the model of Postgres.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use uuid::Uuid;

use super::database::{Database, DbRow, events};
use super::plan::Plan;
use crate::lanes::action::{LaneSettings, Moment, Request, Settled, Settlement};

/// How far ahead of its exact time a request may start under a rate limit.
const RATE_TOLERANCE: Duration = Duration::from_millis(5);
/// An event of a lane that could go at once is sent this soon, and again this soon when that failed, whatever hangs beside it.
const PROMPT: Duration = Duration::from_millis(400);

/// Which process made a request, in which epoch it thought that it owned the lane, and whether it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Sender {
    pub(super) process: usize,
    pub(super) epoch: Option<i64>,
    pub(super) is_owner: bool,
}

/// A request that is being made, and the settings by which.
pub(super) struct Sending<'a> {
    pub(super) sender: Sender,
    pub(super) request: &'a Request,
    pub(super) events: &'a [u64],
    pub(super) settings: &'a LaneSettings,
}

/// A request under way.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) sender: Sender,
    pub(super) mapping_id: i64,
    pub(super) events: Vec<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// When an event was committed, or sent last.
    waiting_since: HashMap<u64, Moment>,
    under_way: BTreeMap<(usize, u64), Sent>,
    /// Who sent an event to a receiver that took it.
    taken: HashMap<u64, Vec<Sender>>,
    /// Events that were taken, and the answer lost: where the next one refuses them, its halves do not know of it.
    unanswered: HashSet<u64>,
    /// Deliveries a process was told of.
    reported: HashSet<(Sender, u64)>,
    compositions: HashMap<Uuid, Vec<u64>>,
    /// The batches that events wait to be tried again in, as their settlements said.
    ids: HashMap<u64, Uuid>,
    /// Events that were deleted.
    purged: HashSet<u64>,
    /// Events that an operator queued again.
    redriven: HashSet<u64>,
    starts: HashMap<(Sender, i64), Vec<Moment>>,
    last_in_order: HashMap<i64, u64>,
    pub(super) requests: u64,
    pub(super) stale: u64,
    pub(super) repeated: u64,
}

impl Ledger {
    /// A rate is kept by the process's own clock: across a leap of it, nothing is known.
    pub(super) fn leapt(&mut self, process: usize) {
        self.starts.retain(|(sender, _), _| sender.process != process);
    }

    pub(super) fn committed(&mut self, events: &[u64], now: Moment) {
        self.waiting_since.extend(events.iter().map(|event| (*event, now)));
    }

    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// A process is gone, and does not wait for its requests any more.
    pub(super) fn gone(&mut self, process: usize) {
        self.under_way.retain(|(sender, _), _| *sender != process);
    }

    /// These events were deleted.
    pub(super) fn purged(&mut self, events: &[u64]) {
        self.purged.extend(events);
    }

    /// These events wait again.
    pub(super) fn redriven(&mut self, events: &[u64]) {
        self.redriven.extend(events);
    }

    /// A request was cut off by its process, which takes no notice of an answer.
    pub(super) fn cut_off(&mut self, process: usize, request: u64) {
        self.under_way.remove(&(process, request));
    }

    /// The requests that a process has under way.
    pub(super) fn under_way(&self, process: usize) -> Vec<u64> {
        self.under_way.range((process, 0)..=(process, u64::MAX)).map(|((_, request), _)| *request).collect()
    }

    /// A lane's pace is not known any more.
    pub(super) fn forget_pace(&mut self, mapping_id: i64) {
        self.starts.retain(|(_, lane), _| *lane != mapping_id);
    }

    /// A request is made.
    pub(super) fn sending(
        &mut self,
        Sending { sender, request, events, settings }: Sending<'_>,
        database: &Database,
        plan: &Plan,
        now: Moment,
    ) -> Result<(), String> {
        self.requests += 1;
        let mapping_id = request.mapping_id;
        if !sender.is_owner && plan.faults.has_true_clocks() {
            return Err(format!(
                "process {} sends for lane {mapping_id}, which is not its own",
                sender.process
            ));
        }
        let busy = |event: &u64| {
            self.under_way.values().any(|sent| sent.sender == sender && sent.events.contains(event))
        };
        // Where a clock stood still, whoever is no owner any more may find what the owner made of a row that it has under way.
        let is_bound = sender.is_owner || plan.faults.has_true_clocks();
        if let Some(event) = events.iter().find(|event| is_bound && busy(event)) {
            return Err(format!("event {event} is under way twice"));
        }
        let is_delivered = |event: &&u64| self.reported.contains(&(sender, **event));
        if let Some(event) = events.iter().find(is_delivered).filter(|_| is_bound) {
            return Err(format!("event {event} was delivered, and is sent again by the same owner"));
        }
        let identity = request.identity;
        let known = self.compositions.entry(identity.batch_id).or_insert_with(|| events.to_vec());
        if *known != events {
            return Err(format!("batch {} was {known:?} and is {events:?}", identity.batch_id));
        }
        if sender.is_owner {
            self.check_queued(request, events, database)?;
            self.check_mark(sender, request, events, plan)?;
        }
        self.check_pace(sender, mapping_id, settings, now)?;
        for event in events {
            let since = self.waiting_since.insert(*event, now).unwrap_or_default();
            if plan.is_prompt(mapping_id) && now.saturating_sub(since) > PROMPT {
                return Err(format!("event {event} of lane {mapping_id} waited since {since:?}"));
            }
        }
        self.under_way
            .insert((sender.process, request.id), Sent { sender, mapping_id, events: events.to_vec() });
        Ok(())
    }

    /// An owner sends what is queued; a row that was tried goes as it is, under its id.
    fn check_queued(&self, request: &Request, events: &[u64], database: &Database) -> Result<(), String> {
        let lane = database.rows.range((request.mapping_id, i64::MIN)..=(request.mapping_id, i64::MAX));
        let rows: Vec<&DbRow> = lane.map(|(_, row)| row).collect();
        for event in events {
            let Some(row) = rows.iter().find(|row| row.events.contains(event)) else {
                if self.purged.contains(event) {
                    continue; // its sender does not know yet
                }
                return Err(format!("event {event} is sent and not queued"));
            };
            let identity = request.identity;
            let is_as_before = row.batch_id.is_none()
                || self.ids.get(event) == Some(&identity.batch_id)
                    && row.events == events
                    && identity.attempt == row.attempts + 1;
            if !is_as_before {
                return Err(format!("{identity:?} with {events:?} should be the next attempt of {row:?}"));
            }
        }
        Ok(())
    }

    /// What another owner may have delivered is marked.
    fn check_mark(
        &self,
        sender: Sender,
        request: &Request,
        events: &[u64],
        plan: &Plan,
    ) -> Result<(), String> {
        let identity = request.identity;
        if identity.is_maybe_repeated || identity.attempt > 1 || !plan.faults.has_true_clocks() {
            return Ok(());
        }
        let by_another = |event: &&u64| {
            !self.redriven.contains(*event)
                && !self.unanswered.contains(*event)
                && self.taken.get(*event).is_some_and(|senders| senders.iter().any(|other| *other != sender))
        };
        match events.iter().find(by_another) {
            Some(event) => Err(format!("event {event} arrived before, and the request does not say so")),
            None => Ok(()),
        }
    }

    fn check_pace(
        &mut self,
        sender: Sender,
        mapping_id: i64,
        settings: &LaneSettings,
        now: Moment,
    ) -> Result<(), String> {
        let of_lane = |sent: &&Sent| sent.mapping_id == mapping_id && sent.sender == sender;
        let under_way = self.under_way.values().filter(of_lane).count();
        let allowed = if settings.ordered { 1 } else { settings.max_concurrency as usize };
        if under_way >= allowed {
            return Err(format!(
                "{} requests of lane {mapping_id} under way, {allowed} may be",
                under_way + 1
            ));
        }
        let Some(rate) = settings.rate_limit else { return Ok(()) };
        let starts = self.starts.entry((sender, mapping_id)).or_default();
        let too_soon = starts.iter().rev().zip(1_u32..).find(|(start, count)| {
            **start + Duration::from_secs_f64(f64::from(*count) / rate) > now + RATE_TOLERANCE
        });
        if let Some((start, count)) = too_soon {
            return Err(format!("lane {mapping_id} starts {} requests since {start:?}", count + 1));
        }
        starts.push(now);
        Ok(())
    }

    /// What a receiver takes of these events it never says.
    pub(super) fn unanswered<'a>(&mut self, events: impl Iterator<Item = &'a u64>) {
        self.unanswered.extend(events);
    }

    /// A receiver takes these events.
    pub(super) fn taken(
        &mut self,
        sender: Sender,
        mapping_id: i64,
        events: impl Iterator<Item = u64>,
        database: &Database,
        plan: &Plan,
    ) -> Result<(), String> {
        for event in events {
            let senders = self.taken.entry(event).or_default();
            senders.push(sender);
            if senders.len() > 1 {
                self.repeated += 1;
                if plan.faults.repeats_nothing() {
                    return Err(format!("event {event} was delivered twice"));
                }
                continue;
            }
            let is_in_order = plan.lanes[&mapping_id].ordered
                && !plan.changed.contains(&mapping_id)
                && !self.redriven.contains(&event)
                && !database.dead.has(event);
            if is_in_order && sender.is_owner {
                let last = self.last_in_order.entry(mapping_id).or_insert(event);
                if *last > event {
                    return Err(format!("lane {mapping_id} is ordered: {event} arrives after {last}"));
                }
                *last = event;
            }
        }
        Ok(())
    }

    /// A process is told what came of a request: the events it knows to be delivered.
    pub(super) fn reported(&mut self, process: usize, request: u64, delivered: impl Iterator<Item = u64>) {
        if let Some(sent) = self.under_way.remove(&(process, request)) {
            self.reported.extend(delivered.map(|event| (sent.sender, event)));
        }
    }

    /// A settlement reached Postgres.
    pub(super) fn settled(
        &mut self,
        process: usize,
        settlement: &Settlement,
        answer: Settled,
        before: &BTreeSet<u64>,
        database: &Database,
    ) -> Result<(), String> {
        if answer == Settled::Stale {
            self.stale += 1;
            return Ok(());
        }
        let mapping_id = settlement.mapping_id;
        let owner = database.owner(mapping_id);
        if owner != Some((process, settlement.epoch)) {
            return Err(format!(
                "process {process} settles lane {mapping_id} in epoch {}, but its owner is {owner:?}",
                settlement.epoch
            ));
        }
        let waits = settlement.put.iter().filter_map(|put| Some((put, put.batch_id?)));
        self.ids.extend(
            waits.flat_map(|(put, id)| {
                events(&put.payload.to_bytes()).into_iter().map(move |event| (event, id))
            }),
        );
        let after = queued(database, mapping_id);
        // What was purged comes again only in a request with events that were not: those must not be lost.
        let is_beside_queued = |event: &&u64| {
            self.purged.contains(event)
                && settlement.put.iter().any(|put| {
                    let together = events(&put.payload.to_bytes());
                    together.contains(event) && together.iter().any(|other| before.contains(other))
                })
        };
        if let Some(event) = after.difference(before).find(|event| !is_beside_queued(event)) {
            return Err(format!("event {event} is queued again"));
        }
        let is_accounted = |event: &u64| self.taken.contains_key(event) || database.dead.has(*event);
        match before.difference(&after).find(|event| !is_accounted(event)) {
            Some(event) => Err(format!("event {event} is lost: neither delivered nor buried nor queued")),
            None => Ok(()),
        }
    }

    /// When all is done.
    pub(super) fn check_end(&self, database: &Database, plan: &Plan) -> Result<(), String> {
        let is_gone = |event: &u64| database.dead.has(*event) || self.purged.contains(event);
        let is_lost = |event: &&u64| !self.taken.contains_key(event) && !is_gone(event);
        if let Some(event) = self.waiting_since.keys().find(is_lost) {
            return Err(format!("event {event} is lost"));
        }
        let both = database.dead.events().find(|event| self.taken.contains_key(event));
        match both.filter(|_| plan.faults.repeats_nothing()) {
            Some(event) => Err(format!("event {event} was delivered and buried")),
            None => Ok(()),
        }
    }
}

/// The events of a lane that are queued.
pub(super) fn queued(database: &Database, mapping_id: i64) -> BTreeSet<u64> {
    let rows = database.rows.range((mapping_id, i64::MIN)..=(mapping_id, i64::MAX));
    rows.flat_map(|(_, row)| row.events.iter().copied()).collect()
}
