//! Arithmetic, in doubles. What is no number counts 0.

use super::super::operand::{Operand, is_nil, to_number};
use super::super::render::own;
use super::{Apply, Call, Filtered};
use crate::mapping::value::Value;

pub(super) const FILTERS: &[(&str, Apply)] = &[
    ("abs", |call| Ok(one(call, f64::abs))),
    ("ceil", |call| Ok(one(call, f64::ceil))),
    ("floor", |call| Ok(one(call, f64::floor))),
    ("round", |call| Ok(round(call))),
    ("plus", |call| Ok(two(call, |one, other| one + other))),
    ("minus", |call| Ok(two(call, |one, other| one - other))),
    ("times", |call| Ok(two(call, |one, other| one * other))),
    ("modulo", |call| Ok(two(call, |one, other| ((one % other) + other) % other))),
    ("divided_by", |call| Ok(divided_by(call))),
    ("at_least", |call| Ok(all(call, f64::max))),
    ("at_most", |call| Ok(all(call, f64::min))),
    ("to_integer", |call| Ok(Operand::number(to_number(&call.value.plain())))),
    ("sum", sum),
];

fn counted(operand: &Operand<'_>) -> f64 {
    let number = to_number(&operand.plain());
    if number.is_nan() { 0.0 } else { number }
}

fn one<'e>(call: &Call<'_, 'e>, apply: fn(f64) -> f64) -> Operand<'e> {
    Operand::number(apply(counted(&call.value)))
}

/// Without a second number the result is none.
fn two<'e>(call: &Call<'_, 'e>, apply: fn(f64, f64) -> f64) -> Operand<'e> {
    let other = call.arguments.first().map_or(f64::NAN, counted);
    Operand::number(apply(counted(&call.value), other))
}

fn all<'e>(call: &Call<'_, 'e>, apply: fn(f64, f64) -> f64) -> Operand<'e> {
    Operand::number(call.arguments.iter().map(counted).fold(counted(&call.value), apply))
}

fn divided_by<'e>(call: &Call<'_, 'e>) -> Operand<'e> {
    let is_whole = call.arguments.get(1).is_some_and(|argument| counted(argument) != 0.0);
    two(call, if is_whole { |one, other| (one / other).floor() } else { |one, other| one / other })
}

/// Half up, after a nudge that makes decimal halves halves.
fn round<'e>(call: &Call<'_, 'e>) -> Operand<'e> {
    let factor = 10f64.powf(call.argument(0).map_or(0.0, counted));
    let scaled = counted(&call.value) * factor * (1.0 + f64::EPSILON);
    let whole = scaled.floor();
    let rounded = if scaled - whole >= 0.5 { whole + 1.0 } else { whole };
    Operand::number(rounded / factor)
}

fn sum<'e>(call: &Call<'_, 'e>) -> Filtered<'e> {
    let property = call.argument(0).filter(|property| property.is_script_truthy());
    let property = property.map(|property| call.text_of(property)).transpose()?;
    let mut sum = 0.0;
    for item in call.list()? {
        let value = match &property {
            Some(path) => path.split('.').fold(item, |value, name| member(value, name)),
            None => item,
        };
        let number = to_number(&value);
        sum += if number.is_nan() { 0.0 } else { number };
    }
    Ok(Operand::number(sum))
}

fn member<'e>(value: Value<'e>, name: &str) -> Value<'e> {
    if is_nil(&value) { value } else { own(&value, name) }
}
