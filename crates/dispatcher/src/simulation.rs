//! Simulation: the dispatchers' decisions against models of Postgres and of receivers, in virtual time, with faults of a
//! seed.
//!
//! Several dispatchers share the lanes; what runs in them is what runs in the program, from the heartbeat to the request
//! (`decisions.rs`). Everything that can take time takes a random time, so answers cross each other in every order:
//! rows become visible late and out of order, statements take effect before they are answered or without ever being,
//! receivers fail, refuse, hang and take what they do not answer, processes are drained, aborted, killed, stopped and woken up late,
//! clocks stand still and leap, operators redrive, retry, purge and change settings. After every step the ledger checks what must hold; a seed that fails replays.
//!
//! Only in tests and with the feature `simulation`, which the program does not use.

mod database;
mod defect;
mod ledger;
mod plan;
mod process;
mod receiver;
mod world;

use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

pub use self::defect::{Defect, UnknownDefect};
use self::world::World;

/// What one run went through.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Its name.
    pub scenario: &'static str,
    /// Things that happened, after each of which everything was checked.
    pub steps: u64,
    /// How long it took in virtual time.
    pub lasted: Duration,
    /// Dispatchers that were started.
    pub dispatchers: usize,
    /// Requests that were made.
    pub requests: u64,
    /// Settlements that were refused because the partition was another's.
    pub stale: u64,
    /// Deliveries of events that had been delivered before.
    pub repeated: u64,
    /// Line by line, when it was asked for.
    pub trace: Vec<String>,
}

/// A run in which something did not hold.
#[derive(Debug, thiserror::Error)]
#[error("{scenario}, seed {seed}: {what}\n{state}")]
pub struct Broken {
    /// To replay it with.
    pub seed: u64,
    /// Its name.
    pub scenario: &'static str,
    /// What did not hold.
    pub what: String,
    /// What there was then.
    pub state: String,
    /// Line by line, when it was asked for.
    pub trace: Vec<String>,
}

/// How many scenarios there are: so many seeds in a row go through all of them.
pub const SCENARIOS: usize = plan::SCENARIOS.len();

/// Runs one seed. The same seed and defect always do the same.
pub fn run(seed: u64, defect: Option<Defect>, is_traced: bool) -> Result<Ran, Box<Broken>> {
    run_in(plan::scenario(seed), seed, defect, is_traced)
}

fn run_in(
    scenario: plan::Scenario,
    seed: u64,
    defect: Option<Defect>,
    is_traced: bool,
) -> Result<Ran, Box<Broken>> {
    let mut random = StdRng::seed_from_u64(seed);
    let plan = plan::Plan::of(scenario, &mut random);
    let mut world = World::new(plan, defect, random, is_traced);
    let result = world.run();
    let (scenario, trace) = (world.plan.scenario, world.trace.take().unwrap_or_default());
    match result {
        Ok(()) => Ok(Ran {
            scenario,
            steps: world.steps,
            lasted: world.now(),
            dispatchers: world.processes(),
            requests: world.ledger.requests,
            stale: world.ledger.stale,
            repeated: world.ledger.repeated,
            trace,
        }),
        Err(what) => Err(Box::new(Broken { seed, scenario, what, state: world.describe(), trace })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many seeds the tests run; `signalpost-bench sim` runs as many as you like.
    const SEEDS: u64 = 300;

    #[test]
    fn nothing_that_must_hold_is_broken_by_any_fault() {
        for seed in 0..SEEDS {
            if let Err(broken) = run(seed, None, false) {
                panic!("{broken}\nreplay: signalpost-bench sim --seed {seed}");
            }
        }
    }

    #[test]
    fn seeds_that_found_something_hold() {
        // 10397: a page told an ordered lane of a retry that had been dealt with meanwhile, and the lane waited for it.
        // 9361: a process slept while rows were on their way to it, and took them for as young as they had been.
        // 945: a retry that was scheduled while due ones were looked for was not found before the next look.
        // 18549: the half of a joined batch took the address of a retry.
        // 34789: of a batch joined of a row that was purged and one that was not, the half with nothing of the latter was queued again.
        // 16: a mapping that was gone for a moment came back while it had requests under way, and they were made again.
        // 160: a lane was made ordered, and never heard that its first retry was due.
        // 195: a dead letter that was redriven was sent as the retry that it had been, and as the row that it was.
        // 591: in an ordered lane, a row that was redriven took along events from behind a retry.
        // 76089: a settlement of an epoch that was over came back as stale, and the lane of the next one was forgotten for it.
        // 65211: a row that was known as the retry that it had been, too, was buried as that, and still sent.
        // 370764: of a look that was cut, an ordered lane took later rows for the first.
        for (scenario, seed) in [
            ("dispatchers that wake up late", 10_397),
            ("dispatchers that wake up late", 9361),
            ("lanes that hang", 945),
            ("everything", 18_549),
            ("everything", 34_789),
            ("settings that change", 16),
            ("settings that change", 160),
            ("redrives", 195),
            ("redrives", 591),
            ("everything", 76_089),
            ("redrives", 65_211),
            ("settings that change", 370_764),
        ] {
            let scenario = plan::SCENARIOS.into_iter().find(|(name, _)| *name == scenario).unwrap();
            run_in(scenario, seed, None, false).unwrap_or_else(|broken| panic!("{broken}"));
        }
    }

    #[test]
    fn a_seed_replays() {
        for seed in 0..2 * SCENARIOS as u64 {
            let [first, second] = [(); 2].map(|()| run(seed, None, true).unwrap().trace);
            assert!(!first.is_empty() && first == second, "seed {seed}");
        }
    }

    #[test]
    fn every_fault_comes_about() {
        let ran: Vec<Ran> = (0..100).map(|seed| run(seed, None, false).unwrap()).collect();
        let some = |what: fn(&Ran) -> u64| ran.iter().map(what).sum::<u64>() > 0;
        assert!(some(|ran| ran.stale), "a settlement that came too late");
        assert!(some(|ran| ran.repeated), "a repeated delivery");
        assert!(ran.iter().any(|ran| ran.dispatchers > 4), "dispatchers that follow each other");
    }

    #[test]
    fn every_defect_is_caught_within_few_seeds() {
        for defect in Defect::ALL {
            let caught = (0..100).find(|seed| run(*seed, Some(defect), false).is_err());
            assert!(caught.is_some(), "{} is not caught", defect.name());
        }
    }

    #[test]
    fn defects_have_names() {
        for defect in Defect::ALL {
            assert_eq!(defect.name().parse::<Defect>().unwrap(), defect);
            assert!(UnknownDefect.to_string().contains(defect.name()));
        }
    }
}
