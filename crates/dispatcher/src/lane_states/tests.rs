//! What is said of lanes, and when: told when it changes, counted in turn, forgotten with its partition.

use signalpost_core::outcome::Outcome;
use signalpost_core::request::Identity;
use signalpost_storage::{BreakerState, Waiting};
use uuid::Uuid;

use super::*;
use crate::lanes::action::{Attempted, Log};

const LANE: i64 = 7;

const fn at(secs: u64) -> Moment {
    Duration::from_secs(secs)
}

fn view(in_flight: usize) -> LaneView {
    LaneView { mapping_id: LANE, in_flight, window: 8, known_rows: 0, is_open: false, next_probe: None }
}

fn settlement(outcome: Outcome, events: u32) -> Settlement {
    let attempted = Attempted {
        outcome,
        each: Vec::new(),
        status: Some(503),
        error: None,
        response: None,
        body_bytes: 100,
        latency: Duration::ZERO,
    };
    let identity = Identity { batch_id: Uuid::nil(), attempt: 1, is_maybe_repeated: false };
    Settlement {
        id: 1,
        mapping_id: LANE,
        partition: partition_of(LANE),
        epoch: 1,
        log: Some(Log { identity, events, started_at: Moment::ZERO, attempted }),
        delete: vec![10_000],
        put: Vec::new(),
        bury: Vec::new(),
        overflow: Vec::new(),
        is_awaited: false,
    }
}

fn waiting(batches: i64) -> Waiting {
    Waiting { batches, events: batches * 10, bytes: batches * 1000, retrying_batches: 0, next_due_at: None }
}

/// Looks at one lane in memory.
fn look(states: &mut LaneStates, now: Moment, view: Option<LaneView>) -> Option<Telling> {
    let telling = states.look(now, view.into_iter(), |_| false, &[partition_of(LANE)]);
    states.told(true);
    telling
}

#[test]
fn a_lane_that_is_in_memory_for_a_moment_is_not_worth_a_word() {
    let mut states = LaneStates::default();
    assert!(look(&mut states, at(1), Some(view(1))).is_none());
    assert!(look(&mut states, at(2), None).is_none());
    assert_eq!(states.next_tick(), None, "and it is forgotten");
}

#[test]
fn a_busy_lane_is_told_again_after_a_while_and_a_breaker_that_opens_at_once() {
    let mut states = LaneStates::default();
    look(&mut states, at(1), Some(view(1)));
    let told = look(&mut states, at(2), Some(view(2))).unwrap();
    assert_eq!((told.states[0].in_flight, told.states[0].window), (2, Some(8)));
    assert!(look(&mut states, at(3), Some(view(3))).is_none(), "it hardly changed");
    let open = LaneView { is_open: true, next_probe: Some(at(14)), ..view(0) };
    let told = look(&mut states, at(4), Some(open)).unwrap();
    assert_eq!(told.states[0].breaker, BreakerState::Open);
    assert_eq!(told.states[0].next_probe_in, Some(at(10)));
    assert!(look(&mut states, at(5), Some(open)).is_none(), "nothing changed");
    let told = look(&mut states, at(6), None).unwrap();
    assert_eq!((told.states.len(), told.forget), (0, vec![LANE]));
}

#[test]
fn what_was_not_heard_is_said_again() {
    let mut states = LaneStates::default();
    let open = LaneView { is_open: true, ..view(0) };
    let mut told = Vec::new();
    for (second, view) in [(1, Some(open)), (2, Some(open)), (3, None), (4, None)] {
        let telling = states.look(at(second), view.into_iter(), |_| false, &[partition_of(LANE)]).unwrap();
        assert!(states.look(at(second), view.into_iter(), |_| false, &[partition_of(LANE)]).is_none());
        states.told(false);
        told.push((telling.states.len(), telling.forget.len()));
    }
    assert_eq!(told, [(1, 0), (1, 0), (0, 1), (0, 1)]);
}

#[test]
fn deliveries_are_averaged_and_fade() {
    let mut states = LaneStates::default();
    let mut rates = Vec::new();
    for second in 1..60 {
        if second <= 30 {
            states.settling(&settlement(Outcome::Delivered, 500));
        }
        let telling = look(&mut states, at(second), None);
        rates.extend(telling.into_iter().flat_map(|told| told.states).map(|lane| lane.delivered_per_second));
    }
    let highest = rates.iter().copied().fold(0.0, f64::max);
    assert!((450.0..=500.0).contains(&highest), "{rates:?}");
    assert!(rates.len() < 15, "{rates:?}");
    let last = (60..200).filter_map(|second| look(&mut states, at(second), None)).last().unwrap();
    assert_eq!(last.forget, [LANE]);
}

#[test]
fn a_lane_that_knows_many_rows_is_counted_and_the_estimate_follows_what_comes_and_goes() {
    let mut states = LaneStates::default();
    let many = LaneView { known_rows: 1000, ..view(1) };
    look(&mut states, at(1), Some(many));
    assert!(states.count(at(1)).is_none(), "nothing came or went");
    states.settling(&settlement(Outcome::Delivered, 10));
    look(&mut states, at(2), Some(many));
    assert_eq!(states.count(at(2)).unwrap().waiting, [LANE]);
    let took = Duration::from_millis(100);
    let counted = Counted { waiting: vec![(LANE, waiting(50))], took, ..Counted::default() };
    states.counted(at(3), Some(counted));
    states.settling(&settlement(Outcome::Delivered, 10));
    let row = FoundRow { mapping_id: LANE, position: 5, events: 25, bytes: 2500, due_in: None };
    states.arrived(&[row, row]);
    let told = look(&mut states, at(4), Some(many)).unwrap();
    let says = told.states[0].waiting.unwrap();
    assert_eq!((says.batches, says.events, says.bytes), (51, 500 - 10 + 50, 50_000 - 100 + 5000));
    assert!(states.count(at(7)).is_none(), "counting takes a fiftieth of the time");
    assert_eq!(states.count(at(8)).unwrap().waiting, [LANE]);
    states.counted(at(8), Some(Counted { waiting: vec![(LANE, waiting(3))], ..Counted::default() }));
    let told = look(&mut states, at(9), Some(view(1))).unwrap();
    assert_eq!(told.states[0].waiting, None, "so few the view counts itself");
}

#[test]
fn deep_lanes_of_partitions_that_were_acquired_are_counted_although_they_are_not_in_memory() {
    let mut states = LaneStates::default();
    states.acquired(&[partition_of(LANE)]);
    assert_eq!(states.count(at(1)).unwrap().acquired, [partition_of(LANE)]);
    let deep = DeepLane { mapping_id: LANE, waits: false, is_dead: true };
    states.counted(at(1), Some(Counted { deep: vec![deep], ..Counted::default() }));
    look(&mut states, at(2), None);
    let counting = states.count(at(2)).unwrap();
    assert_eq!((counting.waiting, counting.dead), (vec![], vec![LANE]));
    states.counted(at(2), Some(Counted { dead: vec![(LANE, 20, 4000)], ..Counted::default() }));
    assert_eq!(look(&mut states, at(3), None).unwrap().states[0].dead_events, Some(4000));
    assert!(states.count(at(100)).is_none() && states.count(at(400)).is_some(), "it may have been purged");
}

#[test]
fn why_the_last_attempt_failed_is_said_until_one_succeeds() {
    let mut states = LaneStates::default();
    let open = LaneView { is_open: true, ..view(0) };
    states.settling(&settlement(Outcome::Retryable { after: None, is_overload: false }, 10));
    let told = look(&mut states, at(1), Some(open)).unwrap();
    assert_eq!(told.states[0].reason.as_deref(), Some("status 503"));
    states.settling(&settlement(Outcome::Delivered, 10));
    let told = look(&mut states, at(2), Some(view(1))).unwrap();
    assert_eq!(told.states[0].reason, None);
}
