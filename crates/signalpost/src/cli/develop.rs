//! The part of the command line for those who develop mappings, senders and receivers: preview, send, receive, dev.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::connection::TlsArgs;

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

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share is a number from 0 to 1".to_owned()),
    }
}
