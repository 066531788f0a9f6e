//! The load, fault and comparison harness: what Signalpost does on this machine, each figure beside a yardstick of the
//! same run, every acknowledged event in a ledger.
//!
//! It runs the release binary `signalpost` as its users do, against a durable Postgres of its own and a receiver that
//! verifies signatures, all on this machine.

#![expect(clippy::print_stdout, reason = "what is measured goes to standard output")]

mod chaos;
mod events;
mod ledger;
mod load;
mod receiver;
mod report;
mod sender;
mod sim;
mod stand;
mod usage;
mod yardstick;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures and torments Signalpost on this machine", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Figures: throughput, latency, CPU, WAL and memory, beside COPY and a bare HTTP client.
    Load(load::Arguments),
    /// Kills processes, stops Postgres and breaks the receiver while events flow; then every acknowledged event must
    /// have arrived.
    Chaos(chaos::Arguments),
    /// Simulates the dispatchers' decisions in virtual time under seeded faults; everything that must hold is checked after
    /// each step.
    Sim(sim::Arguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Load(arguments) => load::run(arguments).await,
        Command::Chaos(arguments) => chaos::run(arguments).await,
        Command::Sim(arguments) => sim::run(&arguments),
    }
}
