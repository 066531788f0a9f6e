//! Fill: which events make up the next request.
//!
//! Events with the same target wait together until they fill a request or the first of them has waited long enough.
//! While more wait than fit, requests are full: the row that does not fit is split, and what is left of it waits on.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use signalpost_core::batch::Stretch;
use smallvec::SmallVec;

use super::rows::Rows;
use crate::lanes::action::{LaneSettings, Moment};

/// What a request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) events: u32,
    pub(crate) bytes: usize,
    pub(crate) wait: Duration,
}

impl Shape {
    pub(crate) fn of(settings: &LaneSettings) -> Self {
        match settings.batching {
            // The brackets are no elements.
            Some(batching) => Self {
                events: batching.size.max(1),
                bytes: batching.bytes.saturating_sub(2),
                wait: batching.wait,
            },
            None => Self { events: 1, bytes: usize::MAX, wait: Duration::ZERO },
        }
    }
}

/// A piece of a row that goes into a request.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) position: i64,
    pub(crate) piece: usize,
    pub(crate) stretch: Stretch,
    pub(crate) elements: Bytes,
}

/// Takes a request's worth of events from the rows in order; forgets rows that are used up.
pub(crate) fn take(order: &mut VecDeque<i64>, rows: &mut Rows, shape: Shape) -> SmallVec<[Taken; 2]> {
    let mut taken = SmallVec::new();
    let (mut events, mut bytes) = (0, 0);
    while let Some(&position) = order.front() {
        let row = rows.loaded_mut(position).expect("a row that waits is loaded");
        let (events_left, bytes_left) = (shape.events - events, shape.bytes.saturating_sub(bytes));
        let fitting = row.fitting(events_left, bytes_left);
        if fitting == 0 && events > 0 {
            break;
        }
        let count = fitting.max(1); // one event alone may have more than the bytes allowed
        let before = row.untaken_bytes();
        let (piece, stretch, elements) = row.take(count);
        events += count;
        bytes += before - row.untaken_bytes() + 1;
        taken.push(Taken { position, piece, stretch, elements });
        if row.untaken() > 0 {
            break;
        }
        order.pop_front();
        if events >= shape.events {
            break;
        }
    }
    taken
}

#[derive(Debug)]
struct Fill {
    target: Option<Arc<str>>,
    rows: VecDeque<i64>,
    events: u64,
    bytes: usize,
    deadline: Moment,
}

/// The rows of an unordered lane that wait to be sent, by target.
#[derive(Debug, Default)]
pub(crate) struct Fills {
    by_id: HashMap<u64, Fill>,
    by_target: HashMap<Option<Arc<str>>, u64>,
    full: BTreeSet<u64>,
    waiting: BTreeSet<(Moment, u64)>,
    next_id: u64,
}

impl Fills {
    /// A row was loaded, or has events left.
    pub(crate) fn add(&mut self, position: i64, rows: &Rows, shape: Shape) {
        let row = rows.loaded(position).expect("only loaded rows wait");
        let id = *self.by_target.entry(row.target.clone()).or_insert_with(|| {
            self.next_id += 1;
            self.next_id
        });
        let deadline = row.since() + shape.wait;
        let fill = self.by_id.entry(id).or_insert_with(|| {
            self.waiting.insert((deadline, id));
            let target = row.target.clone();
            Fill { target, rows: VecDeque::new(), events: 0, bytes: 0, deadline }
        });
        fill.rows.push_back(position);
        fill.events += u64::from(row.untaken());
        fill.bytes += row.untaken_bytes() + 1;
        if deadline < fill.deadline {
            self.waiting.remove(&(fill.deadline, id));
            fill.deadline = deadline;
            self.waiting.insert((deadline, id));
        }
        self.list_if_full(id, shape);
    }

    fn list_if_full(&mut self, id: u64, shape: Shape) {
        let Some(fill) = self.by_id.get(&id) else { return };
        if fill.events >= u64::from(shape.events) || fill.bytes > shape.bytes {
            self.full.insert(id);
        }
    }

    /// The fill whose turn it is: the one that waited longest, if long enough, or else one that is full.
    pub(crate) fn ready(&self, now: Moment) -> Option<u64> {
        let waited = self.waiting.first().filter(|(deadline, _)| *deadline <= now).map(|(_, id)| *id);
        waited.or_else(|| self.full.first().copied())
    }

    /// When the next will have waited long enough.
    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.waiting.first().map(|(deadline, _)| *deadline)
    }

    /// Takes a request's worth.
    pub(crate) fn take(&mut self, id: u64, rows: &mut Rows, shape: Shape) -> SmallVec<[Taken; 2]> {
        let fill = self.by_id.get_mut(&id).expect("a fill that is ready exists");
        self.full.remove(&id);
        let taken = take(&mut fill.rows, rows, shape);
        for piece in &taken {
            fill.events -= u64::from(piece.stretch.count);
            fill.bytes -= (piece.elements.len() + 1).min(fill.bytes);
        }
        self.waiting.remove(&(fill.deadline, id));
        if let Some(row) = fill.rows.front().and_then(|position| rows.loaded(*position)) {
            fill.deadline = row.since() + shape.wait;
            self.waiting.insert((fill.deadline, id));
            self.list_if_full(id, shape);
        } else {
            let fill = self.by_id.remove(&id);
            self.by_target.remove(&fill.and_then(|fill| fill.target));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::row::Row;
    use crate::lane::rows::{Entry, State};
    use crate::lanes::action::LoadedRow;

    fn rows(counts: &[u32]) -> (Rows, Fills, Shape) {
        let mut rows = Rows::default();
        for (position, &events) in (10_000..).step_by(10_000).zip(counts) {
            let text = format!("[{}]", vec!["1"; events as usize].join(","));
            let loaded = LoadedRow {
                mapping_id: 1,
                position,
                events,
                payload: text.into(),
                target: None,
                attempts: 0,
                batch_id: None,
                enqueued_at: chrono::DateTime::UNIX_EPOCH,
                age: Duration::ZERO,
                is_scheduled: false,
                traces: None,
            };
            let row = Row::new(loaded, Duration::ZERO, Duration::ZERO);
            rows.insert(
                position,
                Entry { events, bytes: 0, due: Duration::ZERO, state: State::Loaded(Box::new(row)) },
            );
        }
        let shape = Shape { events: 100, bytes: 1_000_000, wait: Duration::from_secs(1) };
        let mut fills = Fills::default();
        for position in rows.positions() {
            fills.add(position, &rows, shape);
        }
        (rows, fills, shape)
    }

    /// How many events each request takes when everything that is ready is sent.
    fn requests(counts: &[u32], now: Moment) -> Vec<u32> {
        let (mut rows, mut fills, shape) = rows(counts);
        let mut sizes = Vec::new();
        while let Some(id) = fills.ready(now) {
            sizes.push(fills.take(id, &mut rows, shape).iter().map(|taken| taken.stretch.count).sum());
        }
        sizes
    }

    #[test]
    fn rows_are_joined_until_the_request_is_full_and_what_is_left_waits() {
        assert_eq!(requests(&[30, 30, 40, 50], Duration::ZERO), [100]);
        assert_eq!(requests(&[30, 30, 40, 50], Duration::from_secs(1)), [100, 50]);
        assert_eq!(requests(&[30], Duration::from_millis(999)), [0; 0]);
    }

    #[test]
    fn a_row_is_split_where_that_fills_a_request() {
        assert_eq!(requests(&[60, 60, 60, 20], Duration::ZERO), [100, 100]);
        assert_eq!(requests(&[1, 100, 100], Duration::from_secs(1)), [100, 100, 1]);
        assert_eq!(requests(&[80, 80], Duration::from_secs(1)), [100, 60]);
    }

    #[test]
    fn a_row_beyond_the_size_is_split() {
        assert_eq!(requests(&[250], Duration::ZERO), [100, 100]);
    }

    #[test]
    fn a_body_never_exceeds_the_bytes_allowed() {
        let (mut rows, mut fills, _) = rows(&[10, 10, 10]);
        let shape = Shape { events: 100, bytes: 25, wait: Duration::ZERO };
        while let Some(id) = fills.ready(Duration::ZERO) {
            let taken = fills.take(id, &mut rows, shape);
            let bytes: usize = taken.iter().map(|taken| taken.elements.len() + 1).sum();
            assert!(bytes - 1 <= 25, "{bytes}");
        }
    }
}
