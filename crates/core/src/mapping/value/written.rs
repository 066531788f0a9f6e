//! Written: a value as the text that a template prints, and as JSON.
//!
//! Invariants: what is written is spent from the meter; an absent value is never written.

use std::borrow::Borrow;
use std::fmt;

use super::super::meter::{Excess, Meter};
use super::{Value, in_order};
use crate::json::{Kind, Numbers, number_text, write_number, write_string};

impl Value<'_> {
    /// Appends the value's text as a template prints it. Absent and `null` print nothing.
    pub(crate) fn write_text(&self, numbers: Numbers, meter: &Meter, out: &mut String) -> Result<(), Excess> {
        let before = out.len();
        match self {
            Value::Absent | Value::Null => {}
            Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Value::Number(number) => push_number(*number, out),
            Value::Str(text) => out.push_str(text),
            Value::Text(text) => out.push_str(text),
            Value::Object(_) => out.push_str("[object Object]"),
            Value::Array(items) => join(items.iter(), numbers, meter, out)?,
            Value::Node(node) => match node.kind() {
                Kind::Null => {}
                Kind::String => out.push_str(&node.as_str().unwrap_or_default()),
                Kind::Object => out.push_str("[object Object]"),
                Kind::Array => join(node.items().map(Value::Node), numbers, meter, out)?,
                Kind::Bool | Kind::Number => node.write(numbers, out),
            },
        }
        meter.spend(out.len() - before)
    }

    /// Appends the JSON text. Answers whether there was anything to write.
    pub(crate) fn write_json(
        &self,
        numbers: Numbers,
        meter: &Meter,
        out: &mut String,
    ) -> Result<bool, Excess> {
        let before = out.len();
        match self {
            Value::Absent => return Ok(false),
            Value::Null => out.push_str("null"),
            Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Value::Number(number) => write_number(*number, out),
            Value::Str(text) => write_string(text, out),
            Value::Text(text) => write_string(text, out),
            Value::Node(node) => node.write(numbers, out),
            Value::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    if !item.write_json(numbers, meter, out)? {
                        out.push_str("null");
                    }
                }
                out.push(']');
            }
            Value::Object(members) => {
                out.push('{');
                for (key, value) in in_order(members).into_iter().filter(|(_, value)| !value.is_absent()) {
                    if !out.ends_with('{') {
                        out.push(',');
                    }
                    write_string(key, out);
                    out.push(':');
                    value.write_json(numbers, meter, out)?;
                }
                out.push('}');
            }
        }
        // Nested text is counted once a level: what is deep and large costs more, which is what it is.
        meter.spend(out.len() - before)?;
        Ok(true)
    }

    /// The JSON text of the value; nothing when it is absent.
    pub fn to_json(&self, numbers: Numbers) -> Option<String> {
        let mut out = String::new();
        self.write_json(numbers, &Meter::unlimited(), &mut out).ok().filter(|is_there| *is_there).map(|_| out)
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_json(Numbers::Ecmascript).as_deref().unwrap_or("absent"))
    }
}

/// Appends a number's text; unlike JSON, `NaN` and `Infinity` are spelled out.
pub(in crate::mapping) fn push_number(number: f64, out: &mut String) {
    out.push_str(number_text(number).as_ref());
}

fn join<'e, V: Borrow<Value<'e>>>(
    items: impl Iterator<Item = V>,
    numbers: Numbers,
    meter: &Meter,
    out: &mut String,
) -> Result<(), Excess> {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        item.borrow().write_text(numbers, meter, out)?;
    }
    Ok(())
}
