//! A model of the queue in Postgres: rows, what became visible when, fenced settlements.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use signalpost_storage::partition_of;
use uuid::Uuid;

use crate::lanes::action::{FoundRow, LoadedRow, Moment, Page, Schedule, Settled, Settlement};

#[derive(Debug, Clone)]
pub(super) struct DbRow {
    pub(super) events: Vec<u64>,
    target: Option<Arc<str>>,
    attempts: u32,
    due: Option<Moment>,
    batch_id: Option<Uuid>,
    enqueued: Moment,
    /// When it became visible, counted in commits.
    commit: u64,
}

#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) rows: BTreeMap<(i64, i64), DbRow>,
    pub(super) buried: Vec<u64>,
    pub(super) epoch: i64,
    pub(super) commits: u64,
}

fn events(payload: &Bytes) -> Vec<u64> {
    serde_json::from_slice(payload).expect("an array of numbers")
}

impl Database {
    pub(super) fn commit(
        &mut self,
        mapping_id: i64,
        position: i64,
        events: Vec<u64>,
        target: Option<Arc<str>>,
        now: Moment,
    ) {
        self.commits += 1;
        let row = DbRow {
            events,
            target,
            attempts: 0,
            due: None,
            batch_id: None,
            enqueued: now,
            commit: self.commits,
        };
        self.rows.insert((mapping_id, position), row);
    }

    fn found((mapping_id, position): (i64, i64), row: &DbRow, schedule: Schedule) -> FoundRow {
        let events = u32::try_from(row.events.len()).unwrap();
        FoundRow { mapping_id, position, events, bytes: 3 * row.events.len(), schedule }
    }

    pub(super) fn arrived(&self, since: u64) -> (Vec<FoundRow>, u64) {
        let new = self.rows.iter().filter(|(_, row)| row.commit > since && row.due.is_none());
        (new.map(|(key, row)| Self::found(*key, row, Schedule::Fresh)).collect(), self.commits)
    }

    pub(super) fn backlog(&self) -> Vec<i64> {
        let mut lanes: Vec<i64> =
            self.rows.iter().filter(|(_, row)| row.due.is_none()).map(|((lane, _), _)| *lane).collect();
        lanes.dedup();
        lanes
    }

    pub(super) fn page(&self, page: &Page) -> Vec<FoundRow> {
        let after = page.after.saturating_add(1);
        let rows = self.rows.range((page.mapping_id, after)..=(page.mapping_id, i64::MAX));
        let wanted = rows.filter(|(_, row)| page.include_scheduled || row.due.is_none()).take(page.limit);
        let schedule = |row: &DbRow| if row.due.is_some() { Schedule::Later } else { Schedule::Fresh };
        wanted.map(|(key, row)| Self::found(*key, row, schedule(row))).collect()
    }

    pub(super) fn due(&self, now: Moment, except: &[i64], limit: usize) -> (Vec<FoundRow>, Option<Duration>) {
        let scheduled = self.rows.iter().filter_map(|(key, row)| Some((row.due?, key, row)));
        let mut due: Vec<_> =
            scheduled.clone().filter(|(due, key, _)| *due <= now && !except.contains(&key.0)).collect();
        due.sort_by_key(|(due, ..)| *due);
        let next = scheduled.filter(|(due, ..)| *due > now).map(|(due, ..)| due.saturating_sub(now)).min();
        (
            due.into_iter().take(limit).map(|(_, key, row)| Self::found(*key, row, Schedule::Due)).collect(),
            next,
        )
    }

    pub(super) fn load(&self, keys: &[(i64, i64)], now: Moment) -> Vec<LoadedRow> {
        let load = |key: &(i64, i64)| {
            let row = self.rows.get(key)?;
            let payload = serde_json::to_vec(&row.events).unwrap().into();
            Some(LoadedRow {
                mapping_id: key.0,
                position: key.1,
                events: u32::try_from(row.events.len()).unwrap(),
                payload,
                target: row.target.clone(),
                attempts: row.attempts,
                batch_id: row.batch_id,
                enqueued_at: DateTime::UNIX_EPOCH,
                age: now.saturating_sub(row.enqueued),
            })
        };
        keys.iter().filter_map(load).collect()
    }

    pub(super) fn settle(&mut self, settlement: &Settlement, now: Moment) -> Settled {
        assert_eq!(settlement.partition, partition_of(settlement.mapping_id));
        if settlement.epoch != self.epoch {
            return Settled::Stale;
        }
        self.commits += 1;
        let mapping_id = settlement.mapping_id;
        for position in &settlement.delete {
            let is_written = settlement.put.iter().any(|put| put.position == *position)
                || settlement.bury.iter().any(|bury| bury.row.is_in_place && bury.row.position == *position);
            assert!(!is_written, "{position} is deleted and written");
            self.rows.remove(&(mapping_id, *position));
        }
        for put in &settlement.put {
            let before = self.rows.get(&(mapping_id, put.position));
            if put.is_in_place {
                // Nothing stands there when the settlement is repeated after the row has gone on: no effect then.
                let Some(before) = before else { continue };
                assert_eq!(before.events, events(&put.payload), "a row in place is as it is");
            }
            let row = DbRow {
                events: events(&put.payload),
                target: put.target.clone(),
                attempts: put.attempts,
                due: put.due_in.map(|due_in| now + due_in),
                batch_id: put.batch_id,
                enqueued: before.map_or(now, |before| before.enqueued),
                commit: self.commits,
            };
            self.rows.insert((mapping_id, put.position), row);
        }
        for bury in &settlement.bury {
            if bury.row.is_in_place {
                self.rows.remove(&(mapping_id, bury.row.position));
            }
            self.buried.extend(events(&bury.row.payload));
        }
        for row in &settlement.overflow {
            if let Some(row) = self.rows.remove(&(mapping_id, row.position)) {
                self.buried.extend(&row.events);
            }
        }
        Settled::Done
    }
}
