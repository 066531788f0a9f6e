//! Mapping: a mapping's fields, compiled once and resolved for each event.
//!
//! Invariants: a mapping that is not well formed does not compile, and every mistake is named with its place; a
//! failure to resolve concerns one event; nothing is parsed, checked or looked up by name while resolving.

mod compile;
mod keys;
mod liquid;
mod meter;
pub(crate) mod number;
mod path;
mod resolve;
mod rule;
mod structure;
mod template;
mod text;
mod validate;
mod value;

pub(crate) use meter::Meter;
pub(crate) use resolve::Scope;
pub(crate) use rule::Rule;
pub(crate) use template::is_blank;
pub use value::Value;

use crate::json::{Document, Numbers};
use meter::Excess;

/// How deep a mapping may nest. Segment's editor writes a handful of levels.
pub const DEPTH_MAX: usize = 64;

/// A compiled mapping.
#[derive(Debug)]
pub struct Mapping {
    rule: Rule,
    numbers: Numbers,
}

/// One mistake in a mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// Where: the keys that lead there, as in `/data/@path`.
    pub path: String,
    /// What, with its place: `/data/@path should be a string but it is a number.`
    pub message: String,
}

/// Why a mapping could not be resolved for one event.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.messages.join(" "))]
pub struct ResolveError(Box<Failure>);

#[derive(Debug)]
struct Failure {
    /// The keys that lead to the directive, innermost first.
    keys: Vec<String>,
    /// One; several when a mapping inside the mapping is not well formed.
    messages: Vec<String>,
}

impl Mapping {
    /// Validates and compiles `fields`. Numbers are written as ECMAScript writes them.
    pub fn compile(fields: &serde_json::Value) -> Result<Mapping, Vec<Problem>> {
        Mapping::with_numbers(fields, Numbers::Ecmascript)
    }

    /// The same, with a choice of how numbers become text.
    pub fn with_numbers(fields: &serde_json::Value, numbers: Numbers) -> Result<Mapping, Vec<Problem>> {
        Ok(Mapping { rule: compile_fields(fields, numbers)?, numbers })
    }

    /// What the mapping makes of `event`. Absent members are gone from it.
    pub fn resolve<'e>(&'e self, event: &'e Document) -> Result<Value<'e>, ResolveError> {
        let meter = Meter::new();
        let scope = Scope::new(event, self.numbers, &meter)?;
        Ok(self.rule.resolve(&scope)?.cleaned(&meter)?)
    }

    /// Appends the JSON text of the same to `out`, which is faster. Answers whether there is any.
    pub fn write(&self, event: &Document, out: &mut String) -> Result<bool, ResolveError> {
        let before = out.len();
        let meter = Meter::new();
        let scope = Scope::new(event, self.numbers, &meter)?;
        let written = self.rule.write(&scope, out);
        if written.is_err() {
            out.truncate(before);
        }
        written
    }
}

/// Every mistake in a value of a mapping, in the order in which it is walked. Unlike [`Mapping::compile`] it takes the
/// value as it is: an array is not an object of its items, and nothing is said of its inside.
pub fn validate(fields: &serde_json::Value) -> Vec<Problem> {
    if is_deeper(fields, DEPTH_MAX) { vec![too_deep()] } else { validate::problems(fields) }
}

/// Validates a mapping and compiles it. The rule is an object of all its members, or a directive.
pub(crate) fn compile_fields(fields: &serde_json::Value, numbers: Numbers) -> Result<Rule, Vec<Problem>> {
    if is_deeper(fields, DEPTH_MAX) {
        return Err(vec![too_deep()]);
    }
    compile::top(fields, numbers)
}

fn too_deep() -> Problem {
    Problem::at_root(format!("the mapping is nested deeper than {DEPTH_MAX} levels: flatten it"))
}

impl Problem {
    fn at_root(message: impl Into<String>) -> Problem {
        Problem { path: "/".to_owned(), message: message.into() }
    }
}

impl ResolveError {
    fn new(message: String) -> ResolveError {
        ResolveError(Box::new(Failure { keys: Vec::new(), messages: vec![message] }))
    }

    fn of(problems: &[Problem]) -> ResolveError {
        let messages = problems.iter().map(|problem| problem.message.clone()).collect();
        ResolveError(Box::new(Failure { keys: Vec::new(), messages }))
    }

    /// What is wrong: one message, or all mistakes of a mapping inside the mapping.
    pub fn messages(&self) -> &[String] {
        &self.0.messages
    }

    pub(crate) fn below(mut self, key: Option<&str>) -> ResolveError {
        self.0.keys.extend(key.map(str::to_owned));
        self
    }

    /// The place in the mapping: `/data/total/@liquid`. Empty when it concerns the whole of it.
    pub fn path(&self) -> String {
        self.0.keys.iter().rev().fold(String::new(), |path, key| path + "/" + key)
    }
}

impl From<Excess> for ResolveError {
    fn from(excess: Excess) -> ResolveError {
        ResolveError::new(excess.to_string())
    }
}

impl From<&'static str> for ResolveError {
    fn from(message: &'static str) -> ResolveError {
        ResolveError::new(message.to_owned())
    }
}

/// Whether a value nests deeper than `levels`. Looks no deeper than that.
fn is_deeper(value: &serde_json::Value, levels: usize) -> bool {
    let deeper = |value| levels == 0 || is_deeper(value, levels - 1);
    match value {
        serde_json::Value::Array(items) => items.iter().any(deeper),
        serde_json::Value::Object(members) => members.values().any(deeper),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
