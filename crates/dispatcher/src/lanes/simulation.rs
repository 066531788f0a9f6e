//! Simulation: the lanes against a model of Postgres and of receivers, under virtual time and seeded faults.
//!
//! Everything that can take time takes a random time, so answers cross each other in every order: commits become
//! visible late and out of order, statements take effect before they are answered, settlements are repeated after an
//! answer was lost, receivers fail, refuse and hang. After every step the invariants are checked; a failing seed replays.

mod database;
mod world;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use self::world::{Faults, World};
use super::action::{Batching, LaneSettings};
use signalpost_core::retry::RetryPolicy;

/// How often each scenario is run, each time with another seed.
const SEEDS: u64 = 60;

fn settings(random: &mut StdRng) -> LaneSettings {
    let batching = random.random_bool(0.6).then(|| Batching {
        size: random.random_range(1..9),
        bytes: random.random_range(12..120),
        wait: Duration::from_millis(random.random_range(0..300)),
    });
    LaneSettings {
        batching,
        ordered: random.random_bool(0.3),
        max_concurrency: random.random_range(1..6),
        rate_limit: random.random_bool(0.2).then_some(200.0),
        retry: RetryPolicy {
            within: Duration::from_hours(100),
            max_attempts: 10_000,
            base: Duration::from_millis(20),
            cap: Duration::from_millis(500),
        },
        paused: false,
    }
}

fn run(scenario: &str, faults: impl Fn(&mut StdRng) -> Faults) {
    for seed in 0..SEEDS {
        let mut random = StdRng::seed_from_u64(seed);
        let lanes = (1..=random.random_range(1..6)).map(|mapping| (mapping, settings(&mut random))).collect();
        let faults = faults(&mut random);
        let mut world = World::new(lanes, faults, random);
        if let Err(broken) = world.run() {
            panic!("{scenario}, seed {seed}: {broken}\n{}", world.describe());
        }
    }
}

#[test]
fn everything_is_delivered_exactly_once() {
    run("no faults", |_| Faults::default());
}

#[test]
fn receivers_that_fail_and_refuse_lose_and_repeat_nothing() {
    run("receivers", |random| Faults {
        fails: random.random_range(0.0..0.6),
        refuses: random.random_range(0..100),
        ..Faults::default()
    });
}

#[test]
fn receivers_that_tell_events_apart_lose_and_repeat_nothing() {
    run("event by event", |random| Faults {
        fails: random.random_range(0.0..0.6),
        refuses: random.random_range(0..300),
        tells_apart: 0.7,
        repeats_settlements: 0.2,
        ..Faults::default()
    });
}

#[test]
fn settlements_that_are_repeated_change_nothing() {
    run("repeated settlements", |_| Faults {
        fails: 0.3,
        refuses: 50,
        repeats_settlements: 0.3,
        ..Faults::default()
    });
}

#[test]
fn lanes_that_bury_their_oldest_deliver_or_bury_each_event_once() {
    run("overflow", |random| Faults {
        fails: random.random_range(0.0..0.5),
        refuses: 30,
        tells_apart: 0.2,
        overflows: 40,
        repeats_settlements: 0.2,
        restarts: random.random_range(0..3),
        loaded_bytes: if random.random_bool(0.3) { 60 } else { 100_000 },
        ..Faults::default()
    });
}

#[test]
fn restarts_that_drain_repeat_nothing() {
    run("rolling restarts", |_| Faults { fails: 0.2, refuses: 20, restarts: 4, ..Faults::default() });
}

#[test]
fn losing_and_regaining_partitions_loses_nothing() {
    run("takeovers", |_| Faults { fails: 0.2, refuses: 20, takeovers: 5, ..Faults::default() });
}

#[test]
fn little_memory_slows_and_stops_nothing() {
    run("little memory", |_| Faults { fails: 0.1, loaded_bytes: 60, unsettled: 3, ..Faults::default() });
}
