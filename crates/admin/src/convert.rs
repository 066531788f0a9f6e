//! Convert: times and durations as the contract has them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use prost_types::{Duration as ProtoDuration, Timestamp};
use tonic::Status;

use crate::status;

/// A moment.
pub(crate) fn timestamp(time: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp { seconds: time.timestamp(), nanos }
}

/// A span of time that a caller gave.
pub(crate) fn duration(field: &str, given: Option<ProtoDuration>) -> Result<Option<Duration>, Status> {
    let Some(given) = given else { return Ok(None) };
    let duration = u64::try_from(given.seconds).ok().zip(u32::try_from(given.nanos).ok());
    match duration {
        Some((seconds, nanos)) if nanos < 1_000_000_000 => Ok(Some(Duration::new(seconds, nanos))),
        _ => Err(status::invalid(field, "it is a span of time that is not negative")),
    }
}
