//! The part of the command line that configures: sources, destinations, mappings, keys, tokens.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::Signature;
use super::connection::ConnectionArgs;
use super::values::{SecretFrom, Setting};

/// How much of a list is wanted.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Limit {
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) limit: usize,
}

/// Something is removed that cannot be brought back.
#[derive(Debug, Clone, Args)]
pub(crate) struct Confirm {
    /// The full name again, instead of being asked for it
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Sources {
    #[command(subcommand)]
    pub(crate) command: SourcesCommand,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SourcesCommand {
    /// List sources
    List(Limit),
    /// Show a source and its write keys
    Show {
        /// `shop`
        #[arg(value_name = "SOURCE")]
        name: String,
    },
    /// Make a source
    Create {
        /// Its name
        #[arg(value_name = "SOURCE")]
        name: String,
    },
    /// Rename a source
    Update {
        /// The name it has
        #[arg(value_name = "SOURCE")]
        name: String,
        /// The name it should have
        #[arg(long, value_name = "NAME")]
        rename: String,
    },
    /// Remove a source and all below it; refused while events wait
    Delete {
        /// `shop`
        #[arg(value_name = "SOURCE")]
        name: String,
        #[command(flatten)]
        confirm: Confirm,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Destinations {
    #[command(subcommand)]
    pub(crate) command: DestinationsCommand,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DestinationsCommand {
    /// List destinations
    List {
        /// Only those of this source
        #[arg(value_name = "SOURCE")]
        source: Option<String>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show a destination: delivery settings, secrets (never their values), mappings
    Show {
        /// `shop/warehouse`
        #[arg(value_name = "DESTINATION")]
        name: String,
    },
    /// Make a destination
    Create(Box<CreateDestination>),
    /// Change what is given; the rest stays
    Update(Box<UpdateDestination>),
    /// Remove a destination and its mappings; refused while events wait
    Delete {
        /// `shop/warehouse`
        #[arg(value_name = "DESTINATION")]
        name: String,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Queue new events for it
    Enable(Names),
    /// Queue no new events for it; what waits is still delivered
    Disable(Names),
    /// Give it a new secret; the one before goes on signing beside it until --finish
    RotateSecret(RotateSecret),
}

/// Full names.
#[derive(Debug, Args)]
pub(crate) struct Names {
    /// Full names, such as `shop/warehouse`
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NumbersChoice {
    /// As JavaScript prints them
    Ecmascript,
    /// With the digits they came with
    Exact,
}

/// How a destination delivers.
#[derive(Debug, Args)]
pub(crate) struct DeliveryArgs {
    /// What the signature covers
    #[arg(long, value_enum)]
    pub(crate) signature: Option<Signature>,
    /// How numbers are written
    #[arg(long, value_enum)]
    pub(crate) numbers: Option<NumbersChoice>,
    /// One delivery setting: `--delivery timeout=5s`, `--delivery retry.max_attempts=20`; docs/delivery.md
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) delivery: Vec<Setting>,
    /// All delivery settings: a TOML, YAML or JSON file; what it leaves out gets its default
    #[arg(long, value_name = "FILE")]
    pub(crate) delivery_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) certificates: CertificateArgs,
}

/// Whom a destination trusts, and what it shows to receivers that ask.
#[derive(Debug, Args)]
pub(crate) struct CertificateArgs {
    /// Authorities (PEM) that receivers' certificates may be signed by; `--delivery ca=null` removes them
    #[arg(long = "delivery-ca", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Certificate (PEM) to show to receivers that ask for one, with its intermediates; `--delivery
    /// client_certificate=null` removes it and its key
    #[arg(long = "delivery-client-certificate", value_name = "FILE", requires = "client_key")]
    pub(crate) client_certificate: Option<PathBuf>,
    /// Where the private key (PEM) of that certificate is read from: `env:NAME`, `file:PATH`, or `-` for standard input
    #[arg(long = "delivery-client-key", value_name = "FROM")]
    pub(crate) client_key: Option<SecretFrom>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateDestination {
    /// `shop/warehouse`
    #[arg(value_name = "DESTINATION")]
    pub(crate) name: String,
    /// Where the secret of `X-Signature` is read from: `env:NAME`, `file:PATH`, or `-` for standard input
    #[arg(long, value_name = "FROM")]
    pub(crate) shared_secret: Option<SecretFrom>,
    /// Where the secret of `webhook-signature` (Standard Webhooks) is read from, as above
    #[arg(long, value_name = "FROM")]
    pub(crate) webhook_secret: Option<SecretFrom>,
    #[command(flatten)]
    pub(crate) delivery: DeliveryArgs,
    /// Queue no events for it until it is enabled
    #[arg(long)]
    pub(crate) disabled: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateDestination {
    /// `shop/warehouse`
    #[arg(value_name = "DESTINATION")]
    pub(crate) name: String,
    /// The last part of its new name
    #[arg(long, value_name = "NAME")]
    pub(crate) rename: Option<String>,
    #[command(flatten)]
    pub(crate) delivery: DeliveryArgs,
    /// Only if it still has this version
    #[arg(long, value_name = "VERSION", default_value_t = 0, hide_default_value = true)]
    pub(crate) expect: i64,
}

/// Which secret of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SecretChoice {
    /// Signs `X-Signature`
    Shared,
    /// Signs `webhook-signature` (Standard Webhooks)
    Webhook,
}

#[derive(Debug, Args)]
pub(crate) struct RotateSecret {
    /// `shop/warehouse`
    #[arg(value_name = "DESTINATION")]
    pub(crate) name: String,
    /// Which secret
    #[arg(long, value_enum, default_value_t = SecretChoice::Shared)]
    pub(crate) which: SecretChoice,
    /// Where the new secret is read from: `env:NAME`, `file:PATH`, or `-` for standard input; one is made and shown
    /// once when this is left out
    #[arg(long, value_name = "FROM", conflicts_with = "finish")]
    pub(crate) secret: Option<SecretFrom>,
    /// The receiver knows the new secret: stop signing with the one before
    #[arg(long)]
    pub(crate) finish: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Mappings {
    #[command(subcommand)]
    pub(crate) command: MappingsCommand,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MappingsCommand {
    /// List mappings
    List {
        /// Only those of this source or destination
        #[arg(value_name = "PARENT")]
        parent: Option<String>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show a mapping: trigger and fields
    Show {
        /// `shop/warehouse/orders`
        #[arg(value_name = "MAPPING")]
        name: String,
    },
    /// Make a mapping
    Create(CreateMapping),
    /// Change what is given; the rest stays. Shows what differs
    Update(UpdateMapping),
    /// Remove a mapping; refused while events wait
    Delete {
        /// `shop/warehouse/orders`
        #[arg(value_name = "MAPPING")]
        name: String,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Queue new events for it
    Enable(Names),
    /// Queue no new events for it; what waits is still delivered
    Disable(Names),
    /// List what a mapping was: every change, who made it and when
    Versions {
        /// `shop/warehouse/orders`
        #[arg(value_name = "MAPPING")]
        name: String,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show what differs between two versions; the last change by default
    Diff {
        /// `shop/warehouse/orders`
        #[arg(value_name = "MAPPING")]
        name: String,
        /// The older version; the one before the newer by default
        #[arg(value_name = "OLD")]
        old: Option<i64>,
        /// The newer version; the current one by default
        #[arg(value_name = "NEW")]
        new: Option<i64>,
    },
    /// Make a mapping again what it was at a version
    Restore {
        /// `shop/warehouse/orders`
        #[arg(value_name = "MAPPING")]
        name: String,
        /// One that `mappings versions` lists
        #[arg(value_name = "VERSION")]
        version: i64,
    },
}

/// Which events a mapping wants, and what it makes of them.
#[derive(Debug, Args)]
pub(crate) struct MappingArgs {
    /// Which events it wants: `type = "track"`
    #[arg(long, value_name = "FQL", conflicts_with = "trigger_file")]
    pub(crate) trigger: Option<String>,
    /// A file that holds the trigger
    #[arg(long, value_name = "FILE")]
    pub(crate) trigger_file: Option<PathBuf>,
    /// Segment's mapping object: a JSON, TOML or YAML file, or `-` for JSON on standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) fields: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateMapping {
    /// `shop/warehouse/orders`
    #[arg(value_name = "MAPPING")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) mapping: MappingArgs,
    /// Queue no events for it until it is enabled
    #[arg(long)]
    pub(crate) disabled: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateMapping {
    /// `shop/warehouse/orders`
    #[arg(value_name = "MAPPING")]
    pub(crate) name: String,
    /// The last part of its new name
    #[arg(long, value_name = "NAME")]
    pub(crate) rename: Option<String>,
    #[command(flatten)]
    pub(crate) mapping: MappingArgs,
    /// Only if it still has this version
    #[arg(long, value_name = "VERSION", default_value_t = 0, hide_default_value = true)]
    pub(crate) expect: i64,
}

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
    List {
        /// `shop`
        #[arg(value_name = "SOURCE")]
        source: String,
    },
    /// Make a write key beside those there are; it is shown once
    Create {
        /// `shop`
        #[arg(value_name = "SOURCE")]
        source: String,
        /// Let the other keys end after this time, by which the senders have changed over
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        revoke_others_after: Option<Duration>,
    },
    /// Make a write key useless
    Revoke {
        /// `shop`
        #[arg(value_name = "SOURCE")]
        source: String,
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
