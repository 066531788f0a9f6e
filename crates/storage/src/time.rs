//! Time: durations as Postgres takes them.

use std::time::Duration;

use sqlx::postgres::types::PgInterval;

/// A hundred years: what is longer is as long, and still a time that Postgres has.
const LONGEST: i64 = 100 * 365 * 86_400 * 1_000_000;

/// A duration as an interval.
pub(crate) fn interval(duration: Duration) -> PgInterval {
    let microseconds = i64::try_from(duration.as_micros()).unwrap_or(LONGEST).min(LONGEST);
    PgInterval { months: 0, days: 0, microseconds }
}
