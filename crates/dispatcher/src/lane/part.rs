//! Part: what becomes of a request whose receiver told its events apart, or refused it whole.
//!
//! Invariants: an event that was taken goes nowhere; those to be tried again are one row, at the address of the
//! request; each that is refused is a dead letter of its own, at an address of the request's after that row.

use std::sync::Arc;

use bytes::Bytes;
use signalpost_core::batch;
use signalpost_core::body::Body;
use signalpost_core::json;
use signalpost_core::outcome::{EventOutcome, Outcome};
use smallvec::SmallVec;

use crate::lanes::action::{Bury, Moment, Origin, Put, Reason};

/// What is left of a request.
pub(super) struct Parts {
    /// To be tried again, together.
    pub(super) again: Option<Put>,
    /// Refused, each by itself.
    pub(super) refused: Vec<Bury>,
}

/// Takes a request's events apart.
pub(super) fn apart(whole: &Put, each: &[EventOutcome]) -> Parts {
    let payload = whole.payload.to_bytes();
    let text = std::str::from_utf8(&payload).unwrap_or_default();
    let elements: Vec<Bytes> =
        json::elements(text).map(|element| payload.slice_ref(element.as_bytes())).collect();
    let of = |wanted: fn(&Outcome) -> bool| {
        let indices = each.iter().enumerate().filter(move |(_, event)| wanted(&event.outcome));
        indices.map(|(index, _)| index)
    };
    let kept: Vec<usize> = of(|outcome| matches!(outcome, Outcome::Retryable { .. })).collect();
    let refused = of(|outcome| matches!(outcome, Outcome::Rejected { .. })).enumerate();
    let bury = |(number, index): (usize, usize)| Bury {
        row: Put {
            last_error: Some(format!("the receiver answered {} for this event", each[index].status)),
            ..row(whole, kept.len() + number, &elements[index..=index], [index])
        },
        reason: Reason::Rejected,
        status: Some(each[index].status),
        response: Some(each[index].words.clone()),
    };
    let refused = refused.map(bury).collect();
    let again = (!kept.is_empty()).then(|| {
        let interiors: Vec<Bytes> = kept.iter().map(|index| elements[*index].clone()).collect();
        let id = whole.batch_id.map(|id| batch::id_of_part(id, kept.iter().copied()));
        Put { batch_id: id, ..row(whole, 0, &interiors, kept.iter().copied()) }
    });
    Parts { again, refused }
}

/// Where these events of a row come from.
fn origins(whole: &Put, indices: impl IntoIterator<Item = usize>) -> SmallVec<[Origin; 2]> {
    let mut ends = whole.from.iter().scan(0, |end, origin| {
        *end += origin.events as usize;
        Some((*end, origin.position))
    });
    let mut current = ends.next();
    let mut origins: SmallVec<[Origin; 2]> = SmallVec::new();
    for index in indices {
        while current.is_some_and(|(end, _)| index >= end) {
            current = ends.next();
        }
        let Some((_, position)) = current else { break };
        match origins.last_mut().filter(|last| last.position == position) {
            Some(last) => last.events += 1,
            None => origins.push(Origin { position, events: 1 }),
        }
    }
    origins
}

/// The events of a row with these indices, `after` addresses behind its beginning.
fn row(whole: &Put, after: usize, events: &[Bytes], indices: impl IntoIterator<Item = usize>) -> Put {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    Put {
        position: whole.position + i64::from(count(after)),
        from: origins(whole, indices),
        events: count(events.len()),
        payload: Body::array(events.iter().cloned()),
        is_in_place: false,
        target: whole.target.as_ref().map(Arc::clone),
        attempts: whole.attempts,
        due_in: None,
        batch_id: whole.batch_id,
        last_error: whole.last_error.clone(),
        enqueued_at: whole.enqueued_at,
        traces: whole.traces.clone(),
    }
}

/// A batch that was refused, in two: each a batch of its own, to be sent at once.
pub(super) fn halves(whole: &Put) -> [Put; 2] {
    let count = batch::half(whole.events);
    let payload = whole.payload.to_bytes();
    let text = std::str::from_utf8(&payload).unwrap_or_default();
    let last = json::elements(text).nth(count as usize - 1).unwrap_or_default();
    let cut = last.as_ptr().addr().saturating_sub(text.as_ptr().addr()) + last.len();
    let end = payload.len() - 1;
    let half = |first: u32, events: u32, elements: Bytes| Put {
        events,
        attempts: 0,
        due_in: Some(Moment::ZERO),
        batch_id: None,
        ..row(whole, first as usize, &[elements], first as usize..(first + events) as usize)
    };
    let second = payload.slice((cut + 1).min(end)..end);
    [half(0, count, payload.slice(1..cut)), half(count, whole.events - count, second)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined() -> Put {
        let origin = |position, events| Origin { position, events };
        Put {
            from: [origin(10_000, 3), origin(20_000, 2)].into_iter().collect(),
            ..Put::sample(10_000, 5, "[0,1,2,3,4]")
        }
    }

    fn from(put: &Put) -> Vec<(i64, u32)> {
        put.from.iter().map(|origin| (origin.position, origin.events)).collect()
    }

    #[test]
    fn each_half_comes_from_the_rows_of_its_own_events() {
        let [first, last] = halves(&joined());
        assert_eq!((from(&first), from(&last)), (vec![(10_000, 3)], vec![(20_000, 2)]));
        let [first, last] = halves(&first);
        assert_eq!((from(&first), from(&last)), (vec![(10_000, 2)], vec![(10_000, 1)]));
    }

    #[test]
    fn what_is_told_apart_comes_from_the_rows_of_its_own_events() {
        assert_eq!(origins(&joined(), [0, 2, 4]).len(), 2);
        let mut whole = joined();
        whole.from = origins(&whole, [0, 2, 4]);
        assert_eq!(from(&whole), [(10_000, 2), (20_000, 1)]);
    }
}
