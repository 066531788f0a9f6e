//! A model of Postgres: the queue, what became visible when, partitions with leases, fenced settlements, and its clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use signalpost_storage::{PARTITIONS, partition_of};
use uuid::Uuid;

use self::dead::{Dead, DeadLetters};
use super::defect::Defect;
use crate::lanes::action::{FoundRow, LoadedRow, Moment, Origin, Owned, Page, Put, Settled, Settlement};

mod dead;

/// How long a process keeps what it owns without a heartbeat.
pub(super) const LEASE: Duration = Duration::from_secs(1);
/// Postgres's clock at the beginning, so that it can leap back.
const EPOCH: Duration = Duration::from_hours(1000);

#[derive(Debug, Clone)]
pub(super) struct DbRow {
    pub(super) events: Vec<u64>,
    target: Option<Arc<str>>,
    pub(super) attempts: u32,
    due: Option<Duration>,
    pub(super) batch_id: Option<Uuid>,
    enqueued: Duration,
    /// When it became visible, counted in commits.
    commit: u64,
    /// When it got its position, counted in rows.
    number: u64,
}

/// What a dispatcher's last heartbeat said.
#[derive(Debug, Clone)]
struct Alive {
    seen_at: Duration,
    is_stopping: bool,
}

#[derive(Debug, Clone, Default)]
struct Partition {
    owner: Option<usize>,
    epoch: i64,
    lease_ends: Duration,
    maybe_repeated_before: Option<Duration>,
}

/// What was visible at a look, and the last row of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    commits: u64,
    last_number: u64,
}

#[derive(Debug)]
pub(super) struct Database {
    pub(super) rows: BTreeMap<(i64, i64), DbRow>,
    pub(super) dead: DeadLetters,
    partitions: Vec<Partition>,
    alive: BTreeMap<usize, Alive>,
    commits: u64,
    defect: Option<Defect>,
    now: Moment,
    ahead: Duration,
    behind: Duration,
}

/// The events of an array of numbers.
pub(super) fn events(payload: &Bytes) -> Vec<u64> {
    let text = std::str::from_utf8(payload).expect("payloads are text");
    let inner = text.trim_start_matches('[').trim_end_matches(']');
    inner.split(',').filter(|number| !number.is_empty()).map(|n| n.parse().expect("a number")).collect()
}

fn text(events: &[u64]) -> Bytes {
    let numbers: Vec<String> = events.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(",")).into()
}

impl Database {
    pub(super) fn new(defect: Option<Defect>) -> Self {
        let count = usize::try_from(PARTITIONS).unwrap_or_default();
        Self {
            rows: BTreeMap::new(),
            dead: DeadLetters::default(),
            partitions: vec![Partition::default(); count],
            alive: BTreeMap::new(),
            commits: 0,
            defect,
            now: Moment::ZERO,
            ahead: Duration::ZERO,
            behind: Duration::ZERO,
        }
    }

    // ---- the clock

    pub(super) fn at(&mut self, now: Moment) -> &mut Self {
        self.now = now;
        self
    }

    fn clock(&self) -> Duration {
        (EPOCH + self.now + self.ahead).saturating_sub(self.behind)
    }

    pub(super) fn leap(&mut self, ahead: Duration, behind: Duration) {
        self.ahead += ahead;
        self.behind += behind;
    }

    // ---- partitions

    fn partition(&self, number: i16) -> &Partition {
        &self.partitions[usize::try_from(number).unwrap_or_default()]
    }

    /// Who owns the partition of a lane, and in which epoch.
    pub(super) fn owner(&self, mapping_id: i64) -> Option<(usize, i64)> {
        let partition = self.partition(partition_of(mapping_id));
        partition.owner.map(|owner| (owner, partition.epoch))
    }

    /// As the statement does: renews, gives back, takes what is free up to the fair share.
    pub(super) fn heartbeat(&mut self, me: usize, releasing: &[i16], is_stopping: bool) -> Vec<Owned> {
        let now = self.clock();
        let counts = |(id, one): &(&usize, &Alive)| {
            **id != me && one.seen_at > now.saturating_sub(LEASE) && !one.is_stopping
        };
        let others = self.alive.iter().filter(counts).count();
        let share = if is_stopping { 0 } else { self.partitions.len().div_ceil(others + 1) };
        self.alive.insert(me, Alive { seen_at: now, is_stopping });
        let is_released = |number: usize| releasing.iter().any(|one| usize::try_from(*one) == Ok(number));
        let is_kept = |(number, one): &(usize, &Partition)| one.owner == Some(me) && !is_released(*number);
        let mut free = share.saturating_sub(self.partitions.iter().enumerate().filter(is_kept).count());
        for (number, partition) in self.partitions.iter_mut().enumerate() {
            if partition.owner == Some(me) {
                if is_released(number) {
                    partition.owner = None;
                } else {
                    partition.lease_ends = now + LEASE;
                }
                continue;
            }
            let is_free = partition.owner.is_none() || partition.lease_ends <= now;
            if free == 0 || !is_free {
                continue;
            }
            free -= 1;
            if partition.owner.is_some() {
                partition.maybe_repeated_before = Some(now);
            }
            partition.owner = Some(me);
            partition.epoch += 1;
            partition.lease_ends = now + LEASE;
        }
        let mine = self.partitions.iter().enumerate().filter(|(_, partition)| partition.owner == Some(me));
        let own = |(rank, (number, partition)): (usize, (usize, &Partition))| Owned {
            partition: i16::try_from(number).unwrap_or_default(),
            epoch: partition.epoch,
            is_surplus: rank >= share,
            maybe_repeated: partition.maybe_repeated_before.map(|before| now.saturating_sub(before)),
        };
        mine.enumerate().map(own).collect()
    }

    /// `is_cut_off`: requests were, and may have arrived.
    pub(super) fn release_all(&mut self, me: usize, is_cut_off: bool) {
        let now = self.clock();
        self.alive.remove(&me);
        for partition in self.partitions.iter_mut().filter(|partition| partition.owner == Some(me)) {
            partition.owner = None;
            if is_cut_off && self.defect != Some(Defect::ReleaseUnmarked) {
                partition.maybe_repeated_before = Some(now);
            }
        }
    }

    // ---- the queue

    pub(super) fn commit(
        &mut self,
        mapping_id: i64,
        position: i64,
        number: u64,
        events: Vec<u64>,
        target: Option<Arc<str>>,
    ) {
        self.commits += 1;
        let (enqueued, commit) = (self.clock(), self.commits);
        let row = DbRow { events, target, attempts: 0, due: None, batch_id: None, enqueued, commit, number };
        self.rows.insert((mapping_id, position), row);
    }

    fn found((mapping_id, position): (i64, i64), row: &DbRow, now: Duration) -> FoundRow {
        let due_in = row.due.map(|due| due.saturating_sub(now));
        FoundRow { mapping_id, position, events: count(row), bytes: text(&row.events).len(), due_in }
    }

    pub(super) fn seen(&self) -> Seen {
        let last_number = self.rows.values().map(|row| row.number).max().unwrap_or_default();
        Seen { commits: self.commits, last_number }
    }

    pub(super) fn arrived(&self, since: Seen, partitions: &[i16]) -> (Vec<FoundRow>, Seen) {
        let is_new = |row: &DbRow| match self.defect {
            Some(Defect::ForgetLateRows) => row.number > since.last_number,
            _ => row.commit > since.commits,
        };
        let is_ours = |lane: i64| partitions.contains(&partition_of(lane));
        let new =
            self.rows.iter().filter(|((lane, _), row)| is_new(row) && row.due.is_none() && is_ours(*lane));
        let rows = new.map(|(key, row)| Self::found(*key, row, self.clock())).collect();
        let Seen { commits, last_number } = self.seen();
        (rows, Seen { commits, last_number: last_number.max(since.last_number) })
    }

    pub(super) fn backlog(&self, partitions: &[i16]) -> Vec<i64> {
        let fresh = self.rows.iter().filter(|(_, row)| row.due.is_none()).map(|((lane, _), _)| *lane);
        let mut lanes: Vec<i64> = fresh.filter(|lane| partitions.contains(&partition_of(*lane))).collect();
        lanes.dedup();
        lanes
    }

    pub(super) fn page(&self, page: &Page) -> Vec<FoundRow> {
        let after = page.after.saturating_add(1);
        let rows = self.rows.range((page.mapping_id, after)..=(page.mapping_id, i64::MAX));
        let wanted = rows.filter(|(_, row)| page.include_scheduled || row.due.is_none()).take(page.limit);
        wanted.map(|(key, row)| Self::found(*key, row, self.clock())).collect()
    }

    pub(super) fn due(
        &self,
        partitions: &[i16],
        except: &[i64],
        limit: usize,
    ) -> (Vec<FoundRow>, Option<Duration>) {
        let now = self.clock();
        let ours = self.rows.iter().filter(|((lane, _), _)| partitions.contains(&partition_of(*lane)));
        let scheduled = ours.filter_map(|(key, row)| Some((row.due?, key, row)));
        let mut due: Vec<_> =
            scheduled.clone().filter(|(due, key, _)| *due <= now && !except.contains(&key.0)).collect();
        due.sort_by_key(|(due, ..)| *due);
        let next = scheduled.filter(|(due, ..)| *due > now).map(|(due, ..)| due.saturating_sub(now)).min();
        (due.into_iter().take(limit).map(|(_, key, row)| Self::found(*key, row, now)).collect(), next)
    }

    pub(super) fn load(&self, keys: &[(i64, i64)]) -> Vec<LoadedRow> {
        let load = |key: &(i64, i64)| {
            let row = self.rows.get(key)?;
            Some(LoadedRow {
                mapping_id: key.0,
                position: key.1,
                events: count(row),
                payload: text(&row.events),
                target: row.target.clone(),
                attempts: row.attempts,
                batch_id: row.batch_id,
                enqueued_at: stamp(row.enqueued),
                age: self.clock().saturating_sub(row.enqueued),
                is_scheduled: row.due.is_some(),
                traces: None,
            })
        };
        keys.iter().filter_map(load).collect()
    }

    /// All of it or, when the partition is another's, nothing.
    pub(super) fn settle(&mut self, me: usize, settlement: &Settlement) -> Settled {
        let partition = self.partition(settlement.partition);
        let is_fenced = self.defect != Some(Defect::SettleWithoutFence);
        if is_fenced && (partition.owner != Some(me) || partition.epoch != settlement.epoch) {
            return Settled::Stale;
        }
        self.commits += 1;
        let (by, mapping_id) = ((me, settlement.id), settlement.mapping_id);
        self.dead.settled(by);
        let is_there = |origin: &Origin| self.rows.contains_key(&(mapping_id, origin.position));
        let put: Vec<&Put> =
            settlement.put.iter().filter(|put| put.is_in_place || put.from.iter().any(is_there)).collect();
        for position in &settlement.delete {
            self.rows.remove(&(mapping_id, *position));
        }
        for put in put {
            self.put(mapping_id, put);
        }
        for bury in settlement.bury.iter().filter(|bury| !bury.row.is_in_place) {
            let (events, target) = (events(&bury.row.payload.to_bytes()), bury.row.target.clone());
            self.dead.bury((mapping_id, bury.row.position), Dead { events, target, by });
        }
        let moved = settlement.bury.iter().filter(|bury| bury.row.is_in_place).map(|bury| bury.row.position);
        for position in moved.chain(settlement.overflow.iter().map(|row| row.position)) {
            if let Some(DbRow { events, target, .. }) = self.rows.remove(&(mapping_id, position)) {
                self.dead.bury((mapping_id, position), Dead { events, target, by });
            }
        }
        Settled::Done
    }

    /// The first events of a dead letter wait again, unless its address is in use.
    pub(super) fn redrive(&mut self, mapping_id: i64, position: i64, at_most: usize) -> Vec<u64> {
        let address = (mapping_id, position);
        if self.rows.contains_key(&address) {
            return Vec::new();
        }
        let Some((events, target)) = self.dead.rise(address, at_most) else { return Vec::new() };
        self.commit(mapping_id, position, 0, events.clone(), target);
        events
    }

    /// All that is scheduled in a lane is due.
    pub(super) fn retry_now(&mut self, mapping_id: i64) {
        let now = self.clock();
        for (_, row) in self.rows.range_mut((mapping_id, i64::MIN)..=(mapping_id, i64::MAX)) {
            row.due = row.due.map(|due| due.min(now));
        }
    }

    /// Deletes all of a lane; its events.
    pub(super) fn purge(&mut self, mapping_id: i64) -> Vec<u64> {
        let is_gone = |(of, _): &(i64, i64)| *of == mapping_id;
        let gone = self
            .rows
            .iter()
            .filter(|(key, _)| is_gone(key))
            .flat_map(|(_, row)| row.events.clone())
            .collect();
        self.rows.retain(|key, _| !is_gone(key));
        gone
    }

    fn put(&mut self, mapping_id: i64, put: &Put) {
        let key = (mapping_id, put.position);
        let before = self.rows.get(&key);
        // Nothing stands there when the settlement is repeated after the row has gone on: no effect then.
        if put.is_in_place && before.is_none() {
            return;
        }
        let forgets_id = self.defect == Some(Defect::RetryWithNewId);
        let row = DbRow {
            events: events(&put.payload.to_bytes()),
            target: put.target.clone(),
            attempts: put.attempts,
            due: put.due_in.map(|due_in| self.clock() + due_in),
            batch_id: put.batch_id.map(|id| if forgets_id { Uuid::from_u128(id.as_u128() + 1) } else { id }),
            enqueued: enqueued(put.enqueued_at),
            commit: self.commits,
            number: before.map_or(0, |before| before.number),
        };
        self.rows.insert(key, row);
    }
}

/// A moment of Postgres's clock as a timestamp, and back.
fn stamp(clock: Duration) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(i64::try_from(clock.as_nanos()).unwrap_or(i64::MAX))
}

fn enqueued(stamp: DateTime<Utc>) -> Duration {
    let nanos = stamp.timestamp_nanos_opt().unwrap_or_default();
    Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
}

fn count(row: &DbRow) -> u32 {
    u32::try_from(row.events.len()).unwrap_or(u32::MAX)
}
