//! The program: reads the command line, runs one command, and says by its exit status how that went.

mod cli;
mod client;
mod commands;
mod config;
mod confirm;
mod control;
mod destinations;
mod diff;
mod event_file;
mod exit;
mod http;
mod json;
mod lifecycle;
mod listing;
mod nearest;
mod output;
mod process;
mod receiver;
mod telemetry;

use std::process::ExitCode;

use anyhow::Context;

use crate::cli::{Cli, Command};
use crate::config::Settings;
use crate::process::Role;

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
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
    // Before the settings are loaded: what is wrong with them is what it says.
    if let Command::Config { command } = &cli.command {
        return commands::config::run(&cli.settings, command, cli.json);
    }
    if cli.json {
        refuse_json(&cli.command)?;
    }
    let mut settings = Settings::load(&cli.settings)?;
    if matches!(cli.command, Command::Dev(_)) && cli.settings.log.is_none() {
        "warn".clone_into(&mut settings.log.level); // what dev itself says is the news
    }
    telemetry::start(&settings.log).map_err(exit::Failure::usage)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(command(cli.command, settings, cli.json))
}

/// What a command cannot mean is refused, so that no program waits for JSON that never comes.
fn refuse_json(command: &Command) -> anyhow::Result<()> {
    let instead = match command {
        Command::Serve | Command::Ingest | Command::Dispatcher | Command::Admin => {
            "its log is JSON with `--set log.format=json`"
        }
        Command::Dev(_) => "it shows how events arrive; its exit status says whether they did (--once)",
        Command::Completions(_) => "it prints a script for the shell",
        _ => return Ok(()),
    };
    Err(exit::Failure::usage(anyhow::anyhow!("--json means nothing here: {instead}")))
}

async fn command(command: Command, settings: Settings, is_json: bool) -> anyhow::Result<()> {
    match command {
        Command::Serve => commands::serve::run(settings, Role::Both).await,
        Command::Ingest => commands::serve::run(settings, Role::Ingest).await,
        Command::Dispatcher => commands::serve::run(settings, Role::Dispatcher).await,
        Command::Admin => commands::serve::run(settings, Role::Admin).await,
        Command::Config { command: _ } => Ok(()), // ran before the settings were loaded
        Command::Migrate(args) => commands::migrate::run(&settings, &args, is_json).await,
        Command::Apply(args) => commands::apply::run(&settings, &args, is_json).await,
        Command::Preview(args) => commands::preview::run(&args, is_json),
        Command::Send(args) => commands::send::run(&args, is_json).await,
        Command::Receive(args) => commands::receive::run(&args, is_json).await,
        Command::Dev(args) => commands::dev::run(settings, &args).await,
        Command::Health(args) => commands::health::run(&settings, &args, is_json).await,
        Command::Queue(args) => commands::queue::run(&args, is_json).await,
        Command::Top(args) => commands::top::run(&args, is_json).await,
        Command::Attempts(args) => commands::attempts::run(&args, is_json).await,
        Command::Explain(args) => commands::explain::run(&args, is_json).await,
        Command::Test(args) => commands::test::run(&args, is_json).await,
        Command::Dead(args) => commands::dead::run(&args, is_json).await,
        Command::Rejected(args) => commands::rejected::run(&args, is_json).await,
        Command::Redrive(args) => commands::redrive::run(&args, is_json).await,
        Command::Pause(args) => commands::lanes::pause(&args, is_json).await,
        Command::Resume(args) => commands::lanes::resume(&args, is_json).await,
        Command::Retry(args) => commands::lanes::retry(&args, is_json).await,
        Command::Purge(args) => commands::purge::run(&args, is_json).await,
        Command::Sources(args) => commands::sources::run(&args, is_json).await,
        Command::Destinations(args) => commands::destinations::run(&args, is_json).await,
        Command::Mappings(args) => commands::mappings::run(&args, is_json).await,
        Command::Keys(args) => commands::keys::run(&settings, &args, is_json).await,
        Command::Tokens(args) => commands::tokens::run(&args, is_json).await,
        Command::Audit(args) => commands::audit::run(&args, is_json).await,
        Command::Export(args) => commands::export::run(&args, is_json).await,
        Command::Doctor(args) => commands::doctor::run(&settings, &args, is_json).await,
        Command::Completions(args) => {
            commands::completions::run(&args);
            Ok(())
        }
    }
}
