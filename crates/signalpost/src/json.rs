//! JSON: how what the control API tells is written for programs (`--json`).
//!
//! Invariants: times are RFC 3339, durations are seconds in a key that ends in `_seconds`, states are lower-case words,
//! JSON that the API carries as text is JSON here; what is not there is null, so every object of a kind has the same keys.

mod catalog;
mod queue;

use serde_json::{Value, json};

use crate::control::Listed;
use crate::output::measure;

pub(crate) use catalog::{
    audit_entry, destination, mapping, mapping_version, role, secret_purpose, source, token, write_key,
};
pub(crate) use queue::{
    attempt, bury_reason, dead_letter, explanation, lane, outcome, redrive, redrive_state, rejected_event,
    test,
};

/// A list under its name, and whether that is all of it.
pub(crate) fn list<T>(name: &str, listed: &Listed<T>, item: impl Fn(&T) -> Value) -> Value {
    let items: Vec<Value> = listed.items.iter().map(item).collect();
    json!({ name: items, "is_complete": listed.is_complete })
}

fn time(timestamp: Option<prost_types::Timestamp>) -> Value {
    measure::time(timestamp)
        .map_or(Value::Null, |time| time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true).into())
}

fn seconds(duration: Option<prost_types::Duration>) -> Value {
    measure::duration(duration).map_or(Value::Null, |duration| duration.as_secs_f64().into())
}

/// A text that holds JSON; as a text when it does not.
fn inner(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

pub(crate) fn unless_empty(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

fn unless_zero(number: u32) -> Value {
    if number == 0 { Value::Null } else { number.into() }
}
