//! Measure: times, counts and sizes as people read them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

/// What stands where there is nothing to say.
pub(crate) const NOTHING: &str = "–";

/// This machine's time, to say how long ago something was.
#[expect(clippy::disallowed_methods, reason = "only for telling people how long ago something was")]
pub(crate) fn now() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}

/// A time of the contract.
pub(crate) fn time(timestamp: Option<Timestamp>) -> Option<DateTime<Utc>> {
    let timestamp = timestamp?;
    DateTime::from_timestamp(timestamp.seconds, u32::try_from(timestamp.nanos).ok()?)
}

/// A time for the contract.
pub(crate) fn timestamp(time: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp { seconds: time.timestamp(), nanos }
}

/// A duration of the contract; never negative.
pub(crate) fn duration(duration: Option<prost_types::Duration>) -> Option<Duration> {
    Duration::try_from(duration?).ok()
}

/// A duration for the contract.
pub(crate) fn proto_duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// `2026-11-23 19:40:12`, in UTC.
pub(crate) fn at(timestamp: Option<Timestamp>) -> String {
    time(timestamp).map_or_else(|| NOTHING.to_owned(), |time| time.format("%Y-%m-%d %H:%M:%S").to_string())
}

/// `in 12s`, `3m ago`.
pub(crate) fn from_now(timestamp: Option<Timestamp>) -> String {
    let Some(time) = time(timestamp) else { return NOTHING.to_owned() };
    let away = time - now();
    match (away.to_std(), (-away).to_std()) {
        (Ok(ahead), _) if ahead.as_secs() > 0 => format!("in {}", age(ahead)),
        (_, Ok(ago)) if ago.as_secs() > 0 => format!("{} ago", age(ago)),
        _ => "now".to_owned(),
    }
}

/// The two largest units: `3d 4h`, `2m 5s`, `12s`; below a second in milliseconds.
pub(crate) fn age(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units =
        [("d", seconds / 86_400), ("h", seconds / 3600 % 24), ("m", seconds / 60 % 60), ("s", seconds % 60)];
    match units.iter().position(|(_, count)| *count > 0) {
        None if duration.is_zero() => "0s".to_owned(),
        None => format!("{}ms", duration.as_millis()),
        Some(first) => {
            let shown = units[first..].iter().take(2).filter(|(_, count)| *count > 0);
            shown.map(|(unit, count)| format!("{count}{unit}")).collect::<Vec<_>>().join(" ")
        }
    }
}

/// `12.3 ms`, `1.25 s`.
pub(crate) fn latency(duration: Option<Duration>) -> String {
    duration.map_or_else(
        || NOTHING.to_owned(),
        |latency| match latency.as_secs_f64() {
            seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
            seconds => format!("{:.1} ms", seconds * 1000.0),
        },
    )
}

/// `12,345`.
pub(crate) fn count(number: impl Into<i128>) -> String {
    let digits = number.into().to_string();
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    format!("{sign}{}", groups.join(","))
}

/// `1 event`, `12,345 events`.
pub(crate) fn counted(number: impl Into<i128>, one: &str) -> String {
    let number = number.into();
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `1.2 MB`.
pub(crate) fn bytes(number: i64) -> String {
    let mut units = ["B", "kB", "MB", "GB", "TB"].iter();
    #[expect(clippy::cast_precision_loss, reason = "a size for people")]
    let mut size = number as f64;
    let mut unit = units.next().copied().unwrap_or_default();
    while size >= 1000.0
        && let Some(next) = units.next()
    {
        size /= 1000.0;
        unit = next;
    }
    if unit == "B" { format!("{number} B") } else { format!("{size:.1} {unit}") }
}

/// `1,234/s`; below ten with a decimal.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second <= 0.0 {
        return NOTHING.to_owned();
    }
    if per_second < 10.0 {
        return format!("{per_second:.1}/s");
    }
    #[expect(clippy::cast_possible_truncation, reason = "a rate for people")]
    let whole = per_second.round() as i64;
    format!("{}/s", count(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_show_their_two_largest_units() {
        for (seconds, shown) in
            [(0.0, "0s"), (0.25, "250ms"), (59.9, "59s"), (125.0, "2m 5s"), (273_600.0, "3d 4h")]
        {
            assert_eq!(age(Duration::from_secs_f64(seconds)), shown);
        }
        assert_eq!(age(Duration::from_secs(3605)), "1h");
    }

    #[test]
    fn counts_sizes_and_rates_are_readable() {
        assert_eq!(
            (count(0), count(999), count(-1_234_567)),
            ("0".into(), "999".into(), "-1,234,567".into())
        );
        assert_eq!(
            [0, 1, 1000].map(|number| counted(number, "event")),
            ["0 events", "1 event", "1,000 events"]
        );
        assert_eq!((bytes(12), bytes(1_234_567)), ("12 B".to_owned(), "1.2 MB".to_owned()));
        assert_eq!(
            (rate(0.0), rate(1.26), rate(12_345.6)),
            (NOTHING.into(), "1.3/s".into(), "12,346/s".into())
        );
    }
}
