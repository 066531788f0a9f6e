//! Lists: joining, taking from, adding to, choosing.

use super::super::expression;
use super::super::operand::{Operand, is_nil, script_text, slice_units, to_number};
use super::super::render::{element, own, property};
use super::{Apply, Call, Filtered};
use crate::json::number_text;
use crate::mapping::value::{Value, count, units};

pub(super) const FILTERS: &[(&str, Apply)] = &[
    ("join", join),
    ("first", |call| Ok(Operand::Value(end(call, 0.0)))),
    ("last", |call| Ok(Operand::Value(end(call, -1.0)))),
    ("size", |call| Ok(Operand::Value(size(&call.value)))),
    ("compact", |call| Ok(Operand::list(call.list()?.into_iter().filter(|item| !is_nil(item)).collect()))),
    ("push", |call| changed(call, Vec::push)),
    ("unshift", |call| changed(call, |items, item| items.insert(0, item))),
    ("pop", |call| changed(call, |items, _| drop(items.pop()))),
    ("shift", |call| changed(call, |items, _| drop((!items.is_empty()).then(|| items.remove(0))))),
    ("slice", slice),
    ("where", choose),
    ("sample", sample),
];

fn join<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let items = call.list()?;
    let separator = match call.argument(0) {
        Some(separator) if !separator.is_nil() => call.text_of(separator)?,
        _ => " ".to_owned(),
    };
    call.meter().spend(separator.len().saturating_mul(items.len()))?;
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(&separator);
        }
        if !is_nil(item) {
            out.push_str(&script_text(item, call.meter())?);
        }
    }
    Ok(Operand::text(out))
}

/// The first or last item of what has a length: a list, a text that is not empty, an object that says so.
fn end<'e>(call: &Call<'_, 'e>, index: f64) -> Value<'e> {
    let value = call.value.plain();
    if value.is_array() {
        return element(&value, index);
    }
    let length = if value.is_truthy() { own(&value, "length").as_f64() } else { None };
    length.map_or(Value::Str(""), |length| {
        let index = if index < 0.0 { length + index } else { index };
        own(&value, number_text(index).as_str())
    })
}

fn size<'e>(value: &Operand<'e>) -> Value<'e> {
    let Operand::Value(value) = value else { return Value::Number(0.0) };
    if value.is_array() {
        return count(value.items().len());
    }
    if let Some(text) = value.as_str() {
        return count(units(&text));
    }
    let length = own(value, "length");
    if length.is_truthy() { length } else { Value::Number(0.0) }
}

fn changed<'e>(call: &Call<'_, 'e>, change: fn(&mut Vec<Value<'e>>, Value<'e>)) -> Filtered<'e> {
    let mut items = call.list()?;
    change(&mut items, call.arguments.first().map_or(Value::Absent, Operand::plain));
    Ok(Operand::list(items))
}

fn slice<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let value = call.value.plain();
    if is_nil(&value) {
        return Ok(Operand::list(Vec::new()));
    }
    let items = value.is_array().then(|| value.items());
    let text = if items.is_none() { call.text()? } else { String::new() };
    let length = items.as_ref().map_or_else(|| units(&text), Vec::len);
    let Some((start, end)) = bounds(call, length)? else {
        return Ok(if items.is_some() { Operand::list(Vec::new()) } else { Operand::Value(Value::Str("")) });
    };
    Ok(match items {
        Some(items) => {
            call.meter().spend_values(end.saturating_sub(start))?;
            Operand::list(items.into_iter().take(end).skip(start).collect())
        }
        None => Operand::text(slice_units(&text, start, end)),
    })
}

/// Where a slice starts and ends; nothing when it starts before the first or is shorter than nothing.
fn bounds(call: &Call<'_, '_>, length: usize) -> Result<Option<(usize, usize)>, super::Excess> {
    let total = to_number(&count(length));
    let mut start = call.number_at(0, f64::NAN);
    let taken = call.number_at(1, 1.0);
    let is_counted_back = start < 0.0;
    if is_counted_back {
        start += total;
    }
    if start < 0.0 || taken < 0.0 {
        return Ok(None);
    }
    // Compat: a start that is a text is not added to the length but followed by it.
    let texts = [call.argument(0), call.argument(1)].map(|argument| argument.map(Operand::plain));
    let is_text = |value: &Option<Value<'_>>| value.as_ref().is_some_and(|value| value.as_str().is_some());
    let end = if (is_text(&texts[0]) && !is_counted_back) || is_text(&texts[1]) {
        let first = if is_counted_back {
            number_text(start).as_str().to_owned()
        } else {
            script_text(texts[0].as_ref().unwrap_or(&Value::Absent), call.meter())?
        };
        let second =
            texts[1].as_ref().map_or(Ok("1".to_owned()), |second| script_text(second, call.meter()))?;
        crate::mapping::number::of_text(&(first + &second))
    } else {
        start + taken
    };
    // An end below nothing counts from the last.
    let end = if end < 0.0 { end + total } else { end };
    Ok(Some((position(start, length), position(end, length))))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; NaN is 0")]
fn position(number: f64, length: usize) -> usize {
    (number.max(0.0) as usize).min(length)
}

/// The items whose property equals a value, or is truthy when none is given.
fn choose<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let path = expression::path(&call.text_at(0)?)?;
    let expected = call.argument(1);
    let mut chosen = Vec::new();
    for item in call.list()? {
        let value = match &path {
            Some(path) => property(path, &item, call.scope)?,
            None => Operand::ABSENT,
        };
        if expected.map_or_else(|| value.is_truthy(), |expected| value.equals(expected)) {
            chosen.push(item);
        }
    }
    Ok(Operand::list(chosen))
}

/// Some of a list or of a text's characters. Core knows no chance: the event's own text decides where it starts.
fn sample<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let value = call.value.plain();
    if is_nil(&value) {
        return Ok(Operand::list(Vec::new()));
    }
    let mut items = if value.is_array() {
        value.items()
    } else {
        call.text()?.chars().map(|character| Value::text(character.to_string())).collect()
    };
    call.meter().spend_values(items.len())?;
    let seed = call
        .scope
        .root
        .raw()
        .bytes()
        .fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    if !items.is_empty() {
        let middle = seed % items.len();
        items.rotate_left(middle);
    }
    let wanted = call.number_at(0, 1.0);
    if (wanted - 1.0).abs() < f64::EPSILON {
        return Ok(Operand::Value(items.into_iter().next().unwrap_or(Value::Absent)));
    }
    items.truncate(position(wanted, items.len()));
    Ok(Operand::list(items))
}
