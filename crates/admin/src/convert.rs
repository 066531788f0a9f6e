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

/// A span of time.
pub(crate) fn elapsed(duration: Duration) -> ProtoDuration {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    ProtoDuration { seconds, nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default() }
}

/// A moment that a caller gave.
pub(crate) fn moment(field: &str, given: Option<Timestamp>) -> Result<Option<DateTime<Utc>>, Status> {
    let Some(given) = given else { return Ok(None) };
    let nanos = u32::try_from(given.nanos).ok();
    let moment = nanos.and_then(|nanos| DateTime::from_timestamp(given.seconds, nanos));
    let years = 0..=9999;
    let moment = moment.filter(|moment| years.contains(&chrono::Datelike::year(moment)));
    moment.map(Some).ok_or_else(|| status::invalid(field, "it is no time between the years 0 and 9999"))
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
