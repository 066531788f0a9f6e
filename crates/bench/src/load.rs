//! Load: how fast, how soon, and at what cost.

mod backlog;
mod beside;
mod latency;
mod slow;
mod throughput;
mod transaction;

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use clap::ValueEnum;

use crate::{events::Events, report};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which scenarios; when none is named the first five, which take about three minutes.
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// Events of a throughput scenario.
    #[arg(long, default_value_t = 3_000_000)]
    events: u64,
    /// Seconds that each yardstick runs, before and after.
    #[arg(long, default_value_t = 8)]
    yardstick_seconds: u64,
    /// Events that wait in the scenario `backlog`.
    #[arg(long, default_value_t = 10_000_000)]
    queued: u64,
    /// Seconds that the transaction of `open-transaction` is held open.
    #[arg(long, default_value_t = 600)]
    held_seconds: u64,
    /// Seconds that each measurement of `hanging-lanes` and `slow` takes; one of `hanging-receiver` takes twice as long.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How often `hanging-lanes` and `hanging-receiver` measure either, in turn.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
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
    /// Millions of events queued while the receiver is down; then it comes back.
    Backlog,
    /// Somebody holds a transaction open.
    OpenTransaction,
    /// 1,000 lanes of which 10 % hang.
    HangingLanes,
    /// One receiver that takes 10 s beside a healthy one.
    HangingReceiver,
    /// Receivers that always take 50 ms, and 5 s.
    Slow,
}

impl Scenario {
    /// Whether it is measured when none is named.
    fn is_usual(self) -> bool {
        matches!(self, Self::Batches | Self::Mapped | Self::Singles | Self::Latency | Self::Idle)
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let events = Arc::new(Events::new(1));
    let mut report = report::Report::default();
    println!("{}; events of {} bytes on average\n", report::machine(), events.mean_bytes());
    let wanted = |scenario: Scenario| {
        (arguments.scenario.is_empty() && scenario.is_usual()) || arguments.scenario.contains(&scenario)
    };
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
    if wanted(Scenario::Backlog) {
        backlog::measure(arguments.queued, &events, &mut report).await?;
    }
    if wanted(Scenario::OpenTransaction) {
        let held = Duration::from_secs(arguments.held_seconds);
        transaction::measure(held, &events, &mut report).await?;
    }
    let lasting = Duration::from_secs(arguments.seconds);
    if wanted(Scenario::HangingLanes) {
        beside::measure(beside::lanes(lasting), arguments.rounds, &events, &mut report).await?;
    }
    if wanted(Scenario::HangingReceiver) {
        beside::measure(beside::receiver(lasting * 2), arguments.rounds, &events, &mut report).await?;
    }
    if wanted(Scenario::Slow) {
        for takes in [Duration::from_millis(50), Duration::from_secs(5)] {
            slow::measure(takes, lasting, &events, &mut report).await?;
        }
    }
    println!("{}", report.table());
    Ok(())
}
