//! Evaluating a trigger on an event: no allocation, comparisons on the event's own text.

use std::borrow::Cow;

use thiserror::Error;

use super::clause::{Check, Clause, Field, Joining, Key, Path, Test};
use crate::event::Event;
use crate::json::{Kind, Node};

/// A trigger that fails on an event: the event is not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EvaluateError {
    /// Parentheses without a condition were reached.
    #[error("parentheses without a condition cannot be evaluated")]
    EmptyGroup,
    /// A path of separators only was reached.
    #[error("a path made of separators only cannot be followed")]
    BrokenPath,
}

pub(super) fn evaluate(clause: &Clause, event: &Event) -> Result<bool, EvaluateError> {
    match clause {
        Clause::Test(test) => test.holds(event),
        Clause::Empty => Err(EvaluateError::EmptyGroup),
        Clause::Group { joining, clauses } => {
            // What ends the search: one that fails under `and`, one that holds under `or`.
            let last = *joining == Joining::Or;
            for clause in clauses {
                if evaluate(clause, event)? == last {
                    return Ok(last);
                }
            }
            Ok(!last)
        }
    }
}

/// What a test finds in an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Actual<'e> {
    Absent,
    Node(Node<'e>),
    /// The length of a string or an array.
    Length(usize),
    /// A UTF-16 unit of a string; half of a pair is the replacement character.
    Unit(char),
}

impl Field {
    pub(super) fn read<'e>(&self, event: &'e Event) -> Result<Actual<'e>, EvaluateError> {
        let member = match event.member(self.member) {
            Some(node) => Actual::Node(node),
            None => Actual::Absent,
        };
        match &self.path {
            None => Ok(member),
            Some(Path::Keys(keys)) => Ok(walk(member, keys)),
            Some(Path::Absent) => Ok(Actual::Absent),
            Some(Path::Broken) => Err(EvaluateError::BrokenPath),
        }
    }
}

/// Follows a path; the first falsy value on the way is the answer.
fn walk<'e>(mut actual: Actual<'e>, keys: &[Key]) -> Actual<'e> {
    for key in keys {
        if actual.is_falsy() {
            break;
        }
        actual = actual.member(key);
    }
    actual
}

impl<'e> Actual<'e> {
    fn is_falsy(self) -> bool {
        match self {
            Actual::Absent | Actual::Length(0) => true,
            Actual::Length(_) | Actual::Unit(_) => false,
            Actual::Node(node) => match node.kind() {
                Kind::Object | Kind::Array => false,
                Kind::Null => true,
                Kind::Bool => node.as_bool() == Some(false),
                Kind::Number => node.as_f64() == Some(0.0),
                Kind::String => node.raw() == "\"\"",
            },
        }
    }

    fn member(self, key: &Key) -> Actual<'e> {
        match self {
            Actual::Absent | Actual::Length(_) => Actual::Absent,
            Actual::Unit(unit) => member_of_text(unit.encode_utf8(&mut [0; 4]), key),
            Actual::Node(node) => match node.kind() {
                Kind::Object => node.get(&key.text).map_or(Actual::Absent, Actual::Node),
                Kind::Array => member_of_array(node, key),
                Kind::String => member_of_text(&text_of(node), key),
                Kind::Null | Kind::Bool | Kind::Number => Actual::Absent,
            },
        }
    }

    fn number(self) -> Option<f64> {
        match self {
            Actual::Node(node) => node.as_f64(),
            #[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2^53")]
            Actual::Length(len) => Some(len as f64),
            Actual::Absent | Actual::Unit(_) => None,
        }
    }

    /// Whether it is a string of which `is_so` holds.
    fn is_text(self, is_so: impl FnOnce(&str) -> bool) -> bool {
        match self {
            Actual::Node(node) => match node.as_plain_str() {
                Some(text) => is_so(text),
                None => node.as_str().is_some_and(|text| is_so(&text)),
            },
            Actual::Unit(unit) => is_so(unit.encode_utf8(&mut [0; 4])),
            Actual::Absent | Actual::Length(_) => false,
        }
    }

    fn spells(self, text: &str) -> bool {
        match self {
            Actual::Node(node) => node.spells(text),
            other => other.is_text(|other| other == text),
        }
    }

    fn is_bool(self, value: bool) -> bool {
        matches!(self, Actual::Node(node) if node.as_bool() == Some(value))
    }

    fn exists(self) -> bool {
        match self {
            Actual::Absent => false,
            Actual::Node(node) => node.kind() != Kind::Null,
            Actual::Length(_) | Actual::Unit(_) => true,
        }
    }
}

fn text_of(node: Node<'_>) -> Cow<'_, str> {
    node.as_str().expect("the kind was looked at")
}

fn member_of_array<'e>(node: Node<'e>, key: &Key) -> Actual<'e> {
    match key.index {
        Some(index) => node.item(index as usize).map_or(Actual::Absent, Actual::Node),
        None if &*key.text == "length" => Actual::Length(node.len()),
        None => Actual::Absent,
    }
}

fn member_of_text<'e>(text: &str, key: &Key) -> Actual<'e> {
    match key.index {
        Some(index) => match text.encode_utf16().nth(index as usize) {
            Some(unit) => {
                Actual::Unit(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER))
            }
            None => Actual::Absent,
        },
        None if &*key.text == "length" => Actual::Length(text.encode_utf16().count()),
        None => Actual::Absent,
    }
}

impl Test {
    #[inline]
    pub(super) fn holds(&self, event: &Event) -> Result<bool, EvaluateError> {
        // The comparison that nearly every trigger begins with, the short way.
        if let (None, Check::Equals(text)) = (&self.field.path, &self.check) {
            let node = event.member(self.field.member);
            return Ok(node.is_some_and(|node| node.spells(text)));
        }
        let actual = self.field.read(event)?;
        Ok(self.check.holds(actual))
    }
}

impl Check {
    pub(super) fn holds(&self, actual: Actual<'_>) -> bool {
        let compares = |holds: fn(&f64, &f64) -> bool, value: &f64| {
            actual.number().is_some_and(|number| holds(&number, value))
        };
        match self {
            Check::Equals(text) => actual.spells(text),
            Check::Differs(text) => !actual.spells(text),
            Check::NumberEquals(value) => compares(f64::eq, value),
            Check::NumberDiffers(value) => compares(f64::ne, value),
            Check::Less(value) => compares(f64::lt, value),
            Check::AtMost(value) => compares(f64::le, value),
            Check::Greater(value) => compares(f64::gt, value),
            Check::AtLeast(value) => compares(f64::ge, value),
            Check::Contains { text, wanted } => {
                actual.is_text(|actual| text.find(actual.as_bytes()).is_some() == *wanted)
            }
            Check::StartsWith { text, wanted } => {
                actual.is_text(|actual| actual.starts_with(&**text) == *wanted)
            }
            Check::EndsWith { text, wanted } => actual.is_text(|actual| text.ends(actual) == *wanted),
            Check::Exists => actual.exists(),
            Check::Missing => !actual.exists(),
            Check::IsTrue => actual.is_bool(true),
            Check::IsFalse => actual.is_bool(false),
            Check::Never => false,
        }
    }
}
