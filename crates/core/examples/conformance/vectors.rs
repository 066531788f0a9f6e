//! Vectors: reads conformance files and runs each case against this crate. Shared by the example program and the
//! tests.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use signalpost_core::event::Event;
use signalpost_core::json::{Document, Limits, Numbers};
use signalpost_core::mapping::{self, Mapping, Problem};
use signalpost_core::secret::Secret;
use signalpost_core::signature::Signer;
use signalpost_core::trigger::Trigger;

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
    #[serde(default)]
    query: String,
    #[serde(default)]
    secret: String,
    body: Option<String>,
    body_hex: Option<String>,
    data: Option<Box<RawValue>>,
    batch: Option<Vec<Box<RawValue>>>,
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
        "fql" => trigger(case),
        "signature" => sign(case),
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
        Err(problems) => return Ok(failed(&messages(problems))),
    };
    let resolved = match mapping.resolve(&event) {
        Ok(value) => value.to_json(Numbers::Ecmascript),
        Err(error) => return Ok(failed(error.messages())),
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
fn failed(messages: &[String]) -> Value {
    let is_validation = messages.iter().all(|message| message.starts_with('/'));
    json!({ "errors": messages, "stage": if is_validation { "validate" } else { "resolve" } })
}

fn validate(mapping: &Value) -> Value {
    let messages = messages(mapping::validate(mapping));
    if messages.is_empty() { json!({ "valid": true }) } else { json!({ "errors": messages }) }
}

fn messages(problems: Vec<Problem>) -> Vec<String> {
    problems.into_iter().map(|problem| problem.message).collect()
}

fn trigger(case: &Case) -> Result<Value, String> {
    let trigger = match Trigger::parse(&case.query) {
        Ok(trigger) => trigger,
        Err(error) => return Ok(json!({ "match": false, "error": "parse", "message": error.to_string() })),
    };
    let event =
        Event::parse(case.event.get(), &Limits::new(usize::MAX)).map_err(|error| error.to_string())?;
    Ok(match trigger.matches(&event) {
        Ok(matches) => json!({ "match": matches }),
        Err(error) => json!({ "match": false, "error": "evaluate", "message": error.to_string() }),
    })
}

/// Signs bytes, one payload, or a batch by its first payload alone.
fn sign(case: &Case) -> Result<Value, String> {
    let signer = Signer::new(&Secret::new(case.secret.as_str()));
    let canonical = |data: &RawValue| {
        let mut text = String::new();
        parse(data.get())?.root().write(Numbers::Ecmascript, &mut text);
        Ok::<_, String>(text)
    };
    if let Some(batch) = &case.batch {
        let payloads = batch.iter().map(|data| canonical(data)).collect::<Result<Vec<_>, _>>()?;
        let first = payloads.first().cloned().unwrap_or_default();
        let hex = signer.sign(first.as_bytes());
        return Ok(json!({ "body": format!("[{}]", payloads.join(",")), "signed": first, "hex": hex }));
    }
    if let Some(data) = &case.data {
        let body = canonical(data)?;
        return Ok(json!({ "hex": signer.sign(body.as_bytes()), "body": body }));
    }
    let bytes = match (&case.body, &case.body_hex) {
        (Some(body), _) => body.as_bytes().to_vec(),
        (None, Some(hex)) => hex::decode(hex).map_err(|error| error.to_string())?,
        (None, None) => return Err("the case has nothing to sign".to_owned()),
    };
    Ok(json!({ "hex": signer.sign(&bytes) }))
}

fn agrees(case: &Case, actual: &Value) -> bool {
    let expected = &case.expect;
    match case.kind.as_str() {
        // What a template fails with is information; that it fails is not.
        "liquid" if expected["stage"] == "resolve" => actual["stage"] == "resolve",
        // A message is compared only where one is given.
        "fql" => expected.as_object().is_some_and(|expected| {
            expected.iter().all(|(key, value)| actual.get(key) == Some(value))
                && expected.contains_key("error") == actual.get("error").is_some()
        }),
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
