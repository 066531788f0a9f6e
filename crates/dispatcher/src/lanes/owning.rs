//! Owning: which lanes there are, by what is configured and by the partitions that are ours, and how they are let go.
//!
//! Invariants: a lane whose mapping is gone, or whose partition is no longer ours in the epoch we knew, is forgotten with all it
//! has; a partition is given back only when nothing is under way in it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use signalpost_storage::partition_of;

use super::action::{Action, LaneSettings, Moment, Owned};
use super::{Lanes, in_order};
use crate::lane::Lane;

impl Lanes {
    /// The settings of all mappings there are. Lanes of mappings that are gone, or do not compile, send nothing more: what they have
    /// under way ends, and is settled.
    pub fn configure(&mut self, now: Moment, settings: &HashMap<i64, LaneSettings>) {
        self.cx.now = now;
        let mut fresh = Vec::new();
        for mapping_id in in_order(settings.keys()) {
            let new = &settings[&mapping_id];
            match self.settings.get(&mapping_id) {
                Some(known) if **known == *new => {}
                Some(known) => {
                    if known.retries != new.retries {
                        self.cx.find_due_at = now;
                    }
                    let new = Arc::new(new.clone());
                    self.settings.insert(mapping_id, Arc::clone(&new));
                    if let Some(lane) = self.by_mapping.get_mut(&mapping_id) {
                        lane.configure(new, &mut self.cx);
                        self.advance(mapping_id);
                    }
                }
                None => fresh.push((mapping_id, Arc::new(new.clone()))),
            }
        }
        for mapping_id in in_order(self.settings.keys().filter(|id| !settings.contains_key(id))) {
            self.settings.remove(&mapping_id);
            if let Some(lane) = self.by_mapping.get_mut(&mapping_id) {
                lane.close();
                self.advance(mapping_id);
            }
        }
        for (mapping_id, new) in fresh {
            self.settings.insert(mapping_id, new);
            // Something may have been queued for it before it was known here.
            self.wake_behind(mapping_id);
        }
        self.feed();
    }

    /// The partitions that are ours: all of them. `is_valid`: beyond doubt, now.
    pub fn own(&mut self, now: Moment, owned: &[Owned], is_valid: bool) {
        self.cx.now = now;
        let change = self.partitions.own(owned, now, is_valid);
        for partition in change.lost {
            for mapping_id in self.lanes_of(partition) {
                self.drop_lane(mapping_id);
            }
        }
        if !change.acquired.is_empty() {
            self.cx.actions.push_back(Action::Backlog(change.acquired));
            self.cx.find_due_at = now;
        }
        self.advance_all();
    }

    /// Our lease may be over: nothing is sent until it is known to be ours again.
    pub fn suspend(&mut self, now: Moment) {
        self.cx.now = now;
        self.partitions.suspend();
    }

    /// The partitions we own.
    pub fn owned_partitions(&self) -> Vec<i16> {
        self.partitions.numbers()
    }

    /// Take up nothing new; finish what is under way.
    pub fn stop(&mut self, now: Moment) {
        self.cx.now = now;
        self.partitions.leave_all();
        self.advance_all();
    }

    /// Nothing is under way and nothing waits to be settled.
    pub fn is_drained(&self) -> bool {
        self.by_mapping.values().all(Lane::is_quiet)
    }

    /// Partitions over our share, or all when stopping, in which nothing is under way any more: they may be given back.
    pub fn drained_partitions(&self) -> Vec<i16> {
        if !self.partitions.is_any_leaving() {
            return Vec::new();
        }
        let busy: HashSet<i16> = self
            .by_mapping
            .iter()
            .filter(|(_, lane)| !lane.is_quiet())
            .map(|(id, _)| partition_of(*id))
            .collect();
        self.partitions.leaving().filter(|partition| !busy.contains(partition)).collect()
    }

    /// Drained partitions were given back.
    pub fn released(&mut self, partitions: &[i16]) {
        for partition in partitions {
            for mapping_id in self.lanes_of(*partition) {
                self.drop_lane(mapping_id);
            }
            self.partitions.forget(*partition);
        }
    }

    /// It was told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.partitions.is_stopping()
    }
}
