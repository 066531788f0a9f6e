//! Printing dates: the conversions of `strftime` as liquidjs has them, with Ruby's flags.

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::Excess;
use super::date::Moment;
use crate::mapping::meter::Meter;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The flags, width and letter of one conversion.
struct Conversion<'f> {
    flags: &'f str,
    width: &'f str,
    letter: char,
}

/// The moment as `format` says. What is no conversion is printed as it stands.
pub(super) fn print(moment: &Moment, format: &str, meter: &Meter) -> Result<String, Excess> {
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let Some((conversion, length)) = conversion(&rest[at..]) else {
            out.push('%');
            rest = &rest[at + 1..];
            continue;
        };
        match convert(moment, &conversion, meter)? {
            Some(text) => out.push_str(&padded(text, &conversion, meter)?),
            None => out.push_str(&rest[at..at + length]),
        }
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    meter.spend(out.len())?;
    Ok(out)
}

/// Reads `%`, flags, a width, a modifier and a letter, and how long that is.
fn conversion(text: &str) -> Option<(Conversion<'_>, usize)> {
    let run = |from: usize, is_part: fn(char) -> bool| {
        let rest = &text[from..];
        from + rest.find(|character| !is_part(character)).unwrap_or(rest.len())
    };
    let flags = run(1, |character| "-_0^#:".contains(character));
    let width = run(flags, |character| character.is_ascii_digit());
    let mut at = width;
    // A modifier is only one when a letter follows.
    if text[at..].starts_with(['E', 'O']) && text[at + 1..].chars().next().is_some_and(|next| next != '\n') {
        at += 1;
    }
    let letter = text[at..].chars().next().filter(|letter| *letter != '\n')?;
    let conversion = Conversion { flags: &text[1..flags], width: &text[flags..width], letter };
    Some((conversion, at + letter.len_utf8()))
}

fn convert(moment: &Moment, conversion: &Conversion<'_>, meter: &Meter) -> Result<Option<String>, Excess> {
    let at = &moment.shown;
    let weekday = at.weekday().num_days_from_sunday();
    let day_name = || DAYS[weekday as usize];
    let month_name = || MONTHS[at.month0() as usize];
    let hour = at.hour12().1;
    let half = if at.hour() < 12 { "AM" } else { "PM" };
    Ok(Some(match conversion.letter {
        'a' => day_name()[..3].to_owned(),
        'A' => day_name().to_owned(),
        'b' | 'h' => month_name()[..3].to_owned(),
        'B' => month_name().to_owned(),
        'c' => format!("{}, {}", local_date(at), local_time(at, hour, half)),
        'C' => at.year().to_string().chars().take(2).collect(),
        'd' | 'e' => at.day().to_string(),
        'H' | 'k' => at.hour().to_string(),
        'I' | 'l' => hour.to_string(),
        'j' => at.ordinal().to_string(),
        'L' => thousandths(at).to_string(),
        'm' => at.month().to_string(),
        'M' => at.minute().to_string(),
        'N' => fraction(at, conversion.width, meter)?,
        'p' => half.to_owned(),
        'P' => half.to_lowercase(),
        'q' => ordinal(at.day()).to_owned(),
        's' => seconds(at).to_string(),
        'S' => at.second().to_string(),
        'u' => at.weekday().number_from_monday().to_string(),
        'U' => week(at, 0).to_string(),
        'w' => weekday.to_string(),
        'W' => week(at, 1).to_string(),
        'x' => local_date(at),
        'X' => local_time(at, hour, half),
        'y' => at.year().to_string().chars().skip(2).take(2).collect(),
        'Y' => at.year().to_string(),
        'z' => offset(moment, conversion.flags.contains(':')),
        'Z' if moment.has_offset => offset(moment, conversion.flags.contains(':')),
        'Z' => "UTC".to_owned(),
        't' => "\t".to_owned(),
        'n' => "\n".to_owned(),
        '%' => "%".to_owned(),
        _ => return Ok(None),
    }))
}

fn padded(mut text: String, conversion: &Conversion<'_>, meter: &Meter) -> Result<String, Excess> {
    let has = |flag: char| conversion.flags.contains(flag);
    if has('^') {
        text = text.to_uppercase();
    } else if has('#') {
        let has_lower = text.contains(|character: char| character.is_ascii_lowercase());
        text = if has_lower { text.to_uppercase() } else { text.to_lowercase() };
    }
    let mut pad = if "aAbBceklpP".contains(conversion.letter) { ' ' } else { '0' };
    if has('_') {
        pad = ' ';
    } else if has('0') {
        pad = '0';
    }
    let width = match conversion.width.parse() {
        _ if has('-') => 0,
        Ok(0) | Err(_) if conversion.width.trim_start_matches('0').is_empty() => {
            usual_width(conversion.letter)
        }
        Ok(width) => width,
        Err(_) => usize::MAX,
    };
    let missing = width.saturating_sub(text.chars().count());
    meter.spend(missing)?;
    Ok(std::iter::repeat_n(pad, missing).collect::<String>() + &text)
}

fn usual_width(letter: char) -> usize {
    match letter {
        'd' | 'e' | 'H' | 'I' | 'k' | 'l' | 'm' | 'M' | 'S' | 'U' | 'W' => 2,
        'j' | 'L' => 3,
        _ => 0,
    }
}

fn thousandths(at: &NaiveDateTime) -> i64 {
    at.and_utc().timestamp_millis().rem_euclid(1000)
}

fn seconds(at: &NaiveDateTime) -> i64 {
    (at.and_utc().timestamp_millis() + 500).div_euclid(1000)
}

fn fraction(at: &NaiveDateTime, width: &str, meter: &Meter) -> Result<String, Excess> {
    let width = width.parse().ok().filter(|width| *width > 0).unwrap_or(9usize);
    meter.spend(width)?;
    let digits: String = format!("{:03}", thousandths(at)).chars().take(width).collect();
    Ok(format!("{digits:0<width$}"))
}

fn ordinal(day: u32) -> &'static str {
    match (day, day % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}

/// The week of the year, counted from the first Sunday (0) or Monday (1).
fn week(at: &NaiveDateTime, first: i64) -> i64 {
    let weekday = i64::from(at.weekday().num_days_from_sunday());
    let day = i64::from(at.ordinal());
    let new_year = (weekday - (day - 1)).rem_euclid(7);
    let (now, then) = (day + first - weekday, 7 - new_year + first);
    (now - then).div_euclid(7) + 1
}

fn local_date(at: &NaiveDateTime) -> String {
    format!("{}/{}/{}", at.month(), at.day(), at.year())
}

/// As Node prints a time in English.
fn local_time(at: &NaiveDateTime, hour: u32, half: &str) -> String {
    format!("{hour}:{:02}:{:02} {half}", at.minute(), at.second())
}

fn offset(moment: &Moment, has_colon: bool) -> String {
    let sign = if moment.behind > 0 { '-' } else { '+' };
    let minutes = moment.behind.unsigned_abs();
    format!("{sign}{:02}{}{:02}", minutes / 60, if has_colon { ":" } else { "" }, minutes % 60)
}
