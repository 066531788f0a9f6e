//! Tally: what arrived so far, and whether it had arrived before.
//!
//! Invariants: an event is recognised by the address it was sent to and its `messageId`, or, where it has none, by its
//! payload; memory is bounded: only the last `REMEMBERED` to twice as many events are recognised.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;

use super::{Arrival, Verdict};

/// Half of the events that are remembered, at some 18 bytes each.
const REMEMBERED: usize = 5_000_000;

/// What arrived so far, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// In requests that were taken (answered with 2xx).
    pub(crate) events: u64,
    /// Events that had arrived before at the same address.
    pub(crate) repeated: u64,
    pub(crate) verified: u64,
    pub(crate) unverified: u64,
    /// Requests that were answered with an error.
    pub(crate) refused: u64,
}

impl Counts {
    /// How many different events arrived.
    pub(crate) fn distinct(&self) -> u64 {
        self.events - self.repeated
    }
}

/// Counts arrivals.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) counts: Counts,
    seen: Seen,
}

impl Tally {
    pub(super) fn count(&mut self, arrival: &Arrival) {
        let counts = &mut self.counts;
        counts.requests += 1;
        match arrival.verdict {
            Verdict::Verified => counts.verified += 1,
            Verdict::Wrong | Verdict::Unsigned => counts.unverified += 1,
            Verdict::Unchecked => {}
        }
        if !arrival.answer.is_success() {
            counts.refused += 1;
            return;
        }
        for payload in arrival.payloads() {
            counts.events += 1;
            let is_new = self.seen.insert(mark(arrival.uri.path(), payload), REMEMBERED);
            counts.repeated += u64::from(!is_new);
        }
    }
}

/// The marks of what arrived lately, in two halves: when the newer one is full, the older one is forgotten.
#[derive(Debug, Default)]
struct Seen {
    newer: HashSet<u64>,
    older: HashSet<u64>,
}

impl Seen {
    /// Whether it is new.
    fn insert(&mut self, mark: u64, half: usize) -> bool {
        if self.older.contains(&mark) || !self.newer.insert(mark) {
            return false;
        }
        if self.newer.len() >= half {
            self.older = std::mem::take(&mut self.newer);
        }
        true
    }
}

fn mark(path: &str, payload: &str) -> u64 {
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(rename = "messageId", borrow)]
        message_id: Cow<'a, str>,
    }
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    match serde_json::from_str::<Identified<'_>>(payload) {
        Ok(identified) if !identified.message_id.is_empty() => identified.message_id.hash(&mut hasher),
        _ => payload.hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_recognised_by_its_message_id_and_else_by_its_payload() {
        let first = mark("/orders", r#"{"messageId":"a","sentAt":1}"#);
        assert_eq!(first, mark("/orders", r#"{"sentAt":2,"messageId":"a"}"#));
        assert_ne!(first, mark("/copies", r#"{"messageId":"a","sentAt":1}"#), "another mapping sends it too");
        assert_ne!(first, mark("/orders", r#"{"messageId":"b","sentAt":1}"#));
        assert_eq!(mark("/", r#"{"total":9}"#), mark("/", r#"{"total":9}"#));
        assert_ne!(mark("/", r#"{"total":9}"#), mark("/", r#"{"total":8}"#));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut seen = Seen::default();
        for mark in 0..100 {
            assert!(seen.insert(mark, 10));
            assert!(seen.newer.len() + seen.older.len() <= 20);
        }
        assert!(!seen.insert(95, 10) && seen.insert(50, 10));
    }
}
