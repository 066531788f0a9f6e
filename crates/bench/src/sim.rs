//! Sim: many seeds of the dispatcher's simulation, or one of them line by line.
//!
//! A seed that breaks something ends the run with status 1 and the command that replays it.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use signalpost_dispatcher::simulation::{self, Broken, Defect, Ran};

/// What to simulate.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which seeds, `from..to`.
    #[arg(long, default_value = "0..5000", value_parser = range, conflicts_with = "seed")]
    seeds: Range<u64>,
    /// Replays one seed, and shows all that happens in it.
    #[arg(long)]
    seed: Option<u64>,
    /// Brings in a defect, to see that it is caught: settle-without-fence, forget-late-rows, double-retry,
    /// answer-before-commit, wake-unaware, retry-with-new-id, release-too-soon, release-unmarked.
    #[arg(long)]
    defect: Option<Defect>,
}

fn range(text: &str) -> Result<Range<u64>> {
    let (from, to) = text.split_once("..").context("two numbers are expected, as in 0..1000")?;
    let range = from.parse()?..to.parse()?;
    anyhow::ensure!(!range.is_empty(), "there is no seed in it");
    Ok(range)
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match arguments.seed {
        Some(seed) => replay(seed, arguments.defect),
        None => search(arguments.seeds.clone(), arguments.defect),
    }
}

fn replay(seed: u64, defect: Option<Defect>) -> Result<()> {
    match simulation::run(seed, defect, true) {
        Ok(ran) => {
            ran.trace.iter().for_each(|line| println!("{line}"));
            println!("seed {seed}, {}: everything held for {:?} of virtual time", ran.scenario, ran.lasted);
            Ok(())
        }
        Err(broken) => {
            broken.trace.iter().for_each(|line| println!("{line}"));
            bail!("{broken}");
        }
    }
}

/// What all seeds together went through.
#[derive(Default)]
struct Total {
    seeds: u64,
    steps: u64,
    requests: u64,
    stale: u64,
    repeated: u64,
    dispatchers: usize,
    lasted: Duration,
}

impl Total {
    fn add(&mut self, ran: &Ran) {
        self.seeds += 1;
        self.steps += ran.steps;
        self.requests += ran.requests;
        self.stale += ran.stale;
        self.repeated += ran.repeated;
        self.dispatchers += ran.dispatchers;
        self.lasted += ran.lasted;
    }
}

fn search(seeds: Range<u64>, defect: Option<Defect>) -> Result<()> {
    let bar = ProgressBar::new(seeds.end - seeds.start);
    bar.set_style(ProgressStyle::with_template("{wide_bar} {pos}/{len} seeds, {per_sec}, {eta} left")?);
    let (next, begin) = (AtomicU64::new(seeds.start), Instant::now());
    let total = Mutex::new(Total::default());
    let broken: Mutex<Option<Box<Broken>>> = Mutex::new(None);
    let lock = "nothing panics while it is held";
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while broken.lock().expect(lock).is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match simulation::run(seed, defect, false) {
                        Ok(ran) => total.lock().expect(lock).add(&ran),
                        Err(found) => _ = broken.lock().expect(lock).get_or_insert(found),
                    }
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let (total, took) = (total.into_inner().expect(lock), begin.elapsed());
    println!("{}", summary(&total, took));
    match broken.into_inner().expect(lock) {
        None => Ok(()),
        Some(broken) => {
            let more = defect.map_or_else(String::new, |defect| format!(" --defect {}", defect.name()));
            bail!("{broken}\n\nreplay: signalpost-bench sim --seed {}{more}", broken.seed);
        }
    }
}

fn summary(total: &Total, took: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
    let per_minute = total.seeds as f64 / took.as_secs_f64() * 60.0;
    format!(
        "{} seeds held in {took:.1?}, {per_minute:.0} a minute: {} steps, {} dispatchers, {} requests, {:.0?} of virtual time; \
         {} settlements came too late and had no effect, {} deliveries were repeated",
        total.seeds,
        total.steps,
        total.dispatchers,
        total.requests,
        total.lasted,
        total.stale,
        total.repeated
    )
}
