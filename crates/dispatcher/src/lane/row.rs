//! Row: one loaded row, which of its events are under way, and how it is stored meanwhile.
//!
//! Events are taken from the front, in pieces. A row is stored as one or more *runs*: at first one, all of it; when a
//! piece fails, what is not delivered and did not fail is stored again, each run at the address of its first event.
//! Invariant: every event of a run is under way, or was not taken yet, or is delivered but not yet removed.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use signalpost_core::batch::Stretch;
use signalpost_core::body::Body;
use signalpost_core::json;
use smallvec::{SmallVec, smallvec};
use uuid::Uuid;

use crate::lanes::action::{LoadedRow, Moment};

/// Consecutive events of a row by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: u32,
    pub(crate) count: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    InFlight,
    Delivered,
    /// Stored elsewhere by now: scheduled again or buried.
    Gone,
    /// Cut off by us: as if never taken.
    Returned,
}

#[derive(Debug)]
struct Piece {
    run: Run,
    bytes: Range<usize>,
    fate: Fate,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) position: i64,
    pub(crate) events: u32,
    pub(crate) target: Option<Arc<str>>,
    pub(crate) attempts: u32,
    pub(crate) batch_id: Option<Uuid>,
    pub(crate) enqueued_at: DateTime<Utc>,
    pub(crate) traces: Option<Arc<str>>,
    payload: Bytes,
    loaded_at: Moment,
    age_when_loaded: Duration,
    /// For how long its age may have been on the way, if we slept meanwhile.
    doubt: Duration,
    taken: u32,
    /// Where the first event that is not taken begins in `payload`.
    offset: usize,
    ends: Option<Box<[usize]>>,
    pieces: SmallVec<[Piece; 2]>,
    stored: SmallVec<[Run; 1]>,
    /// A settlement that changes how it is stored has no answer yet.
    pub(crate) is_settling: bool,
}

impl Row {
    /// It was asked for then, and has come now.
    pub(crate) fn new(loaded: LoadedRow, asked_at: Moment, now: Moment) -> Self {
        Self {
            position: loaded.position,
            events: loaded.events,
            target: loaded.target,
            attempts: loaded.attempts,
            batch_id: loaded.batch_id,
            enqueued_at: loaded.enqueued_at,
            traces: loaded.traces,
            payload: loaded.payload,
            loaded_at: now,
            age_when_loaded: loaded.age,
            doubt: now.saturating_sub(asked_at),
            taken: 0,
            offset: 1,
            ends: None,
            pieces: SmallVec::new(),
            stored: smallvec![Run { first: 0, count: loaded.events }],
            is_settling: false,
        }
    }

    /// What it counts for in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.payload.len()
    }

    pub(crate) fn age(&self, now: Moment) -> Duration {
        self.age_when_loaded + now.saturating_sub(self.loaded_at)
    }

    /// Its age, or more.
    pub(crate) fn age_at_most(&self, now: Moment) -> Duration {
        self.age(now) + self.doubt
    }

    /// When it was queued; rows from before this dispatcher's time are from its beginning.
    pub(crate) fn since(&self) -> Moment {
        self.loaded_at.saturating_sub(self.age_when_loaded)
    }

    pub(crate) fn is_touched(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// The address of the first event that is not taken.
    pub(crate) fn next_address(&self) -> i64 {
        self.position + i64::from(self.taken)
    }

    pub(crate) fn untaken(&self) -> u32 {
        self.events - self.taken
    }

    /// How many bytes of elements are not taken yet.
    pub(crate) fn untaken_bytes(&self) -> usize {
        (self.payload.len().saturating_sub(1)).saturating_sub(self.offset)
    }

    /// How many of the next events fit, at most `events` of them in at most `bytes`.
    pub(crate) fn fitting(&mut self, events: u32, bytes: usize) -> u32 {
        if self.untaken() <= events && self.untaken_bytes() <= bytes {
            return self.untaken();
        }
        let (taken, offset) = (self.taken as usize, self.offset);
        let ends = self.ends().get(taken..).unwrap_or_default();
        let fit = ends.iter().take(events as usize).take_while(|end| **end - offset <= bytes).count();
        u32::try_from(fit).unwrap_or(u32::MAX)
    }

    /// Where each event ends in the payload: found once, and only for rows that are not sent whole.
    fn ends(&mut self) -> &[usize] {
        let payload = &self.payload;
        self.ends.get_or_insert_with(|| {
            let text = std::str::from_utf8(payload).unwrap_or_default();
            json::elements(text)
                .map(|element| element.as_ptr().addr() - text.as_ptr().addr() + element.len())
                .collect()
        })
    }

    /// Takes the next `count` events; the piece's number, its place, and its elements without brackets.
    pub(crate) fn take(&mut self, count: u32) -> (usize, Stretch, Bytes) {
        let run = Run { first: self.taken, count };
        let last = (self.taken + count) as usize - 1;
        let all = self.payload.len() - 1;
        let end = if count == self.untaken() { all } else { self.ends().get(last).copied().unwrap_or(all) };
        let bytes = self.offset..end;
        self.taken += count;
        self.offset = end + 1;
        self.pieces.push(Piece { run, bytes: bytes.clone(), fate: Fate::InFlight });
        (self.pieces.len() - 1, self.stretch(run), self.payload.slice(bytes))
    }

    /// The whole row's text, when `piece` is all of it.
    pub(crate) fn whole(&self, piece: usize) -> Option<Bytes> {
        (self.pieces[piece].run.count == self.events).then(|| self.payload.clone())
    }

    fn stretch(&self, run: Run) -> Stretch {
        Stretch { address: self.address(run), count: run.count }
    }

    fn address(&self, run: Run) -> i64 {
        self.position + i64::from(run.first)
    }

    pub(crate) fn piece(&self, piece: usize) -> (Stretch, Bytes) {
        let piece = &self.pieces[piece];
        (self.stretch(piece.run), self.payload.slice(piece.bytes.clone()))
    }

    pub(crate) fn delivered(&mut self, piece: usize) {
        self.pieces[piece].fate = Fate::Delivered;
    }

    pub(crate) fn gone(&mut self, piece: usize) {
        self.pieces[piece].fate = Fate::Gone;
    }

    pub(crate) fn returned(&mut self, piece: usize) {
        self.pieces[piece].fate = Fate::Returned;
    }

    pub(crate) fn is_in_flight(&self) -> bool {
        self.pieces.iter().any(|piece| piece.fate == Fate::InFlight)
    }

    /// Whether a part of it is stored at this address.
    pub(crate) fn is_stored_at(&self, address: i64) -> bool {
        self.stored.iter().any(|run| self.address(*run) == address)
    }

    /// The rows that it is stored as.
    pub(crate) fn stored_stretches(&self) -> SmallVec<[Stretch; 1]> {
        self.stored.iter().map(|run| self.stretch(*run)).collect()
    }

    /// Nothing of it is stored any more.
    pub(crate) fn is_removed(&self) -> bool {
        self.stored.is_empty()
    }

    /// Forgets the runs that are wholly delivered; their positions, to delete.
    pub(crate) fn remove_delivered(&mut self) -> SmallVec<[i64; 1]> {
        let is_complete = |run: &Run| {
            let inside =
                |piece: &&Piece| piece.run.first >= run.first && piece.run.first < run.first + run.count;
            let delivered = self.pieces.iter().filter(|piece| piece.fate == Fate::Delivered).filter(inside);
            delivered.map(|piece| piece.run.count).sum::<u32>() == run.count
        };
        let (complete, left): (SmallVec<[Run; 1]>, SmallVec<[Run; 1]>) =
            self.stored.iter().copied().partition(is_complete);
        self.stored = left;
        complete.into_iter().map(|run| self.address(run)).collect()
    }

    /// Whether something delivered is still stored beside something that is not.
    pub(crate) fn is_partly_delivered(&self) -> bool {
        !self.stored.is_empty()
            && self.pieces.iter().any(|piece| piece.fate == Fate::Delivered)
            && self.left() != self.stored
    }

    /// Stores what is left anew: the positions to delete, and the runs to put.
    pub(crate) fn rearrange(&mut self) -> (SmallVec<[i64; 1]>, SmallVec<[Run; 2]>) {
        let left = self.left();
        let is_kept = |run: &&Run| !left.iter().any(|new| new.first == run.first);
        let delete = self.stored.iter().filter(is_kept).map(|run| self.address(*run)).collect();
        let put = left.iter().filter(|run| !self.stored.contains(run)).copied().collect();
        self.stored = left;
        (delete, put)
    }

    /// The events that are neither delivered nor gone, in runs.
    fn left(&self) -> SmallVec<[Run; 1]> {
        let kept = self.pieces.iter().filter(|piece| matches!(piece.fate, Fate::InFlight | Fate::Returned));
        let tail = Run { first: self.taken, count: self.untaken() };
        let mut runs: SmallVec<[Run; 1]> = SmallVec::new();
        for run in kept.map(|piece| piece.run).chain((tail.count > 0).then_some(tail)) {
            match runs.last_mut() {
                Some(last) if last.first + last.count == run.first => last.count += run.count,
                _ => runs.push(run),
            }
        }
        runs
    }

    /// The place and the array's text of a run, to store it.
    pub(crate) fn stored_text(&self, run: Run) -> (i64, Body) {
        if run.count == self.events {
            return (self.position, self.payload.clone().into());
        }
        let begins = |piece: &&Piece| piece.run.first == run.first;
        let ends = |piece: &&Piece| piece.run.first + piece.run.count == run.first + run.count;
        let start = self.pieces.iter().find(begins).map_or(self.offset, |piece| piece.bytes.start);
        let end = self.pieces.iter().find(ends).map_or(self.payload.len() - 1, |piece| piece.bytes.end);
        (self.address(run), Body::array([self.payload.slice(start..end)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(payload: &'static str, events: u32) -> Row {
        let loaded = LoadedRow {
            mapping_id: 1,
            position: 10_000,
            events,
            payload: Bytes::from_static(payload.as_bytes()),
            target: None,
            attempts: 0,
            batch_id: None,
            enqueued_at: DateTime::UNIX_EPOCH,
            age: Duration::ZERO,
            is_scheduled: false,
            traces: None,
        };
        Row::new(loaded, Duration::ZERO, Duration::ZERO)
    }

    #[test]
    fn events_are_taken_from_the_front_as_they_stand() {
        let mut row = row(r#"[{"a":"x,y"},[1,2],null,"]"]"#, 4);
        let texts: Vec<_> =
            [1, 2, 1].map(|count| row.take(count)).map(|(_, at, text)| (at.address, text)).into();
        assert_eq!(texts[0], (10_000, Bytes::from_static(br#"{"a":"x,y"}"#)));
        assert_eq!(texts[1], (10_001, Bytes::from_static(b"[1,2],null")));
        assert_eq!(texts[2], (10_003, Bytes::from_static(br#""]""#)));
        assert_eq!((row.untaken(), row.untaken_bytes()), (0, 0));
    }

    #[test]
    fn as_many_fit_as_the_limits_allow() {
        let mut row = row("[10,20,30,40]", 4);
        assert_eq!(row.fitting(4, 100), 4);
        assert_eq!(row.fitting(3, 100), 3);
        assert_eq!(row.fitting(4, 5), 2);
        assert_eq!(row.fitting(4, 1), 0);
    }

    #[test]
    fn a_row_is_removed_when_all_of_it_is_delivered() {
        let mut row = row("[1,2,3]", 3);
        let pieces: Vec<usize> = (0..3).map(|_| row.take(1).0).collect();
        row.delivered(pieces[2]);
        row.delivered(pieces[0]);
        assert!(row.remove_delivered().is_empty());
        row.delivered(pieces[1]);
        assert_eq!(row.remove_delivered()[..], [10_000]);
        assert!(row.is_removed());
    }

    #[test]
    fn what_is_left_after_a_failure_is_stored_at_its_own_address() {
        let mut row = row("[0,1,2,3,4,5]", 6);
        let pieces: Vec<usize> = (0..4).map(|_| row.take(1).0).collect();
        row.delivered(pieces[0]);
        row.gone(pieces[2]);
        let (delete, put) = row.rearrange();
        assert_eq!(delete[..], [10_000]);
        let stored: Vec<_> =
            put.into_iter().map(|run| row.stored_text(run)).map(|(at, text)| (at, text.to_bytes())).collect();
        assert_eq!(stored, [(10_001, "[1]".into()), (10_003, "[3,4,5]".into())]);
        row.delivered(pieces[1]);
        assert_eq!(row.remove_delivered()[..], [10_001]);
        row.delivered(pieces[3]);
        assert!(row.remove_delivered().is_empty());
        row.take(2);
        row.delivered(4);
        assert_eq!(row.remove_delivered()[..], [10_003]);
        assert!(row.is_removed());
    }

    #[test]
    fn a_second_failure_replaces_a_run_in_place() {
        let mut row = row("[0,1,2,3]", 4);
        let pieces: Vec<usize> = (0..3).map(|_| row.take(1).0).collect();
        row.gone(pieces[2]);
        let (delete, put) = row.rearrange();
        assert!(delete.is_empty(), "the run at the row's own position is written over");
        assert_eq!(put[..], [Run { first: 0, count: 2 }, Run { first: 3, count: 1 }]);
        row.gone(pieces[0]);
        let (delete, put) = row.rearrange();
        assert_eq!(delete[..], [10_000]);
        assert_eq!(put[..], [Run { first: 1, count: 1 }]);
    }

    #[test]
    fn what_was_cut_off_counts_as_not_sent() {
        let mut row = row("[0,1,2]", 3);
        let pieces: Vec<usize> = (0..2).map(|_| row.take(1).0).collect();
        row.delivered(pieces[0]);
        row.returned(pieces[1]);
        assert!(row.is_partly_delivered());
        let (delete, put) = row.rearrange();
        assert_eq!((delete[..].to_vec(), put[..].to_vec()), (vec![10_000], vec![Run { first: 1, count: 2 }]));
        assert!(!row.is_partly_delivered());
    }
}
