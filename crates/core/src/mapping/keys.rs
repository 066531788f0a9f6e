//! Keys: the order in which ECMAScript walks an object, and the names of kinds as messages print them.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::json::array_index;

/// The members of an object with whole-number keys first, ascending, then all others as they were inserted.
pub(super) fn in_order(object: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(key, _)| rank(key));
    members
}

/// Sorts (stably) as ECMAScript orders keys.
pub(super) fn rank(key: &str) -> u64 {
    array_index(key).map_or(u64::MAX, u64::from)
}

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Truthy as ECMAScript sees a value of the mapping as it is written.
pub(super) fn is_truthy(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(truth)) => *truth,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(_) | Value::Object(_)) => true,
    }
}

/// A mapping as an object: an array or a string is one keyed `0`, `1`, …; a number or boolean is empty.
pub(super) fn as_object(mapping: &Value) -> Option<Cow<'_, Map<String, Value>>> {
    let numbered = |items: Vec<Value>| {
        items.into_iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
    };
    match mapping {
        Value::Null => None,
        Value::Object(object) => Some(Cow::Borrowed(object)),
        Value::Array(items) => Some(Cow::Owned(numbered(items.clone()))),
        Value::String(text) => {
            let units = text.encode_utf16().map(|unit| Value::String(String::from_utf16_lossy(&[unit])));
            Some(Cow::Owned(numbered(units.collect())))
        }
        Value::Bool(_) | Value::Number(_) => Some(Cow::Owned(Map::new())),
    }
}
