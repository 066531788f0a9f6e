//! The part of the command line that configures sources and mappings, and what all that configures has in common.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::connection::ConnectionArgs;
use super::name::{MappingName, SourceName};

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

/// Full names.
#[derive(Debug, Args)]
pub(crate) struct Names {
    /// Full names, such as `shop/warehouse`
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
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
    Show(SourceName),
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
        #[command(flatten)]
        name: SourceName,
        #[command(flatten)]
        confirm: Confirm,
    },
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
    Show(MappingName),
    /// Make a mapping
    Create(CreateMapping),
    /// Change what is given; the rest stays. Shows what differs
    Update(UpdateMapping),
    /// Remove a mapping; refused while events wait
    Delete {
        #[command(flatten)]
        name: MappingName,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Queue new events for it
    Enable(Names),
    /// Queue no new events for it; what waits is still delivered
    Disable(Names),
    /// List what a mapping was: every change, who made it and when
    Versions {
        #[command(flatten)]
        name: MappingName,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show what differs between two versions; the last change by default
    Diff {
        #[command(flatten)]
        name: MappingName,
        /// The older version; the one before the newer by default
        #[arg(value_name = "OLD")]
        old: Option<i64>,
        /// The newer version; the current one by default
        #[arg(value_name = "NEW")]
        new: Option<i64>,
    },
    /// Make a mapping again what it was at a version
    Restore {
        #[command(flatten)]
        name: MappingName,
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
