//! Text: case, trimming, cutting, replacing. Lengths and positions count UTF-16 units.

use super::super::Failure;
use super::super::operand::{Operand, each_unit, is_script_truthy, slice_units, to_number};
use super::{Apply, Call, Filtered};
use crate::mapping::is_blank;
use crate::mapping::value::{Value, count, units};

pub(super) const FILTERS: &[(&str, Apply)] = &[
    ("append", |call| joined(call, |text, other| text + other)),
    ("prepend", |call| joined(call, |text, other| other.to_owned() + &text)),
    ("downcase", |call| with_text(call, str::to_lowercase)),
    ("upcase", |call| with_text(call, str::to_uppercase)),
    ("capitalize", |call| with_text(call, capitalized)),
    ("strip", |call| stripped(call, true, true)),
    ("lstrip", |call| stripped(call, true, false)),
    ("rstrip", |call| stripped(call, false, true)),
    ("strip_newlines", |call| with_text(call, |text| text.replace("\r\n", "\n").replace('\n', ""))),
    ("normalize_whitespace", |call| with_text(call, normalized)),
    ("replace", |call| replaced(call, all)),
    ("replace_first", |call| replaced(call, |text, pattern, by| text.replacen(pattern, by, 1))),
    ("replace_last", |call| replaced(call, last)),
    ("remove", |call| removed(call, |text, pattern| all(text, pattern, ""))),
    ("remove_first", |call| removed(call, |text, pattern| text.replacen(pattern, "", 1))),
    ("remove_last", |call| removed(call, |text, pattern| last(text, pattern, ""))),
    ("split", split),
    ("truncate", truncate),
    ("truncatewords", truncate_words),
    ("number_of_words", number_of_words),
    ("default", default),
    ("raw", |call| Ok(call.value.clone())),
];

fn with_text<'e>(call: &Call<'_, 'e>, apply: fn(&str) -> String) -> Filtered<'e> {
    let text = call.text()?;
    call.meter().spend(text.len())?;
    Ok(Operand::text(apply(&text)))
}

fn joined<'e>(call: &Call<'_, 'e>, apply: fn(String, &str) -> String) -> Filtered<'e> {
    let [other] = call.arguments.as_slice() else {
        return Err(Failure::Argument("append and prepend expect one argument"));
    };
    let (text, other) = (call.text()?, call.text_of(other)?);
    Ok(Operand::text(apply(text, &other)))
}

/// The first UTF-16 unit in upper case, the rest in lower case.
fn capitalized(text: &str) -> String {
    let rest = text.char_indices().nth(1).map_or(text.len(), |(at, _)| at);
    let first = &text[..rest];
    let first = if units(first) == 1 { first.to_uppercase() } else { first.to_owned() };
    first + &text[rest..].to_lowercase()
}

fn stripped<'e>(call: &Call<'_, 'e>, at_start: bool, at_end: bool) -> Filtered<'e> {
    let given = call.argument(0).filter(|characters| characters.is_script_truthy());
    let characters = given.map(|characters| call.text_of(characters)).transpose()?;
    let is_stripped = |character: char| match &characters {
        Some(characters) => characters.contains(character),
        None => is_blank(character),
    };
    let text = call.text()?;
    let mut rest = text.as_str();
    if at_start {
        rest = rest.trim_start_matches(is_stripped);
    }
    if at_end {
        rest = rest.trim_end_matches(is_stripped);
    }
    Ok(Operand::text(rest.to_owned()))
}

fn normalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut was_blank = false;
    for character in text.chars() {
        let is_blank = is_blank(character);
        match (is_blank, was_blank) {
            (false, _) => out.push(character),
            (true, false) => out.push(' '),
            (true, true) => {}
        }
        was_blank = is_blank;
    }
    out
}

/// Every place of a pattern; the empty pattern stands between any two units.
fn all(text: &str, pattern: &str, by: &str) -> String {
    if pattern.is_empty() { each_unit(text).join(by) } else { text.replace(pattern, by) }
}

fn last(text: &str, pattern: &str, by: &str) -> String {
    match text.rfind(pattern) {
        Some(at) => format!("{}{by}{}", &text[..at], &text[at + pattern.len()..]),
        None => text.to_owned(),
    }
}

fn replaced<'e>(call: &Call<'_, 'e>, apply: fn(&str, &str, &str) -> String) -> Filtered<'e> {
    let (text, pattern, by) = (call.text()?, call.text_at(0)?, call.text_at(1)?);
    let places = if pattern.is_empty() { text.len() + 1 } else { text.matches(pattern.as_str()).count() };
    call.meter().spend(places.saturating_mul(by.len()).saturating_add(text.len()))?;
    Ok(Operand::text(apply(&text, &pattern, &by)))
}

fn removed<'e>(call: &Call<'_, 'e>, apply: fn(&str, &str) -> String) -> Filtered<'e> {
    Ok(Operand::text(apply(&call.text()?, &call.text_at(0)?)))
}

/// The parts of a text, without empty ones at the end.
fn split<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let (text, separator) = (call.text()?, call.text_at(0)?);
    let mut parts = if separator.is_empty() {
        call.meter().spend_values(text.len())?;
        each_unit(&text)
    } else {
        call.meter().spend_values(text.matches(separator.as_str()).count() + 1)?;
        text.split(separator.as_str()).map(str::to_owned).collect()
    };
    while parts.pop_if(|part| part.is_empty()).is_some() {}
    Ok(Operand::list(parts.into_iter().map(Value::text).collect()))
}

/// An argument as text, or what stands for it when it is missing.
fn text_or(call: &Call<'_, '_>, index: usize, default: &str) -> Result<String, Failure> {
    if call.argument(index).is_some() { Ok(call.text_at(index)?) } else { Ok(default.to_owned()) }
}

fn truncate<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let (text, ellipsis) = (call.text()?, text_or(call, 1, "...")?);
    let longest = call.number_at(0, 50.0);
    let length = |text: &str| to_number(&count(units(text)));
    if length(&text) <= longest {
        return Ok(call.value.clone());
    }
    let kept = slice_units(&text, 0, position(longest - length(&ellipsis)));
    Ok(Operand::text(kept + &ellipsis))
}

fn truncate_words<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let (text, ellipsis) = (call.text()?, text_or(call, 1, "...")?);
    let mut wanted = call.number_at(0, 15.0);
    if wanted <= 0.0 {
        wanted = 1.0;
    }
    let words = words(&text);
    call.meter().spend_values(words.len())?;
    let mut kept = words[..position(wanted).min(words.len())].join(" ");
    if to_number(&count(words.len())) >= wanted {
        kept.push_str(&ellipsis);
    }
    Ok(Operand::text(kept))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; NaN is 0")]
fn position(number: f64) -> usize {
    number.max(0.0) as usize
}

/// What stands between runs of blanks; blanks at an end leave an empty word there.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_blank) {
        words.push(&rest[..at]);
        rest = rest[at..].trim_start_matches(is_blank);
    }
    words.push(rest);
    words
}

fn number_of_words<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let text = call.text()?;
    let text = text.trim_matches(is_blank);
    let mode = call.text_at(0)?;
    let is_cjk = text.chars().any(is_cjk_letter);
    let number = match mode.as_str() {
        _ if text.is_empty() => 0,
        "cjk" => cjk_words(text),
        "auto" if is_cjk => cjk_words(text),
        _ => words(text).len(),
    };
    Ok(Operand::Value(count(number)))
}

fn cjk_words(text: &str) -> usize {
    let letters = text.chars().filter(|character| is_cjk_letter(*character)).count();
    let others = text.split(|character| is_cjk_letter(character) || is_blank(character));
    letters + others.filter(|word| !word.is_empty()).count()
}

fn is_cjk_letter(character: char) -> bool {
    matches!(character, '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{3040}'..='\u{30ff}' | '\u{ac00}'..='\u{d7af}')
}

/// The input, or the argument when that is nil, false, or of no length; `allow_false: true` keeps `false`.
fn default<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let value = call.value.plain();
    let other = || call.arguments.first().cloned().unwrap_or(Operand::ABSENT);
    if value.is_array() || value.as_str().is_some() {
        let is_empty = value.as_str().map_or_else(|| value.items().is_empty(), |text| text.is_empty());
        return Ok(if is_empty { other() } else { Operand::Value(value) });
    }
    if value.as_bool() == Some(false) && allows_false(call)? {
        return Ok(Operand::bool(false));
    }
    Ok(if call.value.is_truthy() { Operand::Value(value) } else { other() })
}

fn allows_false(call: &Call<'_, '_>) -> Result<bool, Failure> {
    let mut allows = false;
    for option in call.arguments.iter().skip(1).map(Operand::plain) {
        if !option.is_array() && !option.is_object() {
            return Err(Failure::Argument("default expects allow_false as a named argument"));
        }
        if let [name, value, ..] = option.items().as_slice()
            && name.as_str().is_some_and(|name| name == "allow_false")
        {
            allows = is_script_truthy(value);
        }
    }
    Ok(allows)
}
