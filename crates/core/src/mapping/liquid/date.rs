//! Dates: texts that ECMAScript's `Date` reads, and moments with an offset. What names no zone is UTC.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::Failure;
use super::operand::to_number;
use crate::mapping::value::Value;

/// A moment as it is shown: shifted by its offset.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) shown: NaiveDateTime,
    /// Minutes that the zone is behind UTC, as ECMAScript counts them.
    pub(super) behind: i64,
    /// Whether an offset was asked for, so that it is not simply the machine's zone.
    pub(super) has_offset: bool,
}

/// The range of ECMAScript's dates, in milliseconds.
const MILLISECONDS_MAX: f64 = 8.64e15;

impl Moment {
    /// Nothing when it lies beyond what ECMAScript can say, or has an offset that is none.
    pub(super) fn new(milliseconds: f64, behind: Option<f64>) -> Option<Moment> {
        let minutes = behind.unwrap_or(0.0);
        if milliseconds.is_nan() || milliseconds.abs() > MILLISECONDS_MAX || minutes.is_nan() {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the first is checked, the second saturates")]
        let (milliseconds, minutes) = (milliseconds as i64, minutes as i64);
        let utc = DateTime::from_timestamp_millis(milliseconds)?;
        let shown = utc.naive_utc().checked_sub_signed(TimeDelta::try_minutes(minutes)?)?;
        Some(Moment { shown, behind: minutes, has_offset: behind.is_some() })
    }
}

/// An offset in minutes behind UTC. Names of zones would need their history; only those of UTC are known.
pub(super) fn offset(value: &Value<'_>) -> Result<f64, Failure> {
    match value.as_str().as_deref() {
        Some("UTC" | "GMT" | "Etc/UTC" | "Etc/GMT") => Ok(0.0),
        Some(_) => Err(Failure::Argument("date knows no time zones by name but UTC: give minutes")),
        None => Ok(to_number(value)),
    }
}

/// The milliseconds since 1970 that a text names.
pub(super) fn parse(text: &str) -> Option<f64> {
    iso(text).or_else(|| loose(text))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn milliseconds(date: NaiveDate, time: NaiveTime, ahead: i64) -> Option<f64> {
    let moment = date.and_time(time).and_utc().timestamp_millis();
    Some(moment.checked_sub(ahead.checked_mul(60_000)?)? as f64)
}

/// `2024`, `2024-03`, `2024-03-05`, and with `T10:11`, `:12`, `.345` and a zone.
fn iso(text: &str) -> Option<f64> {
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |month| digits(month, 2))?;
    let day = parts.next().map_or(Some(1), |day| digits(day, 2))?;
    let date =
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day).filter(|_| parts.next().is_none())?;
    let Some(time) = time else { return milliseconds(date, NaiveTime::MIN, 0) };
    let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_at);
    let ahead = match zone {
        "" | "Z" => 0,
        _ => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            signed(zone, i64::from(digits(hours, 2)? * 60 + digits(minutes, 2)?))
        }
    };
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let (second, fraction) = match parts.next() {
        Some(seconds) => seconds.split_once('.').map_or((digits(seconds, 2)?, ""), |(whole, fraction)| {
            (digits(whole, 2).unwrap_or(u32::MAX), fraction)
        }),
        None => (0, ""),
    };
    if parts.next().is_some() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{fraction:0<3}")[..3].parse().ok()?;
    if (hour, minute, second, thousandths) == (24, 0, 0, 0) {
        return milliseconds(date.succ_opt()?, NaiveTime::MIN, ahead);
    }
    milliseconds(date, NaiveTime::from_hms_milli_opt(hour, minute, second, thousandths)?, ahead)
}

fn digits(text: &str, count: usize) -> Option<u32> {
    if text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

fn signed(zone: &str, minutes: i64) -> i64 {
    if zone.starts_with('-') { -minutes } else { minutes }
}

/// What a loosely written date was found to hold.
#[derive(Default)]
struct Found {
    numbers: Vec<u32>,
    month: Option<u32>,
    clock: Vec<u32>,
    thousandths: u32,
    is_afternoon: Option<bool>,
    ahead: Option<i64>,
}

/// Other ways to write a date that V8 reads: `March 5, 2024`, `5 Mar 2024 10:11:12 GMT`, `3/5/2024`,
/// `2024-03-05 10:11`.
fn loose(text: &str) -> Option<f64> {
    let mut found = Found::default();
    let mut rest = without_parentheses(text);
    while let Some(first) = rest.trim_start_matches([' ', ',', '.', '/']).chars().next() {
        let trimmed = rest.trim_start_matches([' ', ',', '.', '/']);
        let taken = if first.is_ascii_digit() {
            number(trimmed, &mut found)?
        } else if first.is_ascii_alphabetic() {
            word(trimmed, &mut found)?
        } else if matches!(first, '+' | '-') {
            sign(trimmed, &mut found)?
        } else {
            return None;
        };
        rest = trimmed[taken..].to_owned();
    }
    assemble(&found)
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0;
    let keep = |character: &char| {
        depth += i32::from(*character == '(');
        let is_kept = depth == 0;
        depth -= i32::from(*character == ')' && depth > 0);
        is_kept
    };
    text.chars().filter(keep).collect()
}

fn run(text: &str, is_part: fn(char) -> bool) -> &str {
    &text[..text.find(|character| !is_part(character)).unwrap_or(text.len())]
}

/// A number of the date, or with colons a time of day.
fn number(text: &str, found: &mut Found) -> Option<usize> {
    let clock = run(text, |character| character.is_ascii_digit() || character == ':');
    if !clock.contains(':') {
        found.numbers.push(clock.parse().ok()?);
        return Some(clock.len());
    }
    if !found.clock.is_empty() {
        return None;
    }
    for part in clock.split(':') {
        found.clock.push(part.parse().ok()?);
    }
    let mut length = clock.len();
    if let Some(fraction) = text[length..].strip_prefix('.') {
        let fraction = run(fraction, |character| character.is_ascii_digit());
        found.thousandths = format!("{fraction:0<3}")[..3].parse().ok()?;
        length += 1 + fraction.len();
    }
    Some(length)
}

fn word(text: &str, found: &mut Found) -> Option<usize> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    const ZONES: [(&str, i64); 11] = [
        ("utc", 0),
        ("gmt", 0),
        ("ut", 0),
        ("est", -300),
        ("edt", -240),
        ("cst", -360),
        ("cdt", -300),
        ("mst", -420),
        ("mdt", -360),
        ("pst", -480),
        ("pdt", -420),
    ];
    let word = run(text, |character| character.is_ascii_alphabetic());
    let lower = word.to_ascii_lowercase();
    let start = lower.get(..3).unwrap_or(&lower);
    if let Some(month) = (1..).zip(MONTHS).find(|(_, name)| *name == start) {
        found.month = Some(month.0);
    } else if let Some((_, ahead)) = ZONES.iter().find(|(name, _)| *name == lower) {
        found.ahead = Some(*ahead);
    } else if lower == "am" || lower == "pm" {
        found.is_afternoon = Some(lower == "pm");
    } else if lower == "z" {
        found.ahead = Some(0);
    } else if !(DAYS.contains(&start) || lower == "t" || found.numbers.is_empty()) {
        return None;
    }
    Some(word.len())
}

/// A zone after the time of day, else a dash between the numbers of the date.
fn sign(text: &str, found: &mut Found) -> Option<usize> {
    if found.clock.is_empty() && found.ahead.is_none() {
        return text.starts_with('-').then_some(1);
    }
    let zone = run(&text[1..], |character| character.is_ascii_digit() || character == ':');
    let plain = zone.replace(':', "");
    let value: i64 = plain.parse().ok()?;
    let minutes = if plain.len() <= 2 { value * 60 } else { value / 100 * 60 + value % 100 };
    found.ahead = Some(signed(text, minutes));
    Some(1 + zone.len())
}

fn assemble(found: &Found) -> Option<f64> {
    let numbers = found.numbers.as_slice();
    let (year, month, day) = match (found.month, numbers) {
        (Some(month), [year]) if *year > 31 => (*year, month, 1),
        (Some(month), [day]) => (2001, month, *day),
        (Some(month), [one, other]) if *one > 31 => (*one, month, *other),
        (Some(month), [day, year]) => (*year, month, *day),
        (None, [year, month, day]) if *year > 31 => (*year, *month, *day),
        (None, [month, day, year]) => (*year, *month, *day),
        (None, [year, month]) if *year > 31 => (*year, *month, 1),
        (None, [month, day]) => (2001, *month, *day),
        _ => return None,
    };
    let year = match year {
        0..=49 => year + 2000,
        50..=99 => year + 1900,
        _ => year,
    };
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let clock = |index: usize| found.clock.get(index).copied().unwrap_or(0);
    let hour = match (found.is_afternoon, clock(0)) {
        (Some(_), 13..) => return None,
        (Some(is_afternoon), hour) => hour % 12 + 12 * u32::from(is_afternoon),
        (None, hour) => hour,
    };
    let time = NaiveTime::from_hms_milli_opt(hour, clock(1), clock(2), found.thousandths)?;
    milliseconds(date, time, found.ahead.unwrap_or(0))
}
