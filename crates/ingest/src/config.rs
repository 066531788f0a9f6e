//! Config: the settings of ingest and their defaults.
//!
//! Invariants: a setting that is missing has its default; one that is unknown is an error; `check` refuses, by name,
//! a value that could not work.

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use signalpost_core::setting::{Mistake, mistakes};
use signalpost_grpc::tls;

/// The settings of ingest. Sizes read `"32KiB"` or a number of bytes, durations `"30s"`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How large one event may be, as JSON. A larger one is refused; the others of its request are not.
    #[serde(with = "signalpost_core::setting::size")]
    pub event_bytes_max: ByteSize,
    /// How deep objects and arrays of one event may be nested.
    pub event_depth_max: u32,
    /// How large one request, or one message of a stream, may be.
    #[serde(with = "signalpost_core::setting::size")]
    pub request_bytes_max: ByteSize,
    /// How many events one request, or one message of a stream, may carry.
    pub request_events_max: u32,
    /// How much of one stream may wait for its answer before the stream is not read any further.
    #[serde(with = "signalpost_core::setting::size")]
    pub stream_window: ByteSize,
    /// How much of requests may be read at a time, all connections together. A compressed message counts as what it may
    /// become. Calls wait for room for `waiting_time_max`, then they get `RESOURCE_EXHAUSTED`; streams wait on.
    #[serde(with = "signalpost_core::setting::size")]
    pub reading_bytes_max: ByteSize,
    /// How long nothing may come of a message that has begun, before its call is ended.
    #[serde(with = "humantime_serde")]
    pub reading_silence_max: Duration,
    /// How much may wait to be committed in all. This bounds memory, and how long an acknowledgement takes under
    /// full load: it is this much divided by what the database takes a second.
    #[serde(with = "signalpost_core::setting::size")]
    pub waiting_bytes_max: ByteSize,
    /// How long a call waits for room among what is waiting; then it gets `RESOURCE_EXHAUSTED`. Streams wait on.
    #[serde(with = "humantime_serde")]
    pub waiting_time_max: Duration,
    /// How many commits run at a time. With 1, the order of arrival is the order in every lane; with more, in the lanes
    /// of destinations that are delivered in order.
    pub committers: u32,
    /// How much one commit takes at most. What is waiting beyond it is left to the next commit.
    #[serde(with = "signalpost_core::setting::size")]
    pub commit_bytes_max: ByteSize,
    /// How many events may be queued in all, until requests for more are refused. Each destination may have lower
    /// limits of its own.
    pub queued_events_max: u64,
    /// How many bytes may be queued in all, as they will be sent; the database stores them compressed.
    #[serde(with = "signalpost_core::setting::size")]
    pub queued_bytes_max: ByteSize,
    /// How many calls and streams one connection may have open.
    pub calls_per_connection_max: u32,
    /// How often the configuration is looked up when no notification came.
    #[serde(with = "humantime_serde")]
    pub catalog_poll: Duration,
    /// After how much silence a connection is probed; one that does not answer is closed.
    #[serde(with = "humantime_serde")]
    pub keepalive: Duration,
    /// When stopping: how long calls may take to finish before their connections are cut.
    #[serde(with = "humantime_serde")]
    pub drain_time_max: Duration,
    /// Serves TLS when present, plain text when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<tls::Config>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            event_bytes_max: ByteSize::kib(32),
            event_depth_max: 128,
            request_bytes_max: ByteSize::mib(4),
            request_events_max: 10_000,
            stream_window: ByteSize::mib(4),
            reading_bytes_max: ByteSize::mib(64),
            reading_silence_max: Duration::from_secs(30),
            waiting_bytes_max: ByteSize::mib(32),
            waiting_time_max: Duration::from_secs(5),
            committers: 2,
            commit_bytes_max: ByteSize::mib(4),
            queued_events_max: 100_000_000,
            queued_bytes_max: ByteSize::gb(100),
            calls_per_connection_max: 256,
            catalog_poll: Duration::from_secs(5),
            keepalive: Duration::from_secs(30),
            drain_time_max: Duration::from_secs(20),
            tls: None,
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
        let event = self.event_bytes_max.as_u64();
        let request = self.request_bytes_max.as_u64();
        let waiting = self.waiting_bytes_max.as_u64();
        mistakes([
            ("event_bytes_max", (64..=16 << 20).contains(&event), "from 64B to 16MiB"),
            ("event_depth_max", (4..=512).contains(&self.event_depth_max), "from 4 to 512"),
            ("request_bytes_max", (event..=64 << 20).contains(&request), "from event_bytes_max to 64MiB"),
            ("request_events_max", (1..=100_000).contains(&self.request_events_max), "from 1 to 100000"),
            ("stream_window", self.stream_window.as_u64() >= 1 << 10, "1KiB or more"),
            (
                "reading_bytes_max",
                (request + (1 << 20)..=2 << 30).contains(&self.reading_bytes_max.as_u64()),
                "from request_bytes_max and 1MiB more to 2GiB",
            ),
            ("reading_silence_max", self.reading_silence_max >= Duration::from_millis(100), "100ms or more"),
            ("waiting_bytes_max", (request..=2 << 30).contains(&waiting), "from request_bytes_max to 2GiB"),
            ("committers", (1..=32).contains(&self.committers), "from 1 to 32"),
            ("commit_bytes_max", self.commit_bytes_max.as_u64() >= 1 << 10, "1KiB or more"),
            ("queued_events_max", self.queued_events_max >= 1, "1 or more"),
            ("queued_bytes_max", self.queued_bytes_max.as_u64() >= 1_000_000, "1MB or more"),
            ("calls_per_connection_max", self.calls_per_connection_max >= 1, "1 or more"),
            ("catalog_poll", self.catalog_poll >= Duration::from_millis(50), "50ms or more"),
            ("keepalive", self.keepalive >= Duration::from_secs(1), "1s or more"),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_work() {
        assert_eq!(Config::default().check(), Ok(()));
    }

    #[test]
    fn sizes_and_durations_read_as_people_write_them() {
        let config: Config =
            serde_json::from_str(r#"{"event_bytes_max":"64KiB","catalog_poll":"500ms","committers":1}"#)
                .unwrap();
        assert_eq!(config.event_bytes_max, ByteSize::kib(64));
        assert_eq!(config.catalog_poll, Duration::from_millis(500));
        assert_eq!(config.request_events_max, 10_000);
    }

    #[test]
    fn an_unknown_setting_is_refused_by_name() {
        let error = serde_json::from_str::<Config>(r#"{"event_max":1}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `event_max`"), "{error}");
    }

    #[test]
    fn a_setting_that_could_not_work_is_named_with_what_is_accepted() {
        let config = Config { request_bytes_max: ByteSize::kib(1), ..Config::default() };
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "request_bytes_max must be from event_bytes_max to 64MiB"
        );
    }
}
