//! The bounds of the delivery settings, checked while they are read, so that an error stands at its field.

use std::fmt::Display;
use std::time::Duration;

use bytesize::ByteSize;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

const TIMEOUT_MIN: Duration = Duration::from_millis(10);
const TIMEOUT_MAX: Duration = Duration::from_mins(15);
const BATCH_WAIT_MAX: Duration = Duration::from_mins(10);
const BATCH_BYTES_MIN: u64 = 1_000;
const BATCH_BYTES_MAX: u64 = 32_000_000;
const QUEUE_BYTES_MIN: u64 = 1_000_000;
const WITHIN_MAX: Duration = Duration::from_hours(24 * 30);
const DELAY_MIN: Duration = Duration::from_millis(1);
const DELAY_MAX: Duration = Duration::from_hours(24);

fn accept<T, E: Error>(value: T, holds: bool, accepted: impl Display) -> Result<T, E> {
    if holds { Ok(value) } else { Err(E::custom(format_args!("out of bounds: accepted is {accepted}"))) }
}

pub(crate) fn timeout<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let value: Duration = humantime_serde::deserialize(from)?;
    accept(value, (TIMEOUT_MIN..=TIMEOUT_MAX).contains(&value), "a duration from 10ms to 15m")
}

pub(crate) fn max_concurrency<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let value = u32::deserialize(from)?;
    accept(value, (1..=1000).contains(&value), "a number from 1 to 1000")
}

pub(crate) fn rate_limit<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    let value = Option::<f64>::deserialize(from)?;
    let holds = value.is_none_or(|rate| rate > 0.0 && rate.is_finite());
    accept(value, holds, "a number of requests a second that is more than 0")
}

pub(crate) fn batch_wait<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let value: Duration = humantime_serde::deserialize(from)?;
    accept(value, value <= BATCH_WAIT_MAX, "a duration up to 10m")
}

pub(crate) fn batch_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    let value = ByteSize::deserialize(from)?.as_u64();
    let holds = (BATCH_BYTES_MIN..=BATCH_BYTES_MAX).contains(&value);
    let value = accept(value, holds, "a size from 1000 to 32000000 bytes")?;
    usize::try_from(value).map_err(Error::custom)
}

pub(crate) fn queue_events_max<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let value = Option::<u64>::deserialize(from)?;
    accept(value, value.is_none_or(|events| events >= 1), "a number of 1 or more")
}

pub(crate) fn queue_bytes_max<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let value = Option::<ByteSize>::deserialize(from)?.map(|size| size.as_u64());
    accept(value, value.is_none_or(|bytes| bytes >= QUEUE_BYTES_MIN), "a size of 1MB or more")
}

pub(crate) fn within<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let value: Duration = humantime_serde::deserialize(from)?;
    accept(value, value <= WITHIN_MAX, "a duration up to 30days")
}

pub(crate) fn max_attempts<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let value = u32::deserialize(from)?;
    accept(value, value >= 1, "a number of 1 or more")
}

pub(crate) fn delay<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let value: Duration = humantime_serde::deserialize(from)?;
    accept(value, (DELAY_MIN..=DELAY_MAX).contains(&value), "a duration from 1ms to 1day")
}
