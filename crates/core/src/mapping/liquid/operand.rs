//! Operands: the values an expression works on, compared and turned into text as liquidjs does.
//!
//! `nil`, `empty` and `blank` as words are more than their values: they compare in their own way.

use std::cmp::Ordering;

use crate::json::Numbers;
use crate::mapping::meter::{Excess, Meter};
use crate::mapping::value::{Value, lone, push_number};
use crate::mapping::{is_blank, number};

#[derive(Debug, Clone)]
pub(super) enum Operand<'e> {
    Value(Value<'e>),
    Nil,
    Empty,
    Blank,
}

impl<'e> Operand<'e> {
    pub(super) const ABSENT: Operand<'static> = Operand::Value(Value::Absent);

    pub(super) fn text(text: String) -> Operand<'e> {
        Operand::Value(Value::text(text))
    }

    pub(super) fn number(number: f64) -> Operand<'e> {
        Operand::Value(Value::Number(number))
    }

    pub(super) fn bool(truth: bool) -> Operand<'e> {
        Operand::Value(Value::Bool(truth))
    }

    pub(super) fn list(items: Vec<Value<'e>>) -> Operand<'e> {
        Operand::Value(Value::array(items))
    }

    /// The value a word stands for.
    pub(super) fn plain(&self) -> Value<'e> {
        match self {
            Operand::Value(value) => value.clone(),
            Operand::Nil => Value::Null,
            Operand::Empty | Operand::Blank => Value::Str(""),
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Operand::Value(Value::Absent))
    }

    pub(super) fn is_nil(&self) -> bool {
        is_nil(&self.plain())
    }

    /// Everything but `nil` and `false`.
    pub(super) fn is_truthy(&self) -> bool {
        let value = self.plain();
        !is_nil(&value) && value.as_bool() != Some(false)
    }

    /// Truthy as ECMAScript sees it: to it a word is an object.
    pub(super) fn is_script_truthy(&self) -> bool {
        self.is_word() || is_script_truthy(&self.plain())
    }

    fn is_word(&self) -> bool {
        !matches!(self, Operand::Value(_))
    }

    pub(super) fn equals(&self, other: &Operand<'e>) -> bool {
        match (self, other) {
            (Operand::Value(one), Operand::Value(other)) => is_equal(one, other),
            (Operand::Value(_), word) => word.matches(self),
            (word, other) => word.matches(other),
        }
    }

    /// Whether a word holds for what it is compared with.
    fn matches(&self, other: &Operand<'e>) -> bool {
        let value = other.plain();
        match self {
            Operand::Nil => is_nil(&value),
            Operand::Blank if value.as_bool() == Some(false) || is_nil(&value) => true,
            _ if matches!(other, Operand::Empty | Operand::Blank) => false,
            Operand::Blank if value.as_str().is_some_and(|text| text.chars().all(is_blank)) => true,
            _ => match value.as_str() {
                Some(text) => text.is_empty(),
                None => (value.is_array() || value.is_object()) && value.members().is_empty(),
            },
        }
    }

    /// Greater or less by ECMAScript's rule; nothing compares with a word.
    pub(super) fn compare(&self, other: &Operand<'e>) -> Option<Ordering> {
        if self.is_word() || other.is_word() {
            return None;
        }
        let (one, other) = (self.plain(), other.plain());
        match (comparable_text(&one), comparable_text(&other)) {
            (Some(one), Some(other)) => Some(one.encode_utf16().cmp(other.encode_utf16())),
            _ => to_number(&one).partial_cmp(&to_number(&other)),
        }
    }

    pub(super) fn contains(&self, other: &Operand<'e>, meter: &Meter) -> Result<bool, Excess> {
        let value = self.plain();
        if value.is_array() {
            return Ok(value.items().into_iter().any(|item| Operand::Value(item).equals(other)));
        }
        let Some(text) = value.as_str() else { return Ok(false) };
        Ok(text.contains(&script_text(&other.plain(), meter)?))
    }
}

pub(super) fn is_nil(value: &Value<'_>) -> bool {
    value.is_absent() || value.is_null()
}

/// Truthy as ECMAScript sees it, where a filter asks that way.
pub(super) fn is_script_truthy(value: &Value<'_>) -> bool {
    value.is_truthy() && !value.as_f64().is_some_and(f64::is_nan)
}

fn is_equal(one: &Value<'_>, other: &Value<'_>) -> bool {
    if let (Some(one), Some(other)) = (one.as_f64(), other.as_f64()) {
        return one.partial_cmp(&other) == Some(Ordering::Equal);
    }
    if let (Some(one), Some(other)) = (one.as_str(), other.as_str()) {
        return one == other;
    }
    if let (Some(one), Some(other)) = (one.as_bool(), other.as_bool()) {
        return one == other;
    }
    if one.is_array() && other.is_array() {
        let (one, other) = (one.items(), other.items());
        return one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| is_equal(one, other));
    }
    is_same(one, other)
}

/// Objects are equal only to themselves; absent and `null` differ.
fn is_same(one: &Value<'_>, other: &Value<'_>) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => std::rc::Rc::ptr_eq(one, other),
        (Value::Node(one), Value::Node(other)) if one.raw().starts_with('{') => {
            std::ptr::eq(one.raw(), other.raw())
        }
        _ => (one.is_absent() && other.is_absent()) || (one.is_null() && other.is_null()),
    }
}

/// What compares as text: strings, and what becomes one.
fn comparable_text(value: &Value<'_>) -> Option<String> {
    if value.is_array() || value.is_object() {
        return script_text(value, &Meter::unlimited()).ok();
    }
    value.as_str().map(std::borrow::Cow::into_owned)
}

/// ECMAScript's `Number` of a value.
pub(super) fn to_number(value: &Value<'_>) -> f64 {
    if let Some(number) = value.as_f64() {
        return number;
    }
    if let Some(truth) = value.as_bool() {
        return f64::from(truth);
    }
    if let Some(text) = value.as_str() {
        return number::of_text(&text);
    }
    match value.type_name() {
        "null" => 0.0,
        "array" => script_text(value, &Meter::unlimited()).map_or(f64::NAN, |text| number::of_text(&text)),
        _ => f64::NAN,
    }
}

/// ECMAScript's `String` of a value.
pub(super) fn script_text(value: &Value<'_>, meter: &Meter) -> Result<String, Excess> {
    match value.type_name() {
        "undefined" => Ok("undefined".to_owned()),
        "null" => Ok("null".to_owned()),
        _ => {
            let mut text = String::new();
            value.write_text(Numbers::Ecmascript, meter, &mut text)?;
            Ok(text)
        }
    }
}

/// Appends a value's text as Liquid prints it: `nil` is nothing, the items of an array follow each other.
pub(super) fn write_text(
    value: &Value<'_>,
    numbers: Numbers,
    meter: &Meter,
    out: &mut String,
) -> Result<(), Excess> {
    if value.is_array() {
        meter.spend(1)?;
        return value.items().iter().try_for_each(|item| write_text(item, numbers, meter, out));
    }
    match value {
        // Unlike in JSON, what is no number is spelled out.
        Value::Number(number) => {
            push_number(*number, out);
            meter.spend(1)
        }
        other => other.write_text(numbers, meter, out),
    }
}

/// The UTF-16 units of a text from `start` up to `end`.
pub(super) fn slice_units(text: &str, start: usize, end: usize) -> String {
    if text.is_ascii() {
        return text[start.min(text.len())..end.clamp(start.min(text.len()), text.len())].to_owned();
    }
    let units: Vec<u16> = text.encode_utf16().collect();
    let end = end.min(units.len());
    String::from_utf16_lossy(&units[start.min(end)..end])
}

/// Each UTF-16 unit of a text as a text.
pub(super) fn each_unit(text: &str) -> Vec<String> {
    text.encode_utf16().map(lone).collect()
}
