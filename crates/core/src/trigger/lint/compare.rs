//! Remarks on a comparison: field, operator, value.

use crate::json::text_to_number;
use crate::trigger::lexer::{Quirk, Token, TokenKind};
use crate::trigger::parser::Value;

use super::Lint;

/// The operators of the language.
const OPERATORS: &str = "=, !=, <, <=, > and >=";

pub(super) fn remarks(field: &Token, operator: &Token, value: &Token) -> Vec<Lint> {
    let comparison = Comparison::new(field, operator, value);
    let mut lints = Vec::new();
    lints.extend(comparison.about_field());
    // One remark on operator and value: the others would only follow from it.
    let about_value = comparison
        .about_operator()
        .or_else(|| comparison.about_value_text())
        .or_else(|| comparison.about_kinds());
    lints.extend(about_value);
    lints
}

struct Comparison<'t> {
    field: &'t Token,
    operator: &'t Token,
    value: &'t Token,
    /// The member the field begins with.
    member: &'t str,
    /// Below properties, traits or context.
    is_deep: bool,
    /// What the value's text spells.
    spelled: String,
}

impl<'t> Comparison<'t> {
    fn new(field: &'t Token, operator: &'t Token, value: &'t Token) -> Comparison<'t> {
        let member = field.text.split('.').next().unwrap_or_default();
        Comparison {
            field,
            operator,
            value,
            member,
            is_deep: matches!(member, "properties" | "traits" | "context"),
            spelled: Value::of(value).into_text(),
        }
    }

    fn whole(&self, message: impl Into<String>) -> Lint {
        Lint::warning(self.field.span.start..self.value.span.end, message)
    }

    fn note(&self, message: impl Into<String>) -> Lint {
        Lint::note(self.field.span.start..self.value.span.end, message)
    }

    /// How it would be written with another operator and value.
    fn rewritten(&self, operator: &str, value: &str) -> String {
        format!("write `{} {operator} {value}`", self.field.text)
    }

    fn about_field(&self) -> Option<Lint> {
        let (field, member) = (&self.field.text, self.member);
        let lint = |message: String| Lint::warning(self.field.span.clone(), message);
        let has_path = field.len() > member.len();
        if !self.is_deep && has_path {
            let message = format!("`{field}` reads `{member}`: what follows the dot is ignored");
            return Some(lint(message).help(format!("write `{member}`")));
        }
        if self.is_deep && !has_path {
            let message = format!("`{field}` alone reads `{field}.{field}`");
            return Some(lint(message).help(format!("name the member: `{field}.total`")));
        }
        if self.field.quirk == Some(Quirk::DotEscaped) {
            let message = format!("an escaped dot separates like any other: this reads `{field}`");
            return Some(lint(message).help("a member with a dot in its name cannot be read"));
        }
        None
    }

    fn about_operator(&self) -> Option<Lint> {
        let (operator, value) = (self.operator.text.as_str(), self.value.text.as_str());
        if self.value.kind == TokenKind::End {
            let message = format!("no value: this compares with the text `{value}`");
            return Some(self.whole(message).help(self.rewritten("=", "\"…\"")));
        }
        let follows_at_once = self.operator.span.end == self.value.span.start;
        match (self.operator.kind, operator, value) {
            (TokenKind::Operator, "=", "=") => Some(
                self.whole("`==` is `=` and the text `=`: this compares with the text `=`")
                    .help(self.rewritten("=", "…")),
            ),
            (TokenKind::Operator, "<" | ">", "=") if follows_at_once => {
                let message = format!("`{operator}` compares with `=`, which is no number: this never holds");
                let help = format!("put a blank after `{operator}=`");
                Some(self.whole(message).help(help))
            }
            (TokenKind::Operator, "=" | "!=" | "<" | "<=" | ">" | ">=", _) => None,
            _ => Some(self.about_named_operator(operator)),
        }
    }

    /// Operators that work because the runtime takes them by their text.
    fn about_named_operator(&self, operator: &str) -> Lint {
        let (field, text) = (&self.field.text, &self.spelled);
        let instead = match operator {
            "contains" => format!("contains({field}, \"{text}\")"),
            "not_contains" => format!("!contains({field}, \"{text}\")"),
            "starts_with" => format!("match({field}, \"{text}*\")"),
            "not_starts_with" => format!("!match({field}, \"{text}*\")"),
            "ends_with" => format!("match({field}, \"*{text}\")"),
            "not_ends_with" => format!("!match({field}, \"*{text}\")"),
            "exists" => format!("{field} != null"),
            "not_exists" => format!("{field} = null"),
            "is_true" => format!("{field} = true"),
            "is_false" => format!("{field} = false"),
            "number_equals" => format!("{field} = {text}"),
            "number_not_equals" => format!("{field} != {text}"),
            _ => {
                let message = format!("`{operator}` is no operator: this never holds");
                let help = format!("the operators are {OPERATORS}; the functions are contains and match");
                return self.whole(message).help(help);
            }
        };
        let message = format!("`{operator}` works here only by its text; it is not part of the language");
        self.whole(message).help(format!("write `{instead}`"))
    }

    fn about_value_text(&self) -> Option<Lint> {
        let text = &self.value.text;
        let span = self.value.span.clone();
        let quoted = format!("write `\"{}\"`", self.spelled.trim_matches('\''));
        match (self.value.kind, self.value.quirk) {
            (_, Some(Quirk::QuoteReopens)) => Some(
                Lint::warning(span, "no blank follows: the closing quote is read again as an opening one")
                    .help("put a blank after the string, or remove what follows it"),
            ),
            (_, Some(Quirk::RestLost)) => {
                let message = format!(
                    "the query ends in the middle of a possible keyword: this is read as `{text}` alone"
                );
                Some(Lint::warning(span, message).help("put the value into double quotes"))
            }
            (TokenKind::String, _) if text.starts_with('\'') => {
                let message = format!(
                    "the single quotes are part of the value: only the text `{text}` with its quotes is equal"
                );
                Some(Lint::warning(span, message).help(quoted))
            }
            (TokenKind::Identifier, _) if !matches!(text.as_str(), "true" | "false" | "null") => {
                let message = format!("this compares with the text `{text}`");
                Some(Lint::warning(span, message).help(quoted))
            }
            (TokenKind::Operator | TokenKind::Mark | TokenKind::Joining, _) => {
                let message = format!("this compares with the text `{text}`");
                Some(Lint::warning(span, message).help(self.rewritten(&self.operator.text, "\"…\"")))
            }
            (TokenKind::Number, _) if matches!(text.as_str(), "-" | "+") => Some(
                Lint::warning(span, format!("`{text}` alone is no number"))
                    .help("leave no blank after the sign"),
            ),
            _ => None,
        }
    }

    /// Remarks on what kinds of values are compared.
    fn about_kinds(&self) -> Option<Lint> {
        match self.operator.text.as_str() {
            "=" | "!=" if self.is_deep => self.about_deep_equality(),
            "=" | "!=" => self.about_scalar_equality(),
            operator if self.is_deep => self.about_order(operator),
            operator => {
                let message = format!(
                    "`{operator}` compares numbers, and `{}` is a text: this never holds",
                    self.member
                );
                Some(self.whole(message).help(self.rewritten("=", "\"…\"")))
            }
        }
    }

    fn about_scalar_equality(&self) -> Option<Lint> {
        let (member, operator, text) = (self.member, &*self.operator.text, &*self.spelled);
        let quoted = self.rewritten(operator, &format!("\"{text}\""));
        match (self.value.kind, text, member, operator) {
            (TokenKind::Null | TokenKind::Identifier, "null", "type" | "event", "=") => {
                let message = format!("this holds only when `{member}` is the text `null`");
                Some(self.whole(message).help(
                    "remove it: an event is never without a type, and a track event never without a name",
                ))
            }
            (TokenKind::Null | TokenKind::Identifier, "null", "type" | "event", _) => {
                let message = format!("this always holds, unless `{member}` is the text `null`");
                Some(
                    self.whole(message).help("remove it, or compare with what is wanted: `type = \"track\"`"),
                )
            }
            (TokenKind::Identifier, "true" | "false", "userId", "=") => None,
            (TokenKind::Number, ..) | (TokenKind::Identifier, "true" | "false", ..) => {
                let message = format!("this compares `{member}` with the text `{text}`");
                Some(self.whole(message).help(quoted))
            }
            _ => None,
        }
    }

    fn about_deep_equality(&self) -> Option<Lint> {
        let (field, text) = (&self.field.text, &*self.spelled);
        let is_equal = self.operator.text == "=";
        match self.value.kind {
            TokenKind::Identifier if !is_equal && matches!(text, "true" | "false") => {
                let message = format!(
                    "this holds for everything but the text `\"{text}\"`, also for the boolean {text}"
                );
                let opposite = if text == "true" { "false" } else { "true" };
                Some(self.whole(message).help(self.rewritten("=", opposite)))
            }
            TokenKind::Number if !is_equal => {
                let message = format!("this does not hold when `{field}` is missing or no number");
                Some(self.note(message))
            }
            TokenKind::String if reads_as_number(text) => {
                let message = if is_equal {
                    format!("this holds for the text `{text}`, never for the number {text}")
                } else {
                    format!("this holds also for the number {text}, and when `{field}` is missing")
                };
                let help = format!("if it is a number, write `{field} {} {text}`", self.operator.text);
                Some(self.note(message).help(help))
            }
            TokenKind::Null if field.matches('.').count() > 1 => {
                let above = field.rsplit_once('.').map_or("", |(above, _)| above);
                let effect = if is_equal { "false" } else { "true" };
                let message = format!(
                    "this is {effect} also when `{above}` is 0, false or an empty text: the path ends there"
                );
                Some(self.note(message))
            }
            _ => None,
        }
    }

    fn about_order(&self, operator: &str) -> Option<Lint> {
        if self.value.kind == TokenKind::Number {
            return None;
        }
        let number = Value::of(self.value).to_number();
        if number.is_nan() {
            let message = format!("`{}` is no number: this never holds", self.spelled);
            return Some(self.whole(message).help(self.rewritten(operator, "10")));
        }
        let message = format!("this compares with the number {number}");
        Some(self.whole(message).help(self.rewritten(operator, &number.to_string())))
    }
}

fn reads_as_number(text: &str) -> bool {
    !text.trim().is_empty() && text_to_number(text).is_finite()
}
