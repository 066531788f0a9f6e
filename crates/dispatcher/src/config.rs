//! Config: the settings of the dispatcher and their defaults.
//!
//! Invariants: a setting that is missing has its default; one that is unknown is an error; `check` refuses, by name,
//! a value that could not work.

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use signalpost_core::setting::{Mistake, mistakes};

use crate::transport::{ProxySetting, ProxyVariables};

const DAY: Duration = Duration::from_hours(24);

/// The settings of the dispatcher. Sizes read `"64MB"` or a number of bytes, durations `"10s"`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What this dispatcher is called in the table of dispatchers.
    pub name: String,
    /// How long a dispatcher that stopped answering keeps its partitions; it says that it lives three times as often.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// How much of the queue may be in memory at a time. A lane that has nothing there may always have one row.
    #[serde(with = "signalpost_core::setting::size")]
    pub loaded_bytes_max: ByteSize,
    /// How many requests may be under way, or made and not recorded yet. A lane leaves free as many as it has, and may always have one.
    pub unsettled_max: u32,
    /// How long deliveries are gathered, while many come, before they are recorded together. What something waits for is
    /// recorded after 2 ms.
    #[serde(with = "humantime_serde")]
    pub settle_gather: Duration,
    /// How many settlements are recorded together at most.
    pub settle_max: u32,
    /// How often the queue is looked at when no notification came and nothing is going on.
    #[serde(with = "humantime_serde")]
    pub poll: Duration,
    /// How often the configuration is looked up when no notification came.
    #[serde(with = "humantime_serde")]
    pub catalog_poll: Duration,
    /// How long a connection to a receiver is kept when it is not used.
    #[serde(with = "humantime_serde")]
    pub connection_idle: Duration,
    /// Which proxy requests go through: `environment` (what `HTTPS_PROXY` and the like say), `none`, or a URL.
    pub proxy: ProxySetting,
    /// What the environment says of proxies; whoever reads the environment fills it in.
    #[serde(skip)]
    pub proxy_variables: ProxyVariables,
    /// How long recording what is known may take after the dispatcher was told to abort.
    #[serde(with = "humantime_serde")]
    pub abort_time_max: Duration,
    /// How long the delivery log is kept, by the whole day.
    #[serde(with = "humantime_serde")]
    pub keep_attempts: Duration,
    /// How long dead batches wait to be redriven.
    #[serde(with = "humantime_serde")]
    pub keep_dead: Duration,
    /// How long events that a mapping failed for are kept.
    #[serde(with = "humantime_serde")]
    pub keep_rejected: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: String::from("dispatcher"),
            lease: Duration::from_secs(10),
            loaded_bytes_max: ByteSize::mb(64),
            unsettled_max: 20_000,
            settle_gather: Duration::from_millis(10),
            settle_max: 1000,
            poll: Duration::from_secs(5),
            catalog_poll: Duration::from_secs(5),
            connection_idle: Duration::from_mins(1),
            proxy: ProxySetting::Environment,
            proxy_variables: ProxyVariables::default(),
            abort_time_max: Duration::from_secs(3),
            keep_attempts: 7 * DAY,
            keep_dead: 30 * DAY,
            keep_rejected: 30 * DAY,
        }
    }
}

impl Config {
    /// Refuses the first setting that could not work.
    pub fn check(&self) -> Result<(), Mistake> {
        self.mistakes().into_iter().next().map_or(Ok(()), Err)
    }

    /// Every setting that could not work.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
        mistakes([
            ("name", !self.name.is_empty(), "a name"),
            ("lease", (second..=10 * minute).contains(&self.lease), "from 1s to 10m"),
            ("loaded_bytes_max", self.loaded_bytes_max.as_u64() >= 1_000_000, "1MB or more"),
            ("unsettled_max", self.unsettled_max >= 1, "1 or more"),
            ("settle_gather", self.settle_gather <= second, "up to 1s"),
            ("settle_max", (1..=20_000).contains(&self.settle_max), "from 1 to 20000"),
            ("poll", (Duration::from_millis(10)..=minute).contains(&self.poll), "from 10ms to 1m"),
            ("catalog_poll", self.catalog_poll >= Duration::from_millis(50), "50ms or more"),
            ("keep_attempts", (DAY..=3650 * DAY).contains(&self.keep_attempts), "from 1day to 3650days"),
            ("keep_dead", self.keep_dead >= minute, "1m or more"),
            ("keep_rejected", self.keep_rejected >= minute, "1m or more"),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_work() {
        assert_eq!(Config::default().check(), Ok(()));
    }

    #[test]
    fn a_setting_that_could_not_work_is_named_with_what_is_accepted() {
        let config = Config { lease: Duration::ZERO, ..Config::default() };
        assert_eq!(config.check().unwrap_err().to_string(), "lease must be from 1s to 10m");
    }
}
