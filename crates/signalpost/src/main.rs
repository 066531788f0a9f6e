//! The program: reads the command line, runs one command, and says by its exit status how that went.

mod cli;
mod client;
mod commands;
mod config;
mod destinations;
mod exit;
mod http;
mod lifecycle;
mod nearest;
mod output;
mod process;
mod receiver;
mod telemetry;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use crate::cli::{Cli, Command};
use crate::config::Settings;
use crate::process::Role;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 64 } else { 0 });
        }
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let mut settings = Settings::load(&cli.settings)?;
    if matches!(cli.command, Command::Dev(_)) && cli.settings.log.is_none() {
        "warn".clone_into(&mut settings.log.level); // what dev itself says is the news
    }
    telemetry::start(&settings.log).map_err(exit::Failure::usage)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(command(cli.command, settings))
}

async fn command(command: Command, settings: Settings) -> anyhow::Result<()> {
    match command {
        Command::Serve => commands::serve::run(settings, Role::Both).await,
        Command::Ingest => commands::serve::run(settings, Role::Ingest).await,
        Command::Dispatcher => commands::serve::run(settings, Role::Dispatcher).await,
        Command::Migrate(args) => commands::migrate::run(&settings, &args).await,
        Command::Apply(args) => commands::apply::run(&settings, &args).await,
        Command::Preview(args) => commands::preview::run(&args),
        Command::Send(args) => commands::send::run(&args).await,
        Command::Receive(args) => commands::receive::run(&args).await,
        Command::Dev(args) => commands::dev::run(settings, &args).await,
        Command::Health(args) => commands::health::run(&settings, &args).await,
    }
}
