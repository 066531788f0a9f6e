//! Delivery: how a destination wants its requests made; the settings an operator writes under `delivery`.
//!
//! Invariants: every value that can be read is usable (bounds are checked while reading, at the field at fault); a
//! missing setting has its default; an unknown one is an error; what is written reads back equal.

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::retry::RetryPolicy;

pub(crate) mod bounds;

/// The delivery settings of one destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// How long one attempt may take, from resolving the name to the last byte of the answer that is read.
    #[serde(serialize_with = "humantime_serde::serialize", deserialize_with = "bounds::timeout")]
    pub timeout: Duration,
    /// How many requests of one mapping may be under way at a time.
    #[serde(deserialize_with = "bounds::max_concurrency")]
    pub max_concurrency: u32,
    /// How many requests of one mapping may be started a second; no limit when absent.
    #[serde(deserialize_with = "bounds::rate_limit", skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<f64>,
    /// One request at a time, strictly in the order of arrival; a request that fails holds up what is behind it.
    pub ordered: bool,
    /// How long events wait for their batch to fill.
    #[serde(serialize_with = "humantime_serde::serialize", deserialize_with = "bounds::batch_wait")]
    pub batch_wait: Duration,
    /// How many bytes the body of a batch may have; one event alone may have more.
    #[serde(deserialize_with = "bounds::batch_bytes")]
    pub batch_bytes: usize,
    /// How many events of one mapping may wait; no limit when absent.
    #[serde(deserialize_with = "bounds::queue_events_max", skip_serializing_if = "Option::is_none")]
    pub queue_events_max: Option<u64>,
    /// How many bytes of one mapping may wait; no limit when absent.
    #[serde(deserialize_with = "bounds::queue_bytes_max", skip_serializing_if = "Option::is_none")]
    pub queue_bytes_max: Option<u64>,
    /// What happens when as much waits as may.
    pub when_full: WhenFull,
    /// When a failed request is tried again, and when no more.
    pub retry: RetryPolicy,
    /// Whether a request carries the `traceparent` of its attempt; or, when attempts are not traced, that of the call that
    /// brought its events, if it was one.
    pub propagate_traceparent: bool,
    /// Addresses a receiver may have although they are private, loopback or otherwise refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<IpNet>,
    /// Certificates of authorities that receivers' certificates may be signed by, as PEM; beside those of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Whether only those authorities are trusted, and not those of the machine.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ca_only: bool,
    /// What is shown to receivers that ask for a client certificate, as PEM, followed by its intermediates. Its private
    /// key is one of the destination's secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
}

/// What happens when as much of a mapping waits as may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// Whoever sends is refused, with the advice to come back later.
    #[default]
    Refuse,
    /// The oldest of what waits is buried.
    BuryOldest,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            max_concurrency: 8,
            rate_limit: None,
            ordered: false,
            batch_wait: Duration::from_secs(1),
            batch_bytes: 4_000_000,
            queue_events_max: None,
            queue_bytes_max: None,
            when_full: WhenFull::Refuse,
            retry: RetryPolicy::default(),
            propagate_traceparent: false,
            allow: Vec::new(),
            ca: None,
            ca_only: false,
            client_certificate: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> Result<Delivery, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_written_means_the_defaults() {
        assert_eq!(read(json!({})), Ok(Delivery::default()));
    }

    #[test]
    fn what_is_written_reads_back_equal() {
        let settings = Delivery {
            timeout: Duration::from_millis(1500),
            rate_limit: Some(2.5),
            queue_events_max: Some(1_000_000),
            queue_bytes_max: Some(2_000_000_000),
            when_full: WhenFull::BuryOldest,
            ordered: true,
            allow: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            ca: Some("-----BEGIN CERTIFICATE-----".to_owned()),
            ca_only: true,
            client_certificate: Some("-----BEGIN CERTIFICATE-----".to_owned()),
            ..Delivery::default()
        };
        assert_eq!(read(serde_json::to_value(&settings).unwrap()), Ok(settings));
    }

    #[test]
    fn durations_and_sizes_are_written_as_people_write_them() {
        let settings =
            read(json!({ "timeout": "2s 500ms", "batch_bytes": "1MB", "retry": { "within": "1day" } }))
                .unwrap();
        assert_eq!(settings.timeout, Duration::from_millis(2500));
        assert_eq!(settings.batch_bytes, 1_000_000);
        assert_eq!(settings.retry.within, Duration::from_hours(24));
        assert_eq!(settings.retry.base, RetryPolicy::default().base);
    }

    #[test]
    fn a_value_out_of_bounds_is_refused_with_what_is_accepted() {
        for (value, says) in [
            (json!({ "max_concurrency": 0 }), "from 1 to 1000"),
            (json!({ "max_concurrency": 1001 }), "from 1 to 1000"),
            (json!({ "timeout": "0s" }), "from 10ms to 15m"),
            (json!({ "timeout": "1h" }), "from 10ms to 15m"),
            (json!({ "rate_limit": 0.0 }), "more than 0"),
            (json!({ "batch_bytes": 10 }), "from 1000 to"),
            (json!({ "batch_wait": "2h" }), "up to 10m"),
            (json!({ "retry": { "max_attempts": 0 } }), "1 or more"),
            (json!({ "retry": { "base": "0s" } }), "from 1ms"),
            (json!({ "allow": ["10.0.0.0/40"] }), "invalid"),
            (json!({ "queue_events_max": 0 }), "1 or more"),
            (json!({ "queue_bytes_max": "1kB" }), "1MB or more"),
            (json!({ "when_full": "drop" }), "`refuse` or `bury_oldest`"),
            (json!({ "retries": 3 }), "unknown field `retries`"),
        ] {
            let error = read(value.clone()).unwrap_err();
            assert!(error.contains(says), "{value}: {error}");
        }
    }
}
