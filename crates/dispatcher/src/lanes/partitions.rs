//! Partitions: which are ours, since when, and whether we may send for them now.

use std::collections::BTreeMap;

use super::action::{Moment, Owned};
use super::context::{Before, Right};

#[derive(Debug)]
struct Partition {
    epoch: i64,
    is_leaving: bool,
    /// A request was cut off: it may have arrived, and whoever owns it next has to be told.
    is_cut_off: bool,
    maybe_repeated: Option<Before>,
}

#[derive(Debug, Default)]
pub(crate) struct Partitions {
    owned: BTreeMap<i16, Partition>,
    /// How many of them are leaving: asked at every step.
    leaving: usize,
    is_suspended: bool,
    is_stopping: bool,
}

/// What a heartbeat changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Now ours, and in an epoch that is new to us.
    pub(crate) acquired: Vec<i16>,
    /// No longer ours, or not in the epoch we knew.
    pub(crate) lost: Vec<i16>,
}

impl Partitions {
    /// All that is ours; `is_valid`: and may be sent for.
    pub(crate) fn own(&mut self, owned: &[Owned], now: Moment, is_valid: bool) -> Change {
        self.is_suspended = !is_valid;
        let mut change = Change::default();
        let still =
            |number: &i16, epoch: i64| owned.iter().any(|own| own.partition == *number && own.epoch == epoch);
        change.lost = self
            .owned
            .iter()
            .filter(|(number, known)| !still(number, known.epoch))
            .map(|(number, _)| *number)
            .collect();
        for number in &change.lost {
            self.owned.remove(number);
        }
        for own in owned {
            let known = self.owned.entry(own.partition).or_insert_with(|| {
                if !own.is_surplus && !self.is_stopping {
                    change.acquired.push(own.partition);
                }
                Partition {
                    epoch: own.epoch,
                    is_leaving: false,
                    is_cut_off: false,
                    maybe_repeated: own.maybe_repeated.map(|ago| Before { noted_at: now, ago }),
                }
            });
            // Once leaving, always: its lanes have let go of what they knew. It can be acquired anew when given back.
            known.is_leaving |= own.is_surplus || self.is_stopping;
        }
        self.count_leaving();
        change
    }

    /// Until the next heartbeat nothing may be sent.
    pub(crate) fn suspend(&mut self) {
        self.is_suspended = true;
    }

    /// All that is ours, and whatever a heartbeat that is on its way may still bring.
    pub(crate) fn leave_all(&mut self) {
        self.is_stopping = true;
        for partition in self.owned.values_mut() {
            partition.is_leaving = true;
        }
        self.count_leaving();
    }

    pub(crate) fn forget(&mut self, number: i16) {
        self.owned.remove(&number);
        self.count_leaving();
    }

    fn count_leaving(&mut self) {
        self.leaving = self.owned.values().filter(|partition| partition.is_leaving).count();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    pub(crate) fn is_any_leaving(&self) -> bool {
        self.leaving > 0
    }

    pub(crate) fn numbers(&self) -> Vec<i16> {
        self.owned.iter().filter(|(_, partition)| !partition.is_leaving).map(|(number, _)| *number).collect()
    }

    /// A request of this one was cut off.
    pub(crate) fn cut_off(&mut self, number: i16) {
        if let Some(partition) = self.owned.get_mut(&number) {
            partition.is_cut_off = true;
        }
    }

    /// To be given back once nothing is under way in them. One in which something was cut off is given back at the end, which says so.
    pub(crate) fn leaving(&self) -> impl Iterator<Item = i16> {
        let may_go = |partition: &Partition| partition.is_leaving && !partition.is_cut_off;
        self.owned.iter().filter(move |(_, partition)| may_go(partition)).map(|(number, _)| *number)
    }

    pub(crate) fn is_leaving_or_foreign(&self, number: i16) -> bool {
        self.owned.get(&number).is_none_or(|partition| partition.is_leaving)
    }

    pub(crate) fn may_send(&self) -> bool {
        !self.is_suspended && self.owned.values().any(|partition| !partition.is_leaving)
    }

    pub(crate) fn right(&self, number: i16) -> Option<Right> {
        let partition = self.owned.get(&number)?;
        Some(Right {
            partition: number,
            epoch: partition.epoch,
            may_send: !self.is_suspended && !partition.is_leaving,
            is_leaving: partition.is_leaving,
            maybe_repeated: partition.maybe_repeated,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(partition: i16, epoch: i64) -> Owned {
        Owned { partition, epoch, is_surplus: false, maybe_repeated: None }
    }

    #[test]
    fn a_new_epoch_means_lost_and_acquired() {
        let mut partitions = Partitions::default();
        let change = partitions.own(&[own(1, 1), own(2, 1)], Moment::ZERO, true);
        assert_eq!((change.acquired, change.lost), (vec![1, 2], vec![]));
        let change = partitions.own(&[own(1, 2)], Moment::ZERO, true);
        assert_eq!((change.acquired, change.lost), (vec![1], vec![1, 2]));
    }

    #[test]
    fn what_was_cut_off_is_not_given_back_without_a_word() {
        let mut partitions = Partitions::default();
        partitions.own(&[own(1, 1), own(2, 1)], Moment::ZERO, true);
        assert!(!partitions.is_any_leaving());
        partitions.leave_all();
        assert_eq!(partitions.leaving().collect::<Vec<_>>(), [1, 2]);
        partitions.cut_off(1);
        assert_eq!(partitions.leaving().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn nothing_is_sent_while_suspended_or_leaving() {
        let mut partitions = Partitions::default();
        partitions.own(&[own(1, 1)], Moment::ZERO, true);
        assert!(partitions.right(1).unwrap().may_send && partitions.right(2).is_none());
        partitions.suspend();
        assert!(!partitions.right(1).unwrap().may_send);
        partitions.own(&[own(1, 1)], Moment::ZERO, true);
        assert!(partitions.right(1).unwrap().may_send);
        partitions.own(&[Owned { is_surplus: true, ..own(1, 1) }], Moment::ZERO, true);
        let right = partitions.right(1).unwrap();
        assert!(right.is_leaving && !right.may_send && partitions.numbers().is_empty());
    }
}
