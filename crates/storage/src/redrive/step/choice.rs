//! Choice: which of the dead letters looked at are queued in a step; a pure rule.
//!
//! Invariants: they are passed through in their order, without a gap; no more is chosen than may wait, but where nothing
//! waits one is, whatever its size; a step that has room chooses something, however slow the pace.

/// A dead letter as it was looked at.
pub(super) struct Looked {
    pub(super) position: i64,
    pub(super) event_count: i32,
    pub(super) bytes: i32,
    /// It is one of those that the job is about.
    pub(super) fits: bool,
}

impl Looked {
    /// The address of its last event.
    pub(super) fn end(&self) -> i64 {
        self.position + i64::from(self.event_count) - 1
    }
}

/// How much more may wait in a lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) events: i64,
    pub(super) bytes: i64,
    /// Nothing waits: whatever comes first may.
    pub(super) is_empty: bool,
}

impl Room {
    /// Whether a row may be queued, or some of it if it may be split.
    fn has_for(&self, row: &Looked, may_split: bool) -> bool {
        let events = if may_split { 1 } else { i64::from(row.event_count) };
        self.is_empty || (events <= self.events && i64::from(row.bytes) <= self.bytes)
    }

    fn take(&mut self, row: &Looked) {
        self.is_empty = false;
        self.events -= i64::from(row.event_count);
        self.bytes -= i64::from(row.bytes);
    }
}

/// What of the dead letters looked at is queued now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// Those that are queued whole.
    pub(super) whole: Vec<i64>,
    /// One of which only the first events are: its position, its events, how many.
    pub(super) part: Option<(i64, i32, i32)>,
    /// The last address that the job is through with; none: it has not moved.
    pub(super) through: Option<i64>,
    /// There was no room for the next one.
    pub(super) is_full: bool,
}

/// As many of the dead letters that fit as the step and the lane have room for. When `may_split`, the last of them may be
/// queued in part; otherwise the first may have more events than the step.
pub(super) fn choose(looked: &[Looked], budget: i64, mut room: Room, may_split: bool) -> Choice {
    let mut choice = Choice::default();
    let mut left = budget;
    for row in looked {
        if row.fits {
            let events = i64::from(row.event_count);
            let may = left.min(room.events);
            let is_first = choice.whole.is_empty();
            if !room.has_for(row, may_split) {
                choice.is_full = true;
                break;
            }
            if events > may && may_split {
                choice.part = i32::try_from(may).ok().map(|may| (row.position, row.event_count, may));
                choice.through = Some(row.position + may - 1);
                break;
            }
            if events > may && !is_first {
                break;
            }
            choice.whole.push(row.position);
            room.take(row);
            left -= events;
        }
        choice.through = Some(row.end());
        if left <= 0 {
            break;
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Room = Room { events: i64::MAX, bytes: i64::MAX, is_empty: false };

    fn row(position: i64, event_count: i32, fits: bool) -> Looked {
        Looked { position, event_count, bytes: event_count * 10, fits }
    }

    #[test]
    fn what_does_not_fit_is_passed_over_and_the_last_one_is_split() {
        let looked =
            [row(10_000, 3, true), row(20_000, 4, false), row(30_000, 5, true), row(40_000, 1, true)];
        let choice = choose(&looked, 5, ROOMY, true);
        assert_eq!(choice.whole, [10_000]);
        assert_eq!((choice.part, choice.through), (Some((30_000, 5, 2)), Some(30_001)));
    }

    #[test]
    fn one_that_may_not_be_split_is_taken_whole_whatever_the_pace() {
        let choice = choose(&[row(10_000, 3, true)], 1, ROOMY, false);
        assert_eq!((choice.whole, choice.part, choice.through), (vec![10_000], None, Some(10_002)));
    }

    #[test]
    fn no_more_is_queued_than_may_wait() {
        let looked = [row(10_000, 3, true), row(20_000, 4, true)];
        let choice = choose(&looked, 100, Room { events: 5, ..ROOMY }, true);
        assert_eq!((choice.whole, choice.part), (vec![10_000], Some((20_000, 4, 2))));
        let choice = choose(&looked, 100, Room { bytes: 69, ..ROOMY }, true);
        assert_eq!((choice.whole, choice.part, choice.is_full), (vec![10_000], None, true));
        let choice = choose(&looked, 100, Room { events: 0, ..ROOMY }, true);
        assert!(choice.whole.is_empty() && choice.is_full && choice.through.is_none());
    }

    #[test]
    fn where_nothing_waits_one_is_queued_whatever_its_size() {
        let looked = [row(10_000, 3, true), row(20_000, 1, true)];
        let empty = Room { events: 2, bytes: 1, is_empty: true };
        let choice = choose(&looked, 100, empty, false);
        assert_eq!((choice.whole, choice.through, choice.is_full), (vec![10_000], Some(10_002), true));
        let choice = choose(&looked, 100, empty, true);
        assert_eq!((choice.part, choice.through), (Some((10_000, 3, 2)), Some(10_001)));
        let choice = choose(&looked, 100, Room { events: 3, ..empty }, true);
        assert_eq!((choice.whole, choice.through, choice.is_full), (vec![10_000], Some(10_002), true));
        let choice = choose(&looked, 100, Room { is_empty: false, ..empty }, true);
        assert_eq!((choice.whole, choice.part, choice.is_full), (vec![], None, true));
    }
}
