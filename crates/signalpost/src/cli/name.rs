//! Full names, as arguments.

use clap::Args;

#[derive(Debug, Clone, Args)]
pub(crate) struct SourceName {
    /// `shop`
    #[arg(value_name = "SOURCE")]
    pub(crate) name: String,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DestinationName {
    /// `shop/warehouse`
    #[arg(value_name = "DESTINATION")]
    pub(crate) name: String,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct MappingName {
    /// `shop/warehouse/orders`
    #[arg(value_name = "MAPPING")]
    pub(crate) name: String,
}

/// The number that `redrive list` shows.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct RedriveId {
    /// The number that `redrive list` shows
    #[arg(value_name = "ID")]
    pub(crate) id: i64,
}
