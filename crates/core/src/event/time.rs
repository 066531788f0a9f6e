//! Times as events carry them: ISO 8601, read to the millisecond, written as `2026-01-31T12:00:00.000Z`.

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Milliseconds since 1970 of a date, or of a date and time with an optional zone (UTC without one).
pub(super) fn parse(text: &str) -> Option<i64> {
    let mut reader = Reader(text.as_bytes());
    let date = reader.date()?;
    if reader.0.is_empty() {
        return Some(date);
    }
    reader.one_of(b"Tt ")?;
    let time = reader.time()?;
    let zone = reader.zone()?;
    reader.0.is_empty().then_some(date + time - zone)
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn date(&mut self) -> Option<i64> {
        let year = self.number(4)?;
        self.one_of(b"-")?;
        let month = self.number(2)?;
        self.one_of(b"-")?;
        let day = self.number(2)?;
        let is_date = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
        is_date.then(|| days_since_1970(year, month, day) * DAY)
    }

    fn time(&mut self) -> Option<i64> {
        let hours = self.number(2).filter(|hours| *hours < 24)?;
        self.one_of(b":")?;
        let minutes = self.number(2).filter(|minutes| *minutes < 60)?;
        let mut time = hours * HOUR + minutes * MINUTE;
        if self.one_of(b":").is_some() {
            // A leap second is the last one of its minute.
            time += self.number(2).filter(|seconds| *seconds <= 60)? * 1000;
            time += self.fraction()?;
        }
        Some(time)
    }

    /// Milliseconds of a fraction of a second, if there is one; finer digits are dropped.
    fn fraction(&mut self) -> Option<i64> {
        if self.one_of(b".,").is_none() {
            return Some(0);
        }
        let len = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(len);
        self.0 = rest;
        let place = digits.iter().zip([100, 10, 1]);
        (len > 0).then(|| place.map(|(digit, worth)| i64::from(digit - b'0') * worth).sum())
    }

    fn zone(&mut self) -> Option<i64> {
        if self.0.is_empty() || self.one_of(b"Zz").is_some() {
            return Some(0);
        }
        let sign = if self.one_of(b"+-")? == b'+' { 1 } else { -1 };
        let hours = self.number(2).filter(|hours| *hours < 24)?;
        let has_minutes = self.one_of(b":").is_some() || !self.0.is_empty();
        let minutes = if has_minutes { self.number(2).filter(|minutes| *minutes < 60)? } else { 0 };
        Some(sign * (hours * HOUR + minutes * MINUTE))
    }

    fn number(&mut self, len: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        digits
            .iter()
            .try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
    }

    fn one_of(&mut self, accepted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        accepted.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days in the 400 years after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;
/// Days from 0000-03-01, where eras start, to 1970-01-01.
const DAYS_BEFORE_1970: i64 = 719_468;

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_1970
}

/// A time's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text([u8; 24]);

impl Text {
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are ASCII")
    }
}

/// The text of milliseconds since 1970; none outside the years 0000 to 9999.
pub(super) fn format(millis: i64) -> Option<Text> {
    let days = millis.div_euclid(DAY) + DAYS_BEFORE_1970;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let time = millis.rem_euclid(DAY);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    write_digits(&mut text[0..4], year);
    write_digits(&mut text[5..7], month);
    write_digits(&mut text[8..10], day);
    write_digits(&mut text[11..13], time / HOUR);
    write_digits(&mut text[14..16], time / MINUTE % 60);
    write_digits(&mut text[17..19], time / 1000 % 60);
    write_digits(&mut text[20..23], time % 1000);
    Some(Text(text))
}

fn write_digits(place: &mut [u8], mut value: i64) {
    for byte in place.iter_mut().rev() {
        *byte = b'0' + u8::try_from(value % 10).expect("a digit");
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SecondsFormat};

    use super::{format, parse};

    #[test]
    fn times_are_read_in_every_common_form() {
        let expected = DateTime::parse_from_rfc3339("2026-02-28T23:05:09.120Z").unwrap();
        for text in [
            "2026-02-28T23:05:09.12Z",
            "2026-02-28T23:05:09.120999Z",
            "2026-02-28t23:05:09,120z",
            "2026-02-28 23:05:09.120",
            "2026-03-01T04:35:09.120+05:30",
            "2026-03-01T04:35:09.120+0530",
            "2026-02-28T21:05:09.120-02",
        ] {
            assert_eq!(parse(text), Some(expected.timestamp_millis()), "{text}");
        }
        assert_eq!(parse("1970-01-01"), Some(0));
        assert_eq!(parse("1970-01-01T00:01Z"), Some(60_000));
        assert_eq!(parse("2024-02-29T23:59:60Z"), parse("2024-03-01T00:00:00Z"));
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "now",
            "2026",
            "2026-02",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-32",
            "2026-01-01T",
            "2026-01-01T24:00Z",
            "2026-01-01T00:60Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00ZZ",
            "2026-01-01T00:00:00+1",
            "2026-01-01T00:00:00+24:00",
            "1700000000",
            "2026-01-01T00:00:0é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_of_any_year_is_written_as_chrono_writes_it_and_reads_back() {
        let mut millis = parse("0000-01-01").unwrap();
        let end = parse("9999-12-31T23:59:59.999Z").unwrap();
        while millis <= end {
            let text = format(millis).unwrap();
            let theirs = DateTime::from_timestamp_millis(millis).unwrap();
            assert_eq!(text.as_str(), theirs.to_rfc3339_opts(SecondsFormat::Millis, true));
            assert_eq!(parse(text.as_str()), Some(millis));
            millis += 29 * 86_400_000 + 3_723_004;
        }
        assert_eq!(format(end + 1), None);
        assert_eq!(format(parse("0000-01-01").unwrap() - 1), None);
    }
}
