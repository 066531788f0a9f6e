//! Vectors: reads conformance files and runs each case against this crate. Shared by the example program and the
//! tests.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use signalpost_core::json::{Document, Limits, Numbers};
use signalpost_core::mapping::{self, Mapping};

/// How the cases of one kind went.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failures: Vec<Failure>,
}

/// A case that went wrong.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) id: String,
    pub(crate) expected: Value,
    pub(crate) actual: Value,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    kind: String,
    #[serde(default)]
    mapping: Value,
    /// As it is written: the text of numbers and the order of keys matter. `null` is an event too.
    #[serde(default)]
    event: Box<RawValue>,
    expect: Value,
}

/// Runs every line of a file.
pub(crate) fn run_file(file: &Path, tallies: &mut BTreeMap<String, Tally>) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case: Case =
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))?;
        let actual = run(&case).map_err(|error| format!("line {}: {error}", number + 1))?;
        let tally = tallies.entry(case.kind.clone()).or_default();
        if agrees(&case, &actual) {
            tally.passed += 1;
        } else {
            tally.failures.push(Failure { id: case.id, expected: case.expect, actual });
        }
    }
    Ok(())
}

fn run(case: &Case) -> Result<Value, String> {
    match case.kind.as_str() {
        "mapping" | "liquid" => map(case),
        "validate" => Ok(validate(&case.mapping)),
        other => Err(format!("there are no vectors of the kind {other}")),
    }
}

fn parse(text: &str) -> Result<Document, String> {
    Document::parse(text.to_owned(), &Limits::new(usize::MAX)).map_err(|error| error.to_string())
}

fn map(case: &Case) -> Result<Value, String> {
    let event = parse(case.event.get())?;
    let mapping = match Mapping::compile(&case.mapping) {
        Ok(mapping) => mapping,
        Err(problems) => return Ok(failed(problems.into_iter().map(|problem| problem.message).collect())),
    };
    let resolved = match mapping.resolve(&event) {
        Ok(value) => value.to_json(Numbers::Ecmascript),
        Err(error) => return Ok(failed(error.messages().to_vec())),
    };
    // The fast way has to agree with the slow one, byte for byte.
    let mut written = String::new();
    let is_there = mapping.write(&event, &mut written).map_err(|error| error.to_string())?;
    if resolved != is_there.then_some(written.clone()) {
        return Ok(json!({ "resolved": resolved, "but written": written }));
    }
    match resolved {
        Some(text) => {
            Ok(json!({ "value": serde_json::from_str::<Value>(&text).map_err(|error| error.to_string())? }))
        }
        None => Ok(json!({ "undefined": true })),
    }
}

/// Mistakes of validation, and they alone, name their place first.
fn failed(messages: Vec<String>) -> Value {
    let is_validation = messages.iter().all(|message| message.starts_with('/'));
    json!({ "errors": messages, "stage": if is_validation { "validate" } else { "resolve" } })
}

fn validate(mapping: &Value) -> Value {
    let messages: Vec<_> = mapping::validate(mapping).into_iter().map(|problem| problem.message).collect();
    if messages.is_empty() { json!({ "valid": true }) } else { json!({ "errors": messages }) }
}

fn agrees(case: &Case, actual: &Value) -> bool {
    let expected = &case.expect;
    match case.kind.as_str() {
        // What a template fails with is information; that it fails is not.
        "liquid" if expected["stage"] == "resolve" => actual["stage"] == "resolve",
        _ => is_equal(expected, actual),
    }
}

/// Equal as JSON: members have no order, numbers compare by value.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| is_equal(one, other)))
        }
        _ => one == other,
    }
}
