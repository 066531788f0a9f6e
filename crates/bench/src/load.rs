//! Load: how fast, how soon, and at what cost.

mod latency;
mod throughput;

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use clap::ValueEnum;

use crate::{events::Events, report};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which scenarios; all when none is named.
    #[arg(long, value_enum)]
    only: Vec<Scenario>,
    /// Events of a throughput scenario.
    #[arg(long, default_value_t = 3_000_000)]
    events: u64,
    /// Seconds that each yardstick runs, before and after.
    #[arg(long, default_value_t = 8)]
    yardstick_seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Batches of 1000, the whole event.
    Batches,
    /// Batches of 1000, twelve mapped fields.
    Mapped,
    /// One request an event.
    Singles,
    /// Time to the acknowledgement, and from publishing to arrival.
    Latency,
    /// What it costs to do nothing.
    Idle,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let events = Arc::new(Events::new(1));
    let mut report = report::Report::default();
    println!("{}; events of {} bytes on average\n", report::machine(), events.mean_bytes());
    let wanted = |scenario| arguments.only.is_empty() || arguments.only.contains(&scenario);
    let yardstick = Duration::from_secs(arguments.yardstick_seconds);
    for shape in [throughput::Shape::Whole, throughput::Shape::Mapped, throughput::Shape::Singles] {
        let (scenario, count) = match shape {
            throughput::Shape::Whole => (Scenario::Batches, arguments.events),
            throughput::Shape::Mapped => (Scenario::Mapped, arguments.events),
            throughput::Shape::Singles => (Scenario::Singles, arguments.events / 6),
        };
        if wanted(scenario) {
            throughput::measure(shape, count, yardstick, &events, &mut report).await?;
        }
    }
    if wanted(Scenario::Latency) {
        latency::acknowledgement(&events, &mut report).await?;
        latency::arrival(&events, &mut report).await?;
    }
    if wanted(Scenario::Idle) {
        latency::idle(&mut report).await?;
    }
    println!("{}", report.table());
    Ok(())
}
