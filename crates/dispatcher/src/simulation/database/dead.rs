//! Dead letters: batches that were given up, until somebody redrives them.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

/// A batch that was given up.
#[derive(Debug, Clone)]
pub(super) struct Dead {
    pub(super) events: Vec<u64>,
    pub(super) target: Option<Arc<str>>,
    /// By which settlement.
    pub(super) by: SettlementId,
}

/// Of which process, and which of its settlements.
type SettlementId = (usize, u64);

#[derive(Debug, Default)]
pub(in crate::simulation) struct DeadLetters {
    by_address: BTreeMap<(i64, i64), Dead>,
    events: BTreeSet<u64>,
    /// Settlements that may still be repeated.
    unanswered: BTreeSet<SettlementId>,
}

impl DeadLetters {
    /// Whether an event is among them.
    pub(in crate::simulation) fn has(&self, event: u64) -> bool {
        self.events.contains(&event)
    }

    /// All that is dead.
    pub(in crate::simulation) fn events(&self) -> impl Iterator<Item = u64> {
        self.events.iter().copied()
    }

    /// Where a lane has some.
    pub(in crate::simulation) fn of(&self, mapping_id: i64) -> Vec<i64> {
        let lane = self.by_address.range((mapping_id, i64::MIN)..=(mapping_id, i64::MAX));
        lane.map(|((_, position), _)| *position).collect()
    }

    /// An address is buried once.
    pub(super) fn bury(&mut self, address: (i64, i64), dead: Dead) {
        if let Entry::Vacant(free) = self.by_address.entry(address) {
            self.events.extend(&dead.events);
            free.insert(dead);
        }
    }

    /// Takes the first events out of one, at most so many; the others stay dead, at the address of the first of them. One that a
    /// repeated settlement may bury again stays as it is: in truth, it may be sent again.
    pub(super) fn rise(
        &mut self,
        (mapping_id, position): (i64, i64),
        at_most: usize,
    ) -> Option<(Vec<u64>, Option<Arc<str>>)> {
        let Entry::Occupied(dead) = self.by_address.entry((mapping_id, position)) else { return None };
        if self.unanswered.contains(&dead.get().by) {
            return None;
        }
        let Dead { mut events, target, by } = dead.remove();
        let rest = events.split_off(events.len().min(at_most));
        self.events.retain(|event| !events.contains(event));
        if !rest.is_empty() {
            let rest_at = position + i64::try_from(events.len()).unwrap_or_default();
            self.by_address.insert((mapping_id, rest_at), Dead { events: rest, target: target.clone(), by });
        }
        Some((events, target))
    }

    /// A settlement has its effect.
    pub(super) fn settled(&mut self, by: SettlementId) {
        self.unanswered.insert(by);
    }

    /// It was answered.
    pub(in crate::simulation) fn answered(&mut self, process: usize, settlement: u64) {
        self.unanswered.remove(&(process, settlement));
    }

    /// A process is gone: nothing of it is repeated.
    pub(in crate::simulation) fn gone(&mut self, process: usize) {
        self.unanswered.retain(|(of, _)| *of != process);
    }
}
