//! The part of the command line that configures destinations: delivery, certificates, secrets.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Signature;
use super::configure::{Confirm, Limit, Names};
use super::connection::ConnectionArgs;
use super::name::DestinationName;
use super::values::{SecretFrom, Setting};

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
    Show(DestinationName),
    /// Make a destination
    Create(Box<CreateDestination>),
    /// Change what is given; the rest stays
    Update(Box<UpdateDestination>),
    /// Remove a destination and its mappings; refused while events wait
    Delete {
        #[command(flatten)]
        name: DestinationName,
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
