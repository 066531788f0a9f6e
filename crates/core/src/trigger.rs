//! Triggers: the condition that decides whether a mapping wants an event, in Segment's query language.
//!
//! Invariants: a trigger means here what it means at Segment, also where that surprises; it is parsed once,
//! and evaluating it allocates nothing.

mod clause;
mod error;
mod evaluate;
mod explain;
mod lexer;
mod lint;
mod parser;
mod strict;

#[cfg(test)]
mod tests;

pub use clause::Joining;
pub use error::{Fault, Function, TriggerError};
pub use evaluate::EvaluateError;
pub use explain::{Explanation, Step, Tested, explain};
pub use lint::{Lint, Severity, lint};

use crate::event::Event;

/// A trigger ready to be evaluated.
#[derive(Debug, Clone)]
pub struct Trigger {
    text: String,
    clause: clause::Clause,
}

impl Trigger {
    /// Reads a trigger as Segment's runtime does: what looks wrong often means something.
    pub fn parse(text: &str) -> Result<Trigger, TriggerError> {
        let clause = read(text, &mut Vec::new())?;
        Ok(Trigger { text: text.to_owned(), clause })
    }

    /// Whether the event is wanted. An error means no.
    pub fn matches(&self, event: &Event) -> Result<bool, EvaluateError> {
        evaluate::evaluate(&self.clause, event)
    }

    /// The trigger as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn read(text: &str, oddities: &mut Vec<parser::Oddity>) -> Result<clause::Clause, TriggerError> {
    if text.is_empty() {
        return Err(TriggerError::new(Fault::Empty, 0..0));
    }
    parser::read(&lexer::tokens(text)?, oddities)
}
