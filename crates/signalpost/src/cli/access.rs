//! The part of the command line that says who may send and who may operate: write keys, sealing keys, admin tokens.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::configure::Limit;
use super::connection::ConnectionArgs;
use super::name::SourceName;

#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the write keys of a source; never the keys themselves
    List(SourceName),
    /// Make a write key beside those there are; it is shown once
    Create {
        #[command(flatten)]
        source: SourceName,
        /// Let the other keys end after this time, by which the senders have changed over
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        revoke_others_after: Option<Duration>,
    },
    /// Make a write key useless
    Revoke {
        #[command(flatten)]
        source: SourceName,
        /// The number that `keys list` shows
        #[arg(value_name = "ID")]
        id: i64,
        /// After this time; at once by default
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        after: Option<Duration>,
    },
    /// Seal every stored secret anew with the first of `secrets.sealing_keys`; deliveries go on meanwhile. Asks a server
    /// when --server or a token is given; else works on the database of the settings
    Rotate,
}

#[derive(Debug, Args)]
pub(crate) struct Tokens {
    #[command(subcommand)]
    pub(crate) command: TokensCommand,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleChoice {
    /// Read
    Viewer,
    /// Also pause, resume, retry, redrive, test
    Operator,
    /// Everything
    Admin,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// List admin tokens; never the tokens themselves
    List(Limit),
    /// Make an admin token; it is shown once
    Create {
        /// Its name, which the audit log shows
        #[arg(value_name = "NAME")]
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: RoleChoice,
        /// It may also publish events
        #[arg(long)]
        may_publish: bool,
        /// How long it is valid; until revoked by default
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        valid_for: Option<Duration>,
    },
    /// Make an admin token useless
    Revoke {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}
