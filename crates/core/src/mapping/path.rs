//! Paths: the text of an `@path` or of a placeholder, split once into steps.
//!
//! Invariant: a path never fails. What leads nowhere is absent; what starts below a falsy value is that value.

use super::value::{self, Value};
use crate::json::array_index;

/// A path, split. No steps is the whole event.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    steps: Box<[Step]>,
}

/// One member to take.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(super) key: Box<str>,
    /// The key as a whole number, where it is one: arrays and strings are read by it.
    pub(super) index: Option<u32>,
}

impl Step {
    pub(super) fn new(key: &str) -> Step {
        Step { key: key.into(), index: array_index(key) }
    }
}

impl Path {
    /// The text of an `@path`: the first `$.` in it, wherever it stands, goes.
    pub(super) fn parse(text: &str) -> Path {
        match text.find("$.") {
            Some(at) => Path::parse_placeholder(&format!("{}{}", &text[..at], &text[at + 2..])),
            None => Path::parse_placeholder(text),
        }
    }

    /// The text inside a placeholder, where a `$.` is kept.
    pub(super) fn parse_placeholder(text: &str) -> Path {
        let step = |piece: &str| Step::new(&piece.replace(['\'', '"'], ""));
        Path { steps: pieces(text).filter(|piece| !piece.is_empty()).map(step).collect() }
    }

    /// What the path leads to from `value`.
    pub(super) fn follow<'e>(&self, value: &Value<'e>) -> Value<'e> {
        let mut steps = self.steps.iter();
        let Value::Node(mut node) = *value else { return follow(value.clone(), steps.as_slice()) };
        while let Some(step) = steps.next() {
            if !value::is_truthy(node) {
                break;
            }
            match value::member(node, step) {
                Value::Node(next) => node = next,
                other => return follow(other, steps.as_slice()),
            }
        }
        Value::Node(node)
    }
}

fn follow<'e>(mut value: Value<'e>, steps: &[Step]) -> Value<'e> {
    for step in steps {
        if !value.is_truthy() {
            break;
        }
        value = value.member(step);
    }
    value
}

/// Splits at `.`, at a `[` before a quote or digit, and at a run of `]` after one. Pieces may be empty.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let is_opener = |at: usize| bytes.get(at).is_some_and(|byte| matches!(byte, b'\'' | b'"' | b'0'..=b'9'));
    let mut at = 0;
    let mut is_done = false;
    std::iter::from_fn(move || {
        if is_done {
            return None;
        }
        let start = at;
        while at < bytes.len() {
            let length = match bytes[at] {
                b'.' => 1,
                b'[' if is_opener(at + 1) => 1,
                b']' if at > 0 && is_opener(at - 1) => {
                    bytes[at..].iter().take_while(|byte| **byte == b']').count()
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            let piece = &text[start..at];
            at += length;
            return Some(piece);
        }
        is_done = true;
        Some(&text[start..])
    })
}
