//! Why a trigger wants an event or not: every comparison with what it found.

use std::ops::Range;

use serde::Serialize;

use super::Trigger;
use super::clause::{Clause, Joining, Test};
use super::evaluate::{Actual, EvaluateError, evaluate};
use crate::event::Event;
use crate::json::{Node, write_string};

/// A trigger's verdict on an event, and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Whether the event is wanted.
    pub matches: bool,
    /// Why the trigger failed on the event, if it did.
    pub error: Option<String>,
    /// The condition as a whole.
    pub step: Step,
}

/// A part of a trigger.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Step {
    /// One comparison.
    Test(Tested),
    /// Several conditions.
    Group {
        /// How they belong together.
        joining: Joining,
        /// Whether they hold; nothing when one of them failed.
        held: Option<bool>,
        /// Its conditions, in order.
        steps: Vec<Step>,
    },
    /// Parentheses without a condition, which fail.
    Empty,
}

/// One comparison and what it found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tested {
    /// Its bytes in the trigger.
    pub span: Range<usize>,
    /// What it reads: `properties.total`.
    pub field: String,
    /// `=`, `contains`, `starts with` …
    pub operator: &'static str,
    /// What it compares with, as JSON; nothing when the operator says it all.
    pub expected: Option<String>,
    /// What the event holds, as JSON; nothing when it is missing.
    pub actual: Option<String>,
    /// Whether it holds; nothing when it fails.
    pub held: Option<bool>,
}

/// Evaluates every part of the trigger, also those that the verdict did not need.
pub fn explain(trigger: &Trigger, event: &Event) -> Explanation {
    let verdict = trigger.matches(event);
    Explanation {
        matches: verdict == Ok(true),
        error: verdict.err().map(|error: EvaluateError| error.to_string()),
        step: step(&trigger.clause, event),
    }
}

fn step(clause: &Clause, event: &Event) -> Step {
    match clause {
        Clause::Empty => Step::Empty,
        Clause::Test(test) => Step::Test(tested(test, event)),
        Clause::Group { joining, clauses } => Step::Group {
            joining: *joining,
            held: evaluate(clause, event).ok(),
            steps: clauses.iter().map(|clause| step(clause, event)).collect(),
        },
    }
}

fn tested(test: &Test, event: &Event) -> Tested {
    let actual = test.field.read(event);
    Tested {
        span: test.span.clone(),
        field: test.field.to_string(),
        operator: test.check.operator(),
        expected: test.check.expected(),
        actual: actual.ok().and_then(shown),
        held: actual.ok().map(|actual| test.check.holds(actual)),
    }
}

fn shown(actual: Actual<'_>) -> Option<String> {
    match actual {
        Actual::Absent => None,
        Actual::Node(node) => Some(shortened(node)),
        Actual::Length(len) => Some(len.to_string()),
        Actual::Unit(unit) => {
            let mut out = String::new();
            write_string(unit.encode_utf8(&mut [0; 4]), &mut out);
            Some(out)
        }
    }
}

/// A value's text, cut short where it is long.
fn shortened(node: Node<'_>) -> String {
    const SHOWN_MAX: usize = 120;
    let raw = node.raw();
    match raw.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &raw[..end]),
        None => raw.to_owned(),
    }
}
