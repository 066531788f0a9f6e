//! One run: events are committed, found, loaded, sent and settled, with every delay random.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use signalpost_core::outcome::{EventOutcome, Outcome, together};
use uuid::Uuid;

use super::database::Database;
use crate::lanes::action::{
    Action, Attempted, Excess, FoundRow, LaneSettings, Load, LoadedRow, Moment, Owned, Page, Report, Request,
    RequestBody, Settled, Settlement,
};
use crate::lanes::{Lanes, Limits};

const DUE_MAX: usize = 7;
/// A run that takes longer is stuck.
const TIME_MAX: Duration = Duration::from_hours(2);

#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    pub(super) fails: f64,
    /// Events in a thousand.
    pub(super) refuses: u64,
    /// How often a batch is answered event by event.
    pub(super) tells_apart: f64,
    pub(super) repeats_settlements: f64,
    /// How many looks there are for lanes that hold too much.
    pub(super) overflows: u32,
    pub(super) restarts: u32,
    pub(super) takeovers: u32,
    pub(super) loaded_bytes: usize,
    pub(super) unsettled: usize,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            fails: 0.0,
            refuses: 0,
            tells_apart: 0.0,
            repeats_settlements: 0.0,
            overflows: 0,
            restarts: 0,
            takeovers: 0,
            loaded_bytes: 100_000,
            unsettled: 1000,
        }
    }
}

/// Something that happens at a moment.
#[derive(Debug)]
enum Happening {
    Commit(i64, i64, Vec<u64>, Option<Arc<str>>),
    Look,
    Arrived(Vec<FoundRow>, u64),
    Backlog,
    BackedUp(Vec<i64>),
    Page(Page),
    Paged(Page, Vec<FoundRow>),
    FindDue(Vec<i64>),
    Due(Vec<FoundRow>, Option<Duration>),
    Load(Load),
    Loaded(u64, Vec<LoadedRow>),
    Settle(Box<Settlement>, bool),
    Settled(u64, Settled),
    Reported(u64, Vec<Outcome>),
    Measure,
    Measured(i64, Vec<FoundRow>, Excess),
    Restart,
    Takeover,
    Own,
    Tick,
}

#[derive(Debug, Clone)]
struct Sent {
    mapping_id: i64,
    events: Vec<u64>,
}

pub(super) struct World {
    random: StdRng,
    faults: Faults,
    settings: HashMap<i64, LaneSettings>,
    database: Database,
    lanes: Lanes,
    now: Moment,
    agenda: BinaryHeap<Reverse<(Moment, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    count: u64,
    seen: u64,
    ticks_at: Option<Moment>,
    is_looking: bool,
    waiting_backlog: bool,
    is_draining: bool,
    in_flight: HashMap<u64, Sent>,
    committed: BTreeSet<u64>,
    to_commit: usize,
    delivered: BTreeSet<u64>,
    repeated: Option<u64>,
    ordered: HashMap<i64, Vec<u64>>,
    compositions: HashMap<Uuid, Vec<u64>>,
}

impl World {
    pub(super) fn new(settings: HashMap<i64, LaneSettings>, faults: Faults, random: StdRng) -> Self {
        let limits = Limits { loaded_bytes: faults.loaded_bytes, unsettled: faults.unsettled };
        let mut world = Self {
            random,
            faults,
            settings,
            database: Database { epoch: 1, ..Database::default() },
            lanes: Lanes::new(limits),
            now: Moment::ZERO,
            agenda: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            count: 0,
            seen: 0,
            ticks_at: None,
            is_looking: false,
            waiting_backlog: false,
            is_draining: false,
            in_flight: HashMap::new(),
            committed: BTreeSet::new(),
            to_commit: 0,
            delivered: BTreeSet::new(),
            repeated: None,
            ordered: HashMap::new(),
            compositions: HashMap::new(),
        };
        world.plan();
        world
    }

    /// What will be queued, and when the dispatcher is disturbed.
    fn plan(&mut self) {
        let mut event = 0;
        let mut mapping_ids: Vec<i64> = self.settings.keys().copied().collect();
        mapping_ids.sort_unstable();
        for mapping_id in mapping_ids {
            let is_ordered = self.settings[&mapping_id].ordered;
            let has_targets = self.random.random_bool(0.3);
            let mut at = Moment::ZERO;
            for row in 1..=self.random.random_range(1..40) {
                let count = self.random.random_range(1..8);
                let events: Vec<u64> = (event..event + count).collect();
                event += count;
                at += self.millis(0, 30);
                // Positions are given before the commit: rows of other committers become visible late.
                let late = if is_ordered { Duration::ZERO } else { self.millis(0, 200) };
                let target = has_targets.then(|| Arc::from(format!("t{}", self.random.random_range(0..3))));
                self.to_commit += 1;
                self.at(at + late, Happening::Commit(mapping_id, row * 10_000, events, target));
            }
        }
        for _ in 0..self.faults.overflows {
            let at = self.millis(0, 1500);
            self.at(at, Happening::Measure);
        }
        for _ in 0..self.faults.restarts {
            let at = self.millis(0, 1500);
            self.at(at, Happening::Restart);
        }
        for _ in 0..self.faults.takeovers {
            let at = self.millis(0, 1500);
            self.at(at, Happening::Takeover);
        }
        self.begin();
    }

    /// A dispatcher starts.
    fn begin(&mut self) {
        self.lanes.configure(self.now, &self.settings.clone());
        self.is_draining = false;
        self.own();
    }

    fn own(&mut self) {
        let epoch = self.database.epoch;
        let own = |partition| Owned { partition, epoch, is_surplus: false, maybe_repeated: None };
        self.lanes.own(self.now, &(0..64).map(own).collect::<Vec<_>>(), true);
        self.at(self.now, Happening::Tick);
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.random.random_range(from..to))
    }

    fn at(&mut self, moment: Moment, happening: Happening) {
        self.count += 1;
        self.agenda.push(Reverse((moment, self.count)));
        self.happenings.insert(self.count, happening);
    }

    fn soon(&mut self, happening: Happening) {
        let at = self.now + self.millis(0, 20);
        self.at(at, happening);
    }

    pub(super) fn run(&mut self) -> Result<(), String> {
        while !self.is_finished() {
            let Some(Reverse((moment, id))) = self.agenda.pop() else {
                return Err("nothing will ever happen".to_owned());
            };
            self.now = self.now.max(moment);
            if self.now > TIME_MAX {
                return Err("stuck".to_owned());
            }
            let Some(happening) = self.happenings.remove(&id) else { continue };
            self.happen(happening);
            self.lanes.tick(self.now);
            self.act()?;
            self.check()?;
        }
        self.check_end()
    }

    fn is_finished(&self) -> bool {
        self.to_commit == 0
            && self.database.rows.is_empty()
            && self.lanes.views().next().is_none()
            && self.in_flight.is_empty()
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Commit(mapping_id, position, events, target) => {
                self.to_commit -= 1;
                self.committed.extend(&events);
                self.database.commit(mapping_id, position, events, target, self.now);
                self.look();
            }
            Happening::Look => {
                let (rows, seen) = self.database.arrived(self.seen);
                self.soon(Happening::Arrived(rows, seen));
            }
            Happening::Arrived(rows, seen) => {
                (self.seen, self.is_looking) = (seen, false);
                self.lanes.arrived(self.now, &rows);
                if std::mem::take(&mut self.waiting_backlog) {
                    self.soon(Happening::Backlog);
                }
                if !self.database.arrived(seen).0.is_empty() {
                    self.look();
                }
            }
            Happening::Backlog => {
                let lanes = self.database.backlog();
                self.soon(Happening::BackedUp(lanes));
            }
            Happening::BackedUp(lanes) => self.lanes.backlog(self.now, &lanes),
            Happening::Page(page) => {
                let rows = self.database.page(&page);
                self.soon(Happening::Paged(page, rows));
            }
            Happening::Paged(page, rows) => self.lanes.paged(self.now, page, &rows),
            Happening::FindDue(except) => {
                let (rows, next_in) = self.database.due(self.now, &except, DUE_MAX);
                self.soon(Happening::Due(rows, next_in));
            }
            Happening::Due(rows, next_in) => {
                self.lanes.found_due(self.now, &rows, rows.len() == DUE_MAX, next_in);
            }
            Happening::Load(load) => {
                let rows = self.database.load(&load.keys, self.now);
                self.soon(Happening::Loaded(load.id, rows));
            }
            Happening::Loaded(id, rows) => self.lanes.loaded(self.now, id, rows),
            Happening::Settle(settlement, is_repeated) => {
                let settled = self.database.settle(&settlement, self.now);
                if is_repeated {
                    self.soon(Happening::Settle(settlement, false));
                } else {
                    self.soon(Happening::Settled(settlement.id, settled));
                }
            }
            Happening::Settled(id, settled) => self.lanes.settled(self.now, id, settled),
            Happening::Reported(id, outcomes) => self.report(id, &outcomes),
            Happening::Measure => self.measure(),
            Happening::Measured(lane, oldest, excess) => {
                self.lanes.overflow(self.now, lane, &oldest, excess);
            }
            Happening::Restart => self.restart(),
            Happening::Takeover => self.take_over(),
            Happening::Own => self.own(),
            Happening::Tick => self.ticks_at = None,
        }
        if self.is_draining && self.lanes.is_drained() {
            self.replace();
        }
    }

    fn look(&mut self) {
        if !std::mem::replace(&mut self.is_looking, true) {
            self.soon(Happening::Look);
        }
    }

    fn report(&mut self, id: u64, outcomes: &[Outcome]) {
        let Some(sent) = self.in_flight.remove(&id) else { return };
        let of_event =
            |outcome: &Outcome| EventOutcome { outcome: *outcome, status: 0, words: String::new() };
        let each: Vec<EventOutcome> = outcomes.iter().map(of_event).collect();
        let outcome = together(&each);
        let is_told_apart = outcomes.len() > 1;
        for (index, event) in sent.events.iter().enumerate() {
            if outcomes[if is_told_apart { index } else { 0 }] == Outcome::Delivered {
                if !self.delivered.insert(*event) {
                    self.repeated = Some(*event);
                }
                self.ordered.entry(sent.mapping_id).or_default().push(*event);
            }
        }
        let attempted = Attempted {
            outcome: if is_told_apart { outcome } else { outcomes[0] },
            each: if is_told_apart && outcome != Outcome::Delivered { each } else { Vec::new() },
            status: None,
            error: None,
            response: None,
            body_bytes: 0,
            latency: Duration::ZERO,
        };
        let random = self.random.random();
        self.lanes.reported(self.now, id, Report::Attempted(attempted), random);
    }

    /// Some lane holds more than it may.
    fn measure(&mut self) {
        let lanes = self.database.backlog();
        let Some(mapping_id) = lanes.choose(&mut self.random).copied() else { return };
        let page = Page { generation: 0, mapping_id, after: 0, limit: 20, include_scheduled: true };
        let oldest = self.database.page(&page);
        let excess = Excess { events: self.random.random_range(1..30), bytes: 0 };
        self.soon(Happening::Measured(mapping_id, oldest, excess));
    }

    fn restart(&mut self) {
        if !self.is_draining {
            self.is_draining = true;
            self.lanes.stop(self.now);
        }
    }

    /// The drained dispatcher gives its partitions back; another starts. Questions still under way are nobody's.
    fn replace(&mut self) {
        let is_kept = |happening: &Happening| {
            matches!(
                happening,
                Happening::Commit(..) | Happening::Restart | Happening::Takeover | Happening::Measure
            )
        };
        self.happenings.retain(|_, happening| is_kept(happening));
        let limits = Limits { loaded_bytes: self.faults.loaded_bytes, unsettled: self.faults.unsettled };
        self.lanes = Lanes::new(limits);
        self.database.epoch += 1;
        (self.is_looking, self.waiting_backlog, self.ticks_at) = (false, false, None);
        self.begin();
    }

    /// The lease ends, another owner comes and goes, and we own everything anew; meanwhile nothing may be sent.
    fn take_over(&mut self) {
        self.lanes.suspend(self.now);
        if self.random.random_bool(0.7) {
            self.database.epoch += 1;
            self.in_flight.clear();
        }
        let at = self.now + self.millis(0, 100);
        self.at(at, Happening::Own);
    }

    fn act(&mut self) -> Result<(), String> {
        while let Some(action) = self.lanes.next_action() {
            match action {
                Action::Send(request) => self.send(&request)?,
                Action::Settle(settlement) => {
                    let is_repeated = self.random.random_bool(self.faults.repeats_settlements);
                    self.soon(Happening::Settle(Box::new(settlement), is_repeated));
                }
                Action::Load(load) => self.soon(Happening::Load(load)),
                Action::Page(page) => self.soon(Happening::Page(page)),
                Action::Backlog(_) if self.is_looking => self.waiting_backlog = true,
                Action::Backlog(_) => self.soon(Happening::Backlog),
                Action::FindDue { except } => self.soon(Happening::FindDue(except)),
            }
        }
        if let Some(tick) = self.lanes.next_tick().map(|tick| tick.max(self.now + Duration::from_nanos(1)))
            && self.ticks_at.is_none_or(|planned| tick < planned)
        {
            self.ticks_at = Some(tick);
            self.at(tick, Happening::Tick);
        }
        Ok(())
    }

    fn send(&mut self, request: &Request) -> Result<(), String> {
        let (text, is_single) = match &request.body {
            RequestBody::Single(event) => (format!("[{}]", String::from_utf8_lossy(event)), true),
            RequestBody::Array(array) => (String::from_utf8_lossy(array).into_owned(), false),
            RequestBody::Stretches(parts) => {
                (String::from_utf8_lossy(&signalpost_core::batch::join(parts)).into_owned(), false)
            }
        };
        let events: Vec<u64> =
            serde_json::from_str(&text).map_err(|error| format!("{text} is no array: {error}"))?;
        let settings = &self.settings[&request.mapping_id];
        if is_single != settings.batching.is_none() || events.len() != request.events as usize {
            return Err(format!("{request:?} has the wrong shape"));
        }
        if let Some(batching) = settings.batching
            && (events.len() > batching.size as usize || (text.len() > batching.bytes && events.len() > 1))
        {
            return Err(format!(
                "a request of {} events and {} bytes is beyond {batching:?}",
                events.len(),
                text.len()
            ));
        }
        let busy: BTreeSet<u64> =
            self.in_flight.values().flat_map(|sent| sent.events.iter().copied()).collect();
        if let Some(event) = events.iter().find(|event| busy.contains(event)) {
            return Err(format!("event {event} is under way twice"));
        }
        let known = self.compositions.entry(request.identity.batch_id).or_insert_with(|| events.clone());
        if *known != events {
            return Err(format!("batch {} was {known:?} and is {events:?}", request.identity.batch_id));
        }
        let is_apart = !settings.ordered && self.random.random_bool(self.faults.tells_apart);
        let outcomes = if is_apart {
            events.iter().map(|event| self.outcome(&[*event])).collect()
        } else {
            vec![self.outcome(&events)]
        };
        let at = self.now + self.millis(0, 120);
        self.at(at, Happening::Reported(request.id, outcomes));
        self.in_flight.insert(request.id, Sent { mapping_id: request.mapping_id, events });
        Ok(())
    }

    fn outcome(&mut self, events: &[u64]) -> Outcome {
        let poison = |event: &u64| (event.wrapping_mul(2_654_435_761) % 1000) < self.faults.refuses;
        if events.iter().any(poison) {
            return Outcome::Rejected { is_divisible: true };
        }
        if self.random.random_bool(self.faults.fails) {
            let after = self.random.random_bool(0.1).then_some(Duration::from_millis(50));
            return Outcome::Retryable { after, is_overload: self.random.random_bool(0.5) };
        }
        Outcome::Delivered
    }

    /// What must hold after every step.
    fn check(&self) -> Result<(), String> {
        let mut under_way: HashMap<i64, u32> = HashMap::new();
        for sent in self.in_flight.values() {
            *under_way.entry(sent.mapping_id).or_default() += 1;
        }
        for (mapping_id, count) in under_way {
            let settings = &self.settings[&mapping_id];
            let allowed = if settings.ordered { 1 } else { settings.max_concurrency };
            if count > allowed {
                return Err(format!("{count} requests of {mapping_id} are under way, {allowed} may be"));
            }
        }
        match self.repeated {
            Some(event) if self.faults.takeovers == 0 => Err(format!("event {event} was delivered twice")),
            _ => Ok(()),
        }
    }

    /// What must hold when all is done.
    fn check_end(&self) -> Result<(), String> {
        let buried: BTreeSet<u64> = self.database.buried.iter().copied().collect();
        if let Some(lost) =
            self.committed.iter().find(|event| !self.delivered.contains(event) && !buried.contains(event))
        {
            return Err(format!("event {lost} was lost"));
        }
        if self.faults.takeovers == 0 {
            if let Some(both) = buried.iter().find(|event| self.delivered.contains(event)) {
                return Err(format!("event {both} was delivered and buried"));
            }
            for (mapping_id, events) in
                self.ordered.iter().filter(|(mapping_id, _)| self.settings[mapping_id].ordered)
            {
                if !events.is_sorted() {
                    return Err(format!("{mapping_id} is ordered and delivered {events:?}"));
                }
            }
        }
        if self.lanes.loaded_bytes() != 0 || self.lanes.unsettled() != 0 {
            return Err(format!(
                "{} bytes and {} requests are left over",
                self.lanes.loaded_bytes(),
                self.lanes.unsettled()
            ));
        }
        Ok(())
    }

    pub(super) fn describe(&self) -> String {
        let rows: Vec<_> = self.database.rows.iter().take(20).collect();
        let views: Vec<_> = self.lanes.views().collect();
        format!(
            "now {:?}\nfaults {:?}\nsettings {:?}\nrows {rows:?}\nlanes {views:?}",
            self.now, self.faults, self.settings
        )
    }
}
