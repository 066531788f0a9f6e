//! Where a trigger does not do what it seems to say: the place, what it really does, how to write what was
//! probably meant.
//!
//! Invariant: a trigger that leaves the strict grammar (§3.6) or is refused has at least one lint that is no note.

mod call;
mod compare;

use std::ops::Range;

use serde::Serialize;

use super::lexer::{Token, TokenKind, tokens};
use super::parser::{Oddity, read};
use super::{TriggerError, strict};
use crate::event::Member;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Well written, with a consequence that is easily overlooked.
    Note,
    /// Probably not what was meant.
    Warning,
    /// Refused: the trigger would deliver nothing.
    Error,
}

/// One remark on a trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// How bad it is.
    pub severity: Severity,
    /// The bytes of the trigger it is about.
    pub span: Range<usize>,
    /// What the trigger really does.
    pub message: String,
    /// How to write what was probably meant.
    pub help: Option<String>,
}

impl Lint {
    fn warning(span: Range<usize>, message: impl Into<String>) -> Lint {
        Lint { severity: Severity::Warning, span, message: message.into(), help: None }
    }

    fn note(span: Range<usize>, message: impl Into<String>) -> Lint {
        Lint { severity: Severity::Note, ..Lint::warning(span, message) }
    }

    fn help(self, help: impl Into<String>) -> Lint {
        let help = Some(help.into());
        Lint { help, ..self }
    }
}

impl From<TriggerError> for Lint {
    fn from(error: TriggerError) -> Lint {
        Lint { severity: Severity::Error, message: error.to_string(), help: error.help(), span: error.span }
    }
}

/// Everything worth saying about a trigger, in the order of its text.
pub fn lint(text: &str) -> Vec<Lint> {
    let tokens = match tokens(text) {
        Ok(tokens) if !text.is_empty() => tokens,
        Ok(_) => return super::Trigger::parse(text).err().map(Lint::from).into_iter().collect(),
        Err(error) => return vec![error.into()],
    };
    let mut oddities = Vec::new();
    let clause = read(&tokens, &mut oddities);
    let mut lints = remarks(&oddities);
    match clause {
        Err(error) => lints.push(error.into()),
        Ok(clause) => {
            if let Some(departure) = strict::departure(&tokens) {
                let changes_structure = oddities.iter().any(is_structural);
                let says_nothing = lints.iter().all(|lint| lint.severity == Severity::Note);
                let reading = format!("the trigger is read as: {clause}");
                if says_nothing {
                    let span = departure.span.clone();
                    lints.push(Lint::warning(span, format!("unexpected here; {reading}")));
                } else if changes_structure {
                    lints.push(Lint::note(0..text.len(), reading));
                }
            }
        }
    }
    lints.sort_by_key(|lint| (lint.span.start, lint.span.end));
    lints
}

/// Whether it changes which conditions there are or how they are joined.
fn is_structural(oddity: &Oddity) -> bool {
    !matches!(oddity, Oddity::Compared { .. } | Oddity::Called { .. })
}

fn remarks(oddities: &[Oddity]) -> Vec<Lint> {
    let mut lints = Vec::new();
    let is_skipped = |oddity: &Oddity| matches!(oddity, Oddity::Skipped(_));
    // What is skipped in a row is one remark.
    for run in oddities.chunk_by(|left, right| is_skipped(left) && is_skipped(right)) {
        match (&run[0], &run[run.len() - 1]) {
            (Oddity::Skipped(first), Oddity::Skipped(last)) => lints.push(skipped(first, last)),
            (oddity, _) => remark(oddity, &mut lints),
        }
    }
    lints
}

fn remark(oddity: &Oddity, lints: &mut Vec<Lint>) {
    let lint = match oddity {
        Oddity::Skipped(token) => skipped(token, token),
        Oddity::NotIgnored(span) => Lint::warning(span.clone(), "this `!` is ignored: what follows is not negated")
            .help("only `contains(…)` and `match(…)` can be negated; elsewhere write `!=` for `=`, and `or` for `and`"),
        Oddity::NoClause { field, span } => no_clause(field, span.clone()),
        Oddity::GroupCut(span) => {
            Lint::warning(span.clone(), "the `)` of the function ends the parentheses; what follows belongs to the list outside")
                .help("write the function outside of parentheses, and join everything by one word")
        }
        Oddity::EmptyGroup(span) => {
            Lint::warning(span.clone(), "parentheses without a condition: an event that reaches them is not delivered")
                .help("remove them")
        }
        Oddity::Mixed { joining, span } => {
            let message = format!("`and` and `or` are mixed: all conditions of this list are joined by `{joining}`, the last word");
            Lint::warning(span.clone(), message).help("put parentheses around what belongs together: `a and (b or c)`")
        }
        Oddity::Compared { field, operator, value } => {
            return lints.extend(compare::remarks(field, operator, value));
        }
        Oddity::Called { function, is_negated, field, value, span } => {
            return lints.extend(call::remarks(*function, *is_negated, field, value, span));
        }
    };
    lints.push(lint);
}

fn no_clause(field: &Token, span: Range<usize>) -> Lint {
    let name = &field.text;
    let lint = Lint::warning(span, format!("no condition: a function cannot read `{name}`"));
    if name == "type" {
        return lint.help("compare the type: `type = \"track\"`");
    }
    lint.help("functions read event, name, userId, properties.…, traits.… and context.…, without quotes")
}

fn skipped(first: &Token, last: &Token) -> Lint {
    let span = first.span.start..last.span.end;
    let text = &first.text;
    let lint = Lint::warning(span, format!("`{text}` means nothing here and is skipped"));
    let readable = "a trigger reads type, event, name, userId, properties.…, traits.… and context.…";
    match (first.kind, text.to_ascii_lowercase().as_str()) {
        (TokenKind::Identifier, word @ ("and" | "or")) => Lint {
            message: format!("`{text}` is no joining word and is skipped; the conditions are joined by another one, or by `and`"),
            ..lint
        }
        .help(format!("write `{word}`")),
        (TokenKind::Identifier, "not") => Lint {
            message: format!("`{text}` is skipped: what follows is not negated"),
            ..lint
        }
        .help("write `!=`, `!contains(…)` or `!match(…)`"),
        (TokenKind::Identifier, _) if Member::of(text).is_some() || text.contains('.') => Lint {
            message: format!("a trigger cannot read `{text}`: it is skipped, and what stands beside it"),
            ..lint
        }
        .help(readable),
        (TokenKind::Identifier, _) => lint.help(format!(
            "{readable}; its functions are contains and match; a text stands in double quotes"
        )),
        (TokenKind::Mark, ",") => lint.help("join conditions with `and` or `or`"),
        (TokenKind::Mark, ")") => lint.help("remove it: no `(` belongs to it"),
        (TokenKind::Mark, "[" | "]") => lint.help("there are no lists: compare with each value, joined by `or`"),
        (TokenKind::String, _) => lint.help("a condition begins with a field: `event = \"Signed Up\"`"),
        _ => lint.help("remove it"),
    }
}

#[cfg(test)]
mod tests;
