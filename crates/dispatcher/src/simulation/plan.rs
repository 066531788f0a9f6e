//! Plan: what one seed simulates: lanes, receivers, faults, and perhaps a defect brought in on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use signalpost_core::retry::RetryPolicy;

use crate::lanes::action::{Batching, LaneSettings};

/// Everything that is decided before a run begins.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) scenario: &'static str,
    pub(super) lanes: BTreeMap<i64, LaneSettings>,
    /// Their receivers do not answer for long.
    pub(super) hanging: BTreeSet<i64>,
    /// Their mapping is not there, or does not compile.
    pub(super) absent: BTreeSet<i64>,
    /// What they were at first does not tell what order and shape their requests have.
    pub(super) changed: BTreeSet<i64>,
    pub(super) faults: Faults,
}

/// How things go wrong. Shares are probabilities, counts are how often it happens in a run.
#[derive(Debug, Clone)]
pub(super) struct Faults {
    pub(super) dispatchers: u32,
    /// Requests that fail.
    pub(super) fails: f64,
    /// Events in a thousand that are refused for good.
    pub(super) refuses: u64,
    /// Batches answered event by event.
    pub(super) tells_apart: f64,
    /// Requests that are taken, but whose answer is lost.
    pub(super) loses_responses: f64,
    /// Questions to Postgres that fail or whose answer is lost.
    pub(super) loses_answers: f64,
    /// Heartbeats likewise.
    pub(super) loses_heartbeats: f64,
    /// Looks for lanes that hold too much.
    pub(super) overflows: u32,
    /// Purges of what waits in a lane, or of what does not any more.
    pub(super) purges: u32,
    /// Redrives of some dead letters, and of parts of them.
    pub(super) redrives: u32,
    /// Times that all that is scheduled in a lane is made due.
    pub(super) retries: u32,
    /// Other settings of a lane, or none for a while.
    pub(super) changes: u32,
    /// Orderly ends of a process, another starting in its place.
    pub(super) drains: u32,
    /// The same, with an end to its patience: what is under way is cut off.
    pub(super) aborts: u32,
    /// SIGKILL, and another process a while later.
    pub(super) kills: u32,
    /// SIGSTOP, and SIGCONT up to some leases later.
    pub(super) sleeps: u32,
    /// The same, unnoticed by the process's own clock, as when a virtual machine is suspended.
    pub(super) suspensions: u32,
    /// A process's clock leaps ahead.
    pub(super) leaps: u32,
    /// Postgres's clock leaps ahead or back.
    pub(super) postgres_leaps: u32,
    pub(super) loaded_bytes: usize,
    pub(super) unsettled: usize,
    /// Rows told by a look.
    pub(super) arrived_max: usize,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            dispatchers: 1,
            fails: 0.0,
            refuses: 0,
            tells_apart: 0.0,
            loses_responses: 0.0,
            loses_answers: 0.0,
            loses_heartbeats: 0.0,
            overflows: 0,
            purges: 0,
            redrives: 0,
            retries: 0,
            changes: 0,
            drains: 0,
            aborts: 0,
            kills: 0,
            sleeps: 0,
            suspensions: 0,
            leaps: 0,
            postgres_leaps: 0,
            loaded_bytes: 100_000,
            unsettled: 1000,
            arrived_max: usize::MAX,
        }
    }
}

impl Faults {
    /// Nobody ever loses a partition without having finished with it, and every answer comes: then nothing is sent twice.
    pub(super) fn repeats_nothing(&self) -> bool {
        self.kills + self.aborts + self.sleeps + self.suspensions + self.leaps + self.postgres_leaps == 0
            && self.loses_responses + self.loses_heartbeats == 0.0
    }

    /// Every clock shows the same time, so that a lease ends for its owner before it does for the others.
    pub(super) fn has_true_clocks(&self) -> bool {
        self.suspensions + self.leaps + self.postgres_leaps == 0
    }
}

/// The scenarios by name; a seed's is that of its remainder.
pub(super) type Scenario = (&'static str, fn(&mut StdRng) -> Faults);
pub(super) const SCENARIOS: [Scenario; 19] = [
    ("no faults", |_| Faults::default()),
    ("receivers that fail and refuse", |random| Faults {
        fails: random.random_range(0.0..0.6),
        refuses: random.random_range(0..100),
        ..Faults::default()
    }),
    ("receivers that tell events apart", |random| Faults {
        fails: random.random_range(0.0..0.6),
        refuses: random.random_range(0..300),
        tells_apart: 0.7,
        loses_answers: 0.2,
        ..Faults::default()
    }),
    ("lost answers of Postgres", |_| Faults {
        fails: 0.3,
        refuses: 50,
        loses_answers: 0.3,
        ..Faults::default()
    }),
    ("full lanes", |random| Faults {
        fails: random.random_range(0.0..0.5),
        refuses: 30,
        tells_apart: 0.2,
        overflows: 40,
        loses_answers: 0.2,
        drains: random.random_range(0..3),
        loaded_bytes: if random.random_bool(0.3) { 60 } else { 100_000 },
        ..Faults::default()
    }),
    ("rolling restarts", |random| Faults {
        dispatchers: random.random_range(1..4),
        fails: 0.2,
        refuses: 20,
        drains: 4,
        ..Faults::default()
    }),
    ("little memory", |_| Faults { fails: 0.1, loaded_bytes: 60, unsettled: 3, ..Faults::default() }),
    ("lanes that hang", |random| Faults {
        fails: 0.1,
        loaded_bytes: random.random_range(2000..6000),
        unsettled: 200,
        ..Faults::default()
    }),
    ("killed dispatchers", |random| Faults {
        dispatchers: random.random_range(1..4),
        fails: 0.2,
        refuses: 20,
        kills: 4,
        purges: 3,
        loses_answers: 0.1,
        ..Faults::default()
    }),
    ("dispatchers that wake up late", |random| Faults {
        dispatchers: random.random_range(2..4),
        fails: 0.2,
        sleeps: 5,
        loses_answers: 0.2,
        ..Faults::default()
    }),
    ("dispatchers whose clock stood still", |random| Faults {
        dispatchers: random.random_range(2..4),
        fails: 0.2,
        suspensions: 4,
        leaps: 2,
        loses_answers: 0.1,
        ..Faults::default()
    }),
    ("lost heartbeats", |random| Faults {
        dispatchers: random.random_range(1..4),
        fails: 0.1,
        loses_heartbeats: random.random_range(0.1..0.7),
        drains: random.random_range(0..3),
        ..Faults::default()
    }),
    ("Postgres's clock", |random| Faults {
        dispatchers: random.random_range(1..4),
        fails: 0.3,
        postgres_leaps: 4,
        ..Faults::default()
    }),
    ("everything", |random| Faults {
        dispatchers: random.random_range(1..5),
        fails: 0.3,
        refuses: 30,
        tells_apart: 0.2,
        loses_responses: 0.1,
        loses_answers: 0.1,
        loses_heartbeats: 0.1,
        overflows: 5,
        purges: 2,
        drains: 2,
        kills: 2,
        sleeps: 2,
        suspensions: 1,
        leaps: 1,
        postgres_leaps: 1,
        loaded_bytes: random.random_range(60..5000),
        unsettled: random.random_range(3..100),
        ..Faults::default()
    }),
    ("requests that are cut off", |random| Faults {
        dispatchers: random.random_range(1..4),
        fails: 0.2,
        refuses: 20,
        drains: 2,
        aborts: 4,
        loses_answers: random.random_range(0.0..0.2),
        ..Faults::default()
    }),
    ("redrives", |random| Faults {
        fails: random.random_range(0.0..0.6),
        refuses: 200,
        tells_apart: 0.3,
        loses_answers: random.random_range(0.0..0.2),
        overflows: random.random_range(0..10),
        redrives: 60,
        drains: random.random_range(0..3),
        ..Faults::default()
    }),
    ("lanes that hang, and few requests", |random| Faults {
        fails: 0.1,
        unsettled: random.random_range(24..64),
        ..Faults::default()
    }),
    ("settings that change", |random| Faults {
        dispatchers: random.random_range(1..3),
        fails: random.random_range(0.0..0.6),
        refuses: 30,
        loses_answers: random.random_range(0.0..0.2),
        changes: 20,
        drains: random.random_range(0..3),
        arrived_max: random.random_range(1..7),
        ..Faults::default()
    }),
    ("everything, and its operators", |random| Faults {
        dispatchers: random.random_range(1..4),
        fails: 0.3,
        refuses: 100,
        tells_apart: 0.2,
        loses_responses: 0.1,
        loses_answers: 0.1,
        overflows: 5,
        purges: 3,
        redrives: 20,
        retries: 5,
        changes: 10,
        drains: 2,
        aborts: 2,
        kills: 1,
        sleeps: 1,
        loaded_bytes: random.random_range(60..5000),
        unsettled: random.random_range(3..100),
        arrived_max: random.random_range(1..6),
        ..Faults::default()
    }),
];

impl Plan {
    pub(super) fn of((scenario, faults): Scenario, random: &mut StdRng) -> Self {
        let faults = faults(random);
        let hangs = scenario.starts_with("lanes that hang");
        let count = if hangs { random.random_range(4..12) } else { random.random_range(1..6) };
        let mut lanes = BTreeMap::new();
        while lanes.len() < count {
            let settings = if hangs { prompt() } else { any(random) };
            lanes.insert(random.random_range(0..200), settings);
        }
        let hanging = lanes.keys().copied().filter(|_| hangs && random.random_bool(0.4)).collect();
        Self { scenario, lanes, hanging, absent: BTreeSet::new(), changed: BTreeSet::new(), faults }
    }

    /// Whether nothing keeps a lane's events from arriving at once.
    pub(super) fn is_prompt(&self, mapping_id: i64) -> bool {
        !self.hanging.is_empty() && !self.hanging.contains(&mapping_id)
    }
}

/// A seed's scenario.
pub(super) fn scenario(seed: u64) -> Scenario {
    SCENARIOS[usize::try_from(seed % SCENARIOS.len() as u64).unwrap_or(0)]
}

/// Any way to make requests.
pub(super) fn batching(random: &mut StdRng) -> Option<Batching> {
    random.random_bool(0.6).then(|| Batching {
        size: random.random_range(1..9),
        bytes: random.random_range(12..120),
        wait: Duration::from_millis(random.random_range(0..300)),
    })
}

/// Any lane.
fn any(random: &mut StdRng) -> LaneSettings {
    LaneSettings {
        batching: batching(random),
        ordered: random.random_bool(0.3),
        max_concurrency: random.random_range(1..6),
        rate_limit: random.random_bool(0.2).then_some(200.0),
        retry: RetryPolicy {
            within: Duration::from_hours(100),
            max_attempts: if random.random_bool(0.1) { 4 } else { 10_000 },
            base: Duration::from_millis(20),
            cap: Duration::from_millis(500),
        },
        paused: false,
        purges: 0,
        retries: 0,
    }
}

/// A lane that could deliver all it gets at once.
fn prompt() -> LaneSettings {
    LaneSettings {
        batching: Some(Batching { size: 20, bytes: 400, wait: Duration::from_millis(50) }),
        ordered: false,
        max_concurrency: 8,
        rate_limit: None,
        retry: RetryPolicy {
            within: Duration::from_secs(8),
            max_attempts: 5,
            base: Duration::from_millis(20),
            cap: Duration::from_millis(500),
        },
        paused: false,
        purges: 0,
        retries: 0,
    }
}
