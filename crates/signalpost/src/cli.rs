//! Command line: what `signalpost` can be asked to do, and the help that says so.

mod access;
mod configure;
mod connection;
mod destinations;
mod develop;
mod help;
mod name;
mod operate;
#[cfg(test)]
mod reference;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};

use crate::exit::Failure;
pub(crate) use access::{Keys, KeysCommand, RoleChoice, Tokens, TokensCommand};
pub(crate) use configure::{
    Confirm, CreateMapping, MappingArgs, Mappings, MappingsCommand, Sources, SourcesCommand, UpdateMapping,
};
pub(crate) use connection::{ConnectionArgs, USUAL_SERVER};
pub(crate) use destinations::{
    CertificateArgs, CreateDestination, DeliveryArgs, Destinations, DestinationsCommand, NumbersChoice,
    RotateSecret, SecretChoice, UpdateDestination,
};
pub(crate) use develop::{Dev, Preview, Receive, Send, Signature};
pub(crate) use help::parse;
pub(crate) use name::{DestinationName, MappingName, RedriveId, SourceName};
pub(crate) use operate::{
    Attempts, Audit, CreateRedrive, Dead, DeadCommand, DeadFilter, Explain, Export, Lanes, OnLanes,
    OutcomeChoice, Pause, Purge, PurgeChoice, Queue, ReasonChoice, Redrive, RedriveCommand, Rejected, Test,
    Top,
};
pub(crate) use values::{SecretFrom, Setting};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
Start here:
  signalpost dev            everything from nothing on this machine, with example events

Exit status: 0 done; 1 failed; 64 wrong usage or settings; 65 wrong input (a destinations file, a mapping, \
an event); 69 a server or the database did not answer; 77 the token is not accepted, or may not do it.";

/// Takes events over gRPC and delivers them, mapped, batched and signed, to HTTP endpoints.
#[derive(Debug, Parser)]
#[command(name = "signalpost", version, styles = STYLES, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// Print JSON for programs: one document, or an object a line where there is no end
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where settings come from, for every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingsArgs {
    /// File with settings; `signalpost.toml` in this folder if there is one
    #[arg(long, global = true, value_name = "FILE", env = "SIGNALPOST_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Sets one setting, over file and environment: `--set ingest.committers=1`
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// The database; short for `--set database.url=…`
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// What to log: error, warn, info, debug, trace, or a filter such as `info,signalpost_dispatcher=debug`
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run ingest and dispatcher in one process; the control API too when admin.token is set
    Serve,
    /// Run ingest alone: take events over gRPC
    Ingest,
    /// Run the dispatcher alone: deliver what is queued
    Dispatcher,
    /// Run the control API alone: configure, look and operate over gRPC
    Admin,
    /// Check the settings, or show where each comes from
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Bring the database's schema up to date
    Migrate(Migrate),
    /// Make the configured sources, destinations and mappings what a file says: in the database, or, with --server or
    /// `SIGNALPOST_SERVER`, by asking a server
    Apply(Apply),
    /// Show what a mapping makes of events: trigger, payload, exact request. Needs no database
    Preview(Preview),
    /// Send events from files or standard input
    Send(Send),
    /// Run a receiver for trying things: verifies, shows, counts, answers as told
    Receive(Receive),
    /// Run everything from nothing on this machine, and send example events through it
    Dev(Dev),
    /// Ask a running process whether it is ready; for health checks
    Health(Health),
    /// Show the lanes: how much waits, since when, in what state and why
    Queue(Queue),
    /// Show lanes and failures as they are, until a key ends it
    Top(Top),
    /// Show the delivery log, or follow it
    Attempts(Attempts),
    /// Why did this event not arrive?
    Explain(Explain),
    /// Send one event to a receiver now, past the queue, and show the answer
    Test(Test),
    /// Dead letters: list, show
    Dead(Dead),
    /// Show events that a mapping could not map
    Rejected(Rejected),
    /// Queue dead letters again; list, pause, resume, cancel or pace that
    Redrive(Redrive),
    /// Send nothing for these mappings; their events are still queued
    Pause(Pause),
    /// Go on sending for paused mappings
    Resume(OnLanes),
    /// Make every scheduled retry of these mappings due now
    Retry(OnLanes),
    /// Delete queued, dead or rejected events of a mapping for good
    Purge(Purge),
    /// Sources: list, show, create, update, delete
    Sources(Sources),
    /// Destinations: list, show, create, update, delete, enable, disable, rotate-secret
    Destinations(Destinations),
    /// Mappings: list, show, create, update, delete, enable, disable, versions, diff, restore
    Mappings(Mappings),
    /// Write keys of sources: list, create, revoke. Sealing keys: rotate
    Keys(Keys),
    /// Admin tokens: list, create, revoke
    Tokens(Tokens),
    /// Show who changed what
    Audit(Audit),
    /// Print what is configured as a destinations file
    Export(Export),
    /// Look at everything a Signalpost rests on, and say what to do
    Doctor(Doctor),
    /// Print what a shell needs to complete commands and flags
    Completions(Completions),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Whether the settings can be used: every mistake at once, files and certificates included
    Check,
    /// Every setting, its value, and where that came from; secrets as ***
    Show,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// How long to wait for a database that does not answer yet
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "1m")]
    pub(crate) wait: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The destinations file: TOML, YAML or JSON; `-` reads TOML or JSON on standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Remove what is configured and not in the file; without it, that is only told
    #[arg(long)]
    pub(crate) prune: bool,
    /// Only check the file; needs no database and no server
    #[arg(long, conflicts_with_all = ["dry_run", "prune"])]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// A secret that was given by itself or in a file; spaces and line ends around it do not count.
pub(crate) fn given(value: Option<&str>, file: Option<&Path>) -> anyhow::Result<Option<String>> {
    let read = |file: &Path| {
        std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))
            .map_err(Failure::usage)
    };
    let text = match file {
        Some(file) => Some(read(file)?),
        None => value.map(str::to_owned),
    };
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// The address that serves `/readyz`; the setting http.listen by default
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
