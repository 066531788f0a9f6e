//! Command line: what `signalpost` can be asked to do, and the help that says so.

mod configure;
mod connection;
mod operate;
#[cfg(test)]
mod reference;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::Failure;
pub(crate) use configure::{
    CertificateArgs, Confirm, CreateDestination, CreateMapping, DeliveryArgs, Destinations,
    DestinationsCommand, Keys, KeysCommand, MappingArgs, Mappings, MappingsCommand, NumbersChoice,
    RoleChoice, RotateSecret, SecretChoice, Sources, SourcesCommand, Tokens, TokensCommand,
    UpdateDestination, UpdateMapping,
};
pub(crate) use connection::{ConnectionArgs, TlsArgs, USUAL_SERVER};
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

#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// A mapping: its fields as JSON (as exported from Segment), or a destinations file
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: PathBuf,
    /// Events: a JSON object, or one per line; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) event: PathBuf,
    /// The trigger, when the mapping's file holds none
    #[arg(long, value_name = "FQL")]
    pub(crate) trigger: Option<String>,
    /// Which mapping of a destinations file: `name`, or `source/destination/name`
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Sign with this shared secret
    #[arg(long, value_name = "SECRET", env = "SIGNALPOST_SHARED_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,
    /// What the signature of a batch covers
    #[arg(long, value_enum, default_value_t)]
    pub(crate) signature: Signature,
    /// Take the events as they are: fill in no `messageId`, `receivedAt`, `timestamp`
    #[arg(long)]
    pub(crate) raw: bool,
}

/// What `X-Signature` covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Signature {
    /// The whole body
    #[default]
    Body,
    /// The first event of a batch alone, as Segment's own service does
    FirstEvent,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Files with one event (JSON) per line; `-` reads standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) files: Vec<PathBuf>,
    /// Where ingest listens
    #[arg(long, value_name = "URL", env = "SIGNALPOST_TO", default_value = "http://127.0.0.1:4650")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    /// Write key of the source
    #[arg(
        long,
        value_name = "KEY",
        env = "SIGNALPOST_WRITE_KEY",
        hide_env_values = true,
        required_unless_present = "write_key_file"
    )]
    pub(crate) write_key: Option<String>,
    /// File that holds the write key
    #[arg(long, value_name = "FILE", env = "SIGNALPOST_WRITE_KEY_FILE", conflicts_with = "write_key")]
    pub(crate) write_key_file: Option<PathBuf>,
    /// Events in one message
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) batch: u32,
    /// Messages that may wait for their answer
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) window: u32,
    /// Give up when nothing could be sent for this long
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "1m")]
    pub(crate) patience: Duration,
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

#[derive(Debug, Clone, Args)]
pub(crate) struct Receive {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", env = "SIGNALPOST_RECEIVE_LISTEN", default_value = "127.0.0.1:4652")]
    pub(crate) listen: SocketAddr,
    /// Verify `X-Signature` with this shared secret; refuse what does not verify with 401
    #[arg(long, value_name = "SECRET", env = "SIGNALPOST_SHARED_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,
    /// File that holds the shared secret
    #[arg(long, value_name = "FILE", env = "SIGNALPOST_SHARED_SECRET_FILE", conflicts_with = "secret")]
    pub(crate) secret_file: Option<PathBuf>,
    /// What the signature of a batch covers
    #[arg(long, value_enum, default_value_t)]
    pub(crate) signature: Signature,
    /// Count instead of showing every request; at the end it says how many events were distinct and how many repeated, by
    /// address and `messageId`, or by payload without one
    #[arg(long)]
    pub(crate) count: bool,
    /// Answer with this status
    #[arg(long, value_name = "STATUS", default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..=599))]
    pub(crate) status: u16,
    /// Answer only after this time
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "0s")]
    pub(crate) delay: Duration,
    /// Answer this share of requests with 503: 0.1 is one in ten
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(crate) fail_rate: f64,
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// End after the example events: status 0 only if all of them arrived verified
    #[arg(long)]
    pub(crate) once: bool,
    /// Where the database, the keys and the example files are kept
    #[arg(long, value_name = "FOLDER", default_value = ".signalpost")]
    pub(crate) folder: PathBuf,
    /// A destinations file of your own instead of the example
    #[arg(long, value_name = "FILE")]
    pub(crate) destinations: Option<PathBuf>,
    /// With --once: how long the events may take
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "30s")]
    pub(crate) within: Duration,
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

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share is a number from 0 to 1".to_owned()),
    }
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
