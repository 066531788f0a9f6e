//! The checks and coercions of a payload's fields.
//!
//! Invariant: the messages are those that people know from Segment, word by word.

use super::Rejection;
use crate::json::Numbers;
use crate::mapping::{Meter, Problem, Value, number};
use crate::target::{self, Method};

/// A field of the payload: its name in a mapping and in messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    label: &'static str,
}

pub(super) const URL: Field = Field { name: "url", label: "URL" };
pub(super) const METHOD: Field = Field { name: "method", label: "Method" };
pub(super) const BATCH_SIZE: Field = Field { name: "batch_size", label: "Batch Size" };
pub(super) const HEADERS: Field = Field { name: "headers", label: "Headers" };
pub(super) const DATA: Field = Field { name: "data", label: "Data" };
pub(super) const BATCH_KEYS: Field = Field { name: "batch_keys", label: "Batch Keys" };

/// Not a field of the action: the platform adds it to actions that can batch.
pub(super) const ENABLE_BATCHING: Field = Field { name: "enable_batching", label: "Enable Batching" };

/// How many fields `batch_keys` may name.
const BATCH_KEYS_MAX: usize = 3;

/// In the order in which their mistakes are told.
pub(super) const FIELDS: [Field; 6] = [URL, METHOD, BATCH_SIZE, HEADERS, DATA, BATCH_KEYS];

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) field: &'static str,
    pub(super) message: String,
    is_missing: bool,
}

/// The mistakes of one payload; missing fields come first, then fields in their order.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Keeps what is wrong, gives what is right.
    pub(super) fn keep<T>(&mut self, checked: Result<T, Vec<Mistake>>) -> Option<T> {
        checked.map_err(|mistakes| self.0.extend(mistakes)).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn into_vec(mut self) -> Vec<Mistake> {
        self.0.sort_by_key(|mistake| (!mistake.is_missing, position(mistake.field)));
        self.0
    }

    /// For a mapping that is being saved.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let problem =
            |mistake: Mistake| Problem { path: format!("/{}", mistake.field), message: mistake.message };
        self.into_vec().into_iter().map(problem).collect()
    }

    /// For an event: all messages in one, at the place of the first.
    pub(super) fn into_rejection(self) -> Rejection {
        let mistakes = self.into_vec();
        let path = mistakes.first().map(|mistake| format!("/{}", mistake.field)).unwrap_or_default();
        let messages: Vec<_> = mistakes.into_iter().map(|mistake| mistake.message).collect();
        Rejection { path, reason: messages.join(" ") }
    }
}

/// Header names and values.
pub(super) type Headers = Vec<(String, String)>;

pub(super) type Checked<T> = Result<T, Vec<Mistake>>;

impl Field {
    pub(super) fn wrong<T>(self, message: impl Into<String>) -> Checked<T> {
        Err(vec![self.mistake(message)])
    }

    fn mistake(self, message: impl Into<String>) -> Mistake {
        Mistake { field: self.name, message: message.into(), is_missing: false }
    }

    fn missing<T>(self) -> Checked<T> {
        let message = format!("The root value is missing the required field '{}'.", self.name);
        Err(vec![Mistake { field: self.name, message, is_missing: true }])
    }

    pub(super) fn wrong_kind<T>(self, wanted: &str, found: &str) -> Checked<T> {
        self.wrong(format!("{} must be {wanted} but it was {}.", self.label, with_article(found)))
    }
}

fn position(field: &str) -> usize {
    FIELDS.iter().position(|other| other.name == field).unwrap_or(FIELDS.len())
}

fn with_article(kind: &str) -> &str {
    match kind {
        "string" => "a string",
        "number" => "a number",
        "boolean" => "a boolean",
        "array" => "an array",
        "object" => "an object",
        other => other,
    }
}

/// Whether the field counts as not given: absent, `null`, or an empty text where that is removed.
fn is_removed(value: &Value<'_>, removes_empty: bool) -> bool {
    matches!(value.type_name(), "undefined" | "null")
        || (removes_empty && value.as_str().is_some_and(|text| text.is_empty()))
}

/// An array of exactly one item stands for that item.
fn single<'e>(value: &Value<'e>) -> Option<Value<'e>> {
    let items = value.items();
    match items.as_slice() {
        [] if !value.is_array() => Some(value.clone()),
        [item] => Some(item.clone()),
        _ => None,
    }
}

fn scalar_text(value: &Value<'_>, numbers: Numbers) -> Option<String> {
    matches!(value.type_name(), "string" | "number" | "boolean").then(|| text(value, numbers))
}

fn text(value: &Value<'_>, numbers: Numbers) -> String {
    let mut out = String::new();
    value.write_text(numbers, &Meter::unlimited(), &mut out).expect("an unlimited meter is never spent");
    out
}

fn required_text(field: Field, value: &Value<'_>, is_batched: bool, numbers: Numbers) -> Checked<String> {
    if is_removed(value, !is_batched) {
        return field.missing();
    }
    match single(value).and_then(|value| scalar_text(&value, numbers)) {
        Some(text) => Ok(text),
        None => field.wrong_kind("a string", value.type_name()),
    }
}

pub(super) fn url(value: &Value<'_>, is_batched: bool, numbers: Numbers) -> Checked<String> {
    let url = required_text(URL, value, is_batched, numbers)?;
    match target::check_url(&url) {
        Ok(()) => Ok(url),
        Err(error) => URL.wrong(error.to_string()),
    }
}

pub(super) fn method(value: &Value<'_>, is_batched: bool, numbers: Numbers) -> Checked<Method> {
    const CHOICE: &str = "Method must be one of: \"POST\", \"PUT\", or \"PATCH\".";
    match required_text(METHOD, value, is_batched, numbers) {
        Ok(text) => Method::parse(&text).map_or_else(|| METHOD.wrong(CHOICE), Ok),
        Err(mut mistakes) => {
            if mistakes.iter().all(|mistake| !mistake.is_missing) {
                mistakes.push(METHOD.mistake(CHOICE));
            }
            Err(mistakes)
        }
    }
}

pub(super) fn headers(value: &Value<'_>, numbers: Numbers) -> Checked<Headers> {
    if is_removed(value, true) {
        return Ok(Headers::new());
    }
    if !value.is_object() {
        return HEADERS.wrong_kind("an object", value.type_name());
    }
    let members = value.members().into_iter().filter(|(_, value)| !value.is_absent());
    let members = members.map(|(name, value)| {
        let text = if value.is_null() { "null".to_owned() } else { text(&value, numbers) };
        (name, text)
    });
    target::check_headers(members).or_else(|error| HEADERS.wrong(error.to_string()))
}

/// The batch size, when one is given.
pub(super) fn batch_size(value: &Value<'_>) -> Checked<Option<f64>> {
    if is_removed(value, true) {
        return Ok(None);
    }
    match single(value).and_then(|value| as_number(&value)) {
        Some(number) => Ok(Some(number)),
        None => BATCH_SIZE.wrong_kind("a number", value.type_name()),
    }
}

fn as_number(value: &Value<'_>) -> Option<f64> {
    if let Some(truth) = value.as_bool() {
        return Some(f64::from(truth));
    }
    if let Some(text) = value.as_str() {
        return Some(number::of_text(&text)).filter(|number| !number.is_nan());
    }
    value.as_f64()
}

/// The fields whose values must be equal for events to share a request.
pub(super) fn batch_keys(value: &Value<'_>, numbers: Numbers) -> Checked<Vec<String>> {
    if is_removed(value, true) {
        return Ok(Vec::new());
    }
    let items = if value.is_array() { value.items() } else { vec![value.clone()] };
    let mut names = Vec::with_capacity(items.len());
    let mut mistakes = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let name = match single(item) {
            Some(item) if matches!(item.type_name(), "null" | "undefined") => Some(String::new()),
            Some(item) => scalar_text(&item, numbers),
            None => None,
        };
        match name {
            Some(name) => names.push(name),
            None => mistakes.push(BATCH_KEYS.mistake(format!(
                "The value at /batch_keys/{index} must be a string but it was {}.",
                with_article(item.type_name())
            ))),
        }
    }
    if mistakes.is_empty() { Ok(names) } else { Err(mistakes) }
}

/// The same for a list that is being saved: at most three, of fields that exist. Answers whether `data` is named.
pub(super) fn known_batch_keys(value: &Value<'_>, numbers: Numbers) -> Checked<bool> {
    let names = batch_keys(value, numbers)?;
    if names.len() > BATCH_KEYS_MAX {
        return BATCH_KEYS.wrong(format!(
            "Batch Keys may name at most {BATCH_KEYS_MAX} fields but it names {}.",
            names.len()
        ));
    }
    let known = &FIELDS[..FIELDS.len() - 1];
    if let Some(unknown) = names.iter().find(|name| known.iter().all(|field| field.name != **name)) {
        let known: Vec<_> = known.iter().map(|field| field.name).collect();
        return BATCH_KEYS
            .wrong(format!("Batch Keys may name {} but it names \"{unknown}\".", known.join(", ")));
    }
    Ok(names.iter().any(|name| name == DATA.name))
}

/// Whether the JSON text of the data is there; it must be an object then.
pub(super) fn data(text: &str) -> Checked<bool> {
    match kind_of_json(text) {
        "object" => Ok(true),
        "null" => Ok(false),
        _ if text == "\"\"" => Ok(false),
        other => DATA.wrong_kind("an object", other),
    }
}

/// The kind of a value by how its JSON text begins.
fn kind_of_json(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}
