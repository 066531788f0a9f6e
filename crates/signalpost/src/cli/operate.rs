//! The part of the command line that finds out and does something about it: queue, attempts, dead letters, redrives.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};

use super::configure::Confirm;
use super::connection::ConnectionArgs;
use super::name::RedriveId;
use super::values::point_in_time;

/// Which part of what is configured is asked about.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Parent {
    /// Only this source, destination or mapping: `shop`, `shop/warehouse`, `shop/warehouse/orders`
    #[arg(value_name = "NAME")]
    pub(crate) parent: Option<String>,
}

/// How much of a log is wanted, and since when.
#[derive(Debug, Clone, Args)]
pub(crate) struct Lately {
    /// Only since then: how long ago (`1h`), or a time (`2026-11-23T10:00:00Z`)
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    pub(crate) since: Option<DateTime<Utc>>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Queue {
    #[command(flatten)]
    pub(crate) parent: Parent,
    /// Only lanes that are not well: retrying, open, full, paused, without dispatcher, or with dead letters
    #[arg(long)]
    pub(crate) troubled: bool,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What an attempt proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutcomeChoice {
    /// It arrived
    Delivered,
    /// It may arrive another time
    Retryable,
    /// The receiver will not have it
    Rejected,
}

#[derive(Debug, Args)]
pub(crate) struct Attempts {
    #[command(flatten)]
    pub(crate) parent: Parent,
    /// Only those that did not deliver
    #[arg(long)]
    pub(crate) failures: bool,
    /// Only those that proved this
    #[arg(long, value_enum, conflicts_with = "failures")]
    pub(crate) outcome: Option<OutcomeChoice>,
    /// Only those of this batch: the `X-Signalpost-Batch-Id` of a request
    #[arg(long, value_name = "ID")]
    pub(crate) batch: Option<String>,
    /// Only those before then
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    pub(crate) until: Option<DateTime<Utc>>,
    #[command(flatten)]
    pub(crate) lately: Lately,
    /// Show attempts as they are recorded, from now on, until interrupted
    #[arg(short, long, conflicts_with_all = ["outcome", "batch", "until", "since"])]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Why a batch was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReasonChoice {
    /// The receiver refused it for good
    Rejected,
    /// It was retried for as long as its destination allows
    Expired,
    /// It was retried as often as its destination allows
    Exhausted,
    /// Its lane was full
    Overflow,
}

/// Which dead letters.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeadFilter {
    /// Only those given up for this reason
    #[arg(long, value_enum)]
    pub(crate) reason: Option<ReasonChoice>,
    /// Only those given up since then: how long ago (`1h`), or a time (`2026-11-23T10:00:00Z`)
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    pub(crate) since: Option<DateTime<Utc>>,
    /// Only those given up before then
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    pub(crate) until: Option<DateTime<Utc>>,
}

#[derive(Debug, Args)]
pub(crate) struct Dead {
    #[command(subcommand)]
    pub(crate) command: DeadCommand,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// List dead letters, newest first
    List {
        #[command(flatten)]
        parent: Parent,
        #[command(flatten)]
        filter: DeadFilter,
        /// Also what was sent; for --json
        #[arg(long)]
        payload: bool,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Show a dead letter: why, the receiver's answer, what was sent
    Show {
        /// `shop/warehouse/orders`
        #[arg(value_name = "MAPPING")]
        mapping: String,
        /// The position that `dead list` shows
        #[arg(value_name = "POSITION", allow_negative_numbers = true)]
        position: i64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Rejected {
    #[command(flatten)]
    pub(crate) parent: Parent,
    #[command(flatten)]
    pub(crate) lately: Lately,
    /// Also show the events
    #[arg(long)]
    pub(crate) events: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Redrive {
    #[command(flatten)]
    pub(crate) create: CreateRedrive,
    #[command(subcommand)]
    pub(crate) command: Option<RedriveCommand>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateRedrive {
    /// The source, destination or mapping whose dead letters are queued again
    #[arg(value_name = "NAME", required = true)]
    pub(crate) parent: Option<String>,
    /// Only the dead letter at this position of the mapping
    #[arg(long, value_name = "POSITION", allow_negative_numbers = true)]
    pub(crate) position: Option<i64>,
    #[command(flatten)]
    pub(crate) filter: DeadFilter,
    /// Queue at most this many events a second
    #[arg(long, value_name = "N", default_value_t = 0.0, hide_default_value = true, value_parser = pace)]
    pub(crate) rate: f64,
    /// Only count
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not wait until all of them are queued
    #[arg(long)]
    pub(crate) detach: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RedriveCommand {
    /// List redrives, newest first
    List {
        /// Only those that have not ended
        #[arg(long)]
        live: bool,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Show a redrive; with --follow, its progress until it ends
    Show {
        #[command(flatten)]
        redrive: RedriveId,
        /// Show its progress until it ends
        #[arg(short, long)]
        follow: bool,
    },
    /// Stop for now
    Pause(RedriveId),
    /// Go on
    Resume(RedriveId),
    /// End it; what was queued again stays queued
    Cancel(RedriveId),
    /// Change how many events a second it queues
    Pace {
        #[command(flatten)]
        redrive: RedriveId,
        /// Events a second; 0: as fast as it goes
        #[arg(value_name = "RATE", value_parser = pace)]
        rate: f64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    pub(crate) names: Lanes,
    /// Why; shown wherever the lane is
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Mappings whose lanes are meant.
#[derive(Debug, Args)]
pub(crate) struct Lanes {
    /// Mappings; a source or destination stands for all its mappings
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct OnLanes {
    #[command(flatten)]
    pub(crate) names: Lanes,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PurgeChoice {
    /// What waits
    Queued,
    /// Dead letters
    Dead,
    /// Events that could not be mapped
    Rejected,
}

#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// `shop/warehouse/orders`
    #[arg(value_name = "MAPPING")]
    pub(crate) mapping: String,
    /// Which of its events
    #[arg(value_enum, value_name = "WHAT")]
    pub(crate) what: PurgeChoice,
    /// Only count
    #[arg(long, conflicts_with = "confirm")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) confirm: Confirm,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The event's `messageId`
    #[arg(value_name = "MESSAGE_ID", required_unless_present = "event")]
    pub(crate) message_id: Option<String>,
    /// The event itself (JSON; `-` reads standard input): triggers and mappings are then tried on it
    #[arg(long, value_name = "FILE")]
    pub(crate) event: Option<PathBuf>,
    /// The source it was sent to: makes it quicker and the answer surer
    #[arg(long, value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// Only this mapping
    #[arg(long, value_name = "MAPPING")]
    pub(crate) mapping: Option<String>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// `shop/warehouse/orders`
    #[arg(value_name = "MAPPING")]
    pub(crate) mapping: String,
    /// The event to send (JSON; `-` reads standard input); an example by default
    #[arg(long, value_name = "FILE")]
    pub(crate) event: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) parent: Parent,
    /// How often to look
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "1s")]
    pub(crate) every: Duration,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) parent: Parent,
    #[command(flatten)]
    pub(crate) lately: Lately,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Only this source
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

fn pace(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(pace) if pace.is_finite() && pace >= 0.0 => Ok(pace),
        _ => Err("it is a number of events a second, such as 100".to_owned()),
    }
}
