//! The receivers: what they make of a request, and whether it is one that the lane may make.

use std::time::Duration;

use bytes::Bytes;
use rand::Rng as _;
use signalpost_core::outcome::{EventOutcome, Outcome, together};

use super::database::events;
use super::world::{World, failure};
use crate::lanes::action::{Attempted, LaneSettings, Report, Request};

/// How long a request that hangs is waited for.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// Receivers that hang do so until then.
const HANGS_UNTIL: Duration = Duration::from_secs(20);

/// What a receiver does with a request.
pub(super) struct Answer {
    pub(super) report: Report,
    /// The events that it took, and those that the dispatcher will know to be delivered.
    pub(super) taken: Vec<u64>,
    pub(super) known: Vec<u64>,
    pub(super) after: Duration,
}

/// The request's body as an array.
pub(super) fn body(request: &Request) -> Bytes {
    let body = request.body.to_bytes();
    if request.is_batch { body } else { [b"[", &body[..], b"]"].concat().into() }
}

/// The events of a request that has the shape its lane asks for; `has_changed`: or asked for when it was made first.
pub(super) fn shaped(
    request: &Request,
    settings: &LaneSettings,
    has_changed: bool,
) -> Result<Vec<u64>, String> {
    let body = body(request);
    let events = events(&body);
    let is_batch = settings.batching.is_some() || has_changed && events.len() > 1;
    if request.is_batch != is_batch || events.len() != request.events as usize {
        return Err(format!("{request:?} has the wrong shape"));
    }
    let is_too_much = settings.batching.filter(|_| !has_changed).is_some_and(|batching| {
        events.len() > batching.size as usize || (body.len() > batching.bytes && events.len() > 1)
    });
    if is_too_much { Err(format!("{request:?} is beyond {:?}", settings.batching)) } else { Ok(events) }
}

/// What came of a request, in short.
pub(super) fn words(report: &Report) -> &'static str {
    match report {
        Report::Attempted(attempted) => attempted.outcome.as_str(),
        Report::Cancelled => "cancelled",
    }
}

impl World {
    pub(super) fn receive(&mut self, mapping_id: i64, events: &[u64]) -> Answer {
        if self.plan.hanging.contains(&mapping_id) && self.now() < HANGS_UNTIL {
            let report = attempted(failure(None, true), Vec::new(), TIMEOUT);
            return Answer { report, taken: Vec::new(), known: Vec::new(), after: TIMEOUT };
        }
        let is_prompt = !self.plan.hanging.is_empty();
        let after = if is_prompt { self.millis(0, 10) } else { self.millis(0, 115) };
        let (is_ordered, faults) = (self.plan.lanes[&mapping_id].ordered, self.plan.faults.clone());
        let is_apart = !is_ordered && events.len() > 1 && self.random.random_bool(faults.tells_apart);
        let outcomes: Vec<Outcome> = if is_apart {
            events.iter().map(|event| self.outcome(&[*event])).collect()
        } else {
            vec![self.outcome(events); events.len()]
        };
        let is_taken = |(_, outcome): &(&u64, &Outcome)| **outcome == Outcome::Delivered;
        let taken: Vec<u64> =
            events.iter().zip(&outcomes).filter(is_taken).map(|(event, _)| *event).collect();
        if self.random.random_bool(faults.loses_responses) {
            let report = attempted(failure(None, false), Vec::new(), after);
            return Answer { report, taken, known: Vec::new(), after };
        }
        let each: Vec<EventOutcome> =
            if is_apart { outcomes.iter().map(of_event).collect() } else { Vec::new() };
        let outcome = if is_apart { together(&each) } else { outcomes[0] };
        let is_alike = outcomes.iter().all(|one| *one == outcomes[0]);
        let report = attempted(outcome, if is_alike { Vec::new() } else { each }, after);
        Answer { report, known: taken.clone(), taken, after }
    }

    fn outcome(&mut self, events: &[u64]) -> Outcome {
        let faults = &self.plan.faults;
        let is_poison = |event: &u64| (event.wrapping_mul(2_654_435_761) % 1000) < faults.refuses;
        if events.iter().any(is_poison) {
            return Outcome::Rejected { is_divisible: true };
        }
        if self.random.random_bool(faults.fails) {
            let after = self.random.random_bool(0.1).then_some(Duration::from_millis(50));
            return failure(after, self.random.random_bool(0.5));
        }
        Outcome::Delivered
    }
}

fn of_event(outcome: &Outcome) -> EventOutcome {
    EventOutcome { outcome: *outcome, status: 0, words: String::new() }
}

fn attempted(outcome: Outcome, each: Vec<EventOutcome>, latency: Duration) -> Report {
    Report::Attempted(Attempted {
        outcome,
        each,
        status: None,
        error: None,
        response: None,
        body_bytes: 0,
        latency,
    })
}
