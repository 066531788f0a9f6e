//! Remarks on a function call: `contains` and `match`.

use std::ops::Range;

use crate::trigger::error::Function;
use crate::trigger::lexer::{Quirk, Token, TokenKind};
use crate::trigger::parser::Value;

use super::Lint;

pub(super) fn remarks(
    function: Function,
    is_negated: bool,
    field: &Token,
    value: &Token,
    span: &Range<usize>,
) -> Vec<Lint> {
    let not = if is_negated { "!" } else { "" };
    let mut lints = Vec::new();
    lints.extend(about_field(field));
    lints.extend(about_quotes(value).or_else(|| match function {
        Function::Contains => None,
        Function::Match => about_pattern(not, field, value),
    }));
    if is_negated {
        let message = format!("this does not hold when `{}` is missing or no text", field.text);
        lints.push(Lint::note(span.clone(), message));
    }
    lints
}

fn about_field(field: &Token) -> Option<Lint> {
    let text = &field.text;
    let deep = ["properties", "traits", "context"];
    let member = deep.into_iter().find(|member| text.starts_with(member))?;
    if text[member.len()..].starts_with('.') {
        return None;
    }
    let message = format!("`{text}` reads the member `{text}` of `{member}`");
    Some(Lint::warning(field.span.clone(), message).help(format!("write `{member}.` and the member's name")))
}

fn about_quotes(value: &Token) -> Option<Lint> {
    let text = &value.text;
    let span = value.span.clone();
    match (value.kind, value.quirk) {
        (TokenKind::String, Some(Quirk::QuoteReopens)) => Some(
            Lint::warning(
                span,
                "nothing ends the string here: its closing quote is read again as an opening one",
            )
            .help("write `)` right after the string"),
        ),
        (TokenKind::String, _) if text.starts_with('\'') => {
            let message = format!("the single quotes are part of the text: `{text}`");
            Some(Lint::warning(span, message).help(format!("write `\"{}\"`", text.trim_matches('\''))))
        }
        (TokenKind::String, _) => None,
        (TokenKind::End, _) => {
            Some(Lint::warning(span, "the text is missing").help("write it in double quotes"))
        }
        _ => {
            let message = format!("`{text}` without quotes is taken as a text");
            Some(Lint::warning(span, message).help(format!("write `\"{text}\"`")))
        }
    }
}

/// A pattern has one star, at one end.
fn about_pattern(not: &str, field: &Token, value: &Token) -> Option<Lint> {
    let field = &field.text;
    let text = Value::of(value).into_text();
    let lint = |message: String| Lint::warning(value.span.clone(), message);
    let (head, tail) = (text.strip_prefix('*'), text.strip_suffix('*'));
    let (message, inner) = match (head, tail) {
        (Some(""), _) => {
            let message = format!("this holds for every text: `{field}` must only be one");
            return Some(Lint::note(value.span.clone(), message));
        }
        (Some(head), Some(start)) => {
            let middle = head.strip_suffix('*').unwrap_or(head);
            let message = format!("a star counts at one end only: this means \"starts with `{start}`\"");
            return Some(lint(message).help(format!("write `{not}contains({field}, \"{middle}\")`")));
        }
        (None, None) => {
            let mut rest = text.chars();
            rest.next();
            let message = format!(
                "without a star the first character is dropped: this means \"ends with `{}`\"",
                rest.as_str()
            );
            let equal = if not.is_empty() { "=" } else { "!=" };
            let help = format!("write `{field} {equal} \"{text}\"`, or `{not}match({field}, \"*{text}\")`");
            return Some(lint(message).help(help));
        }
        (Some(head), None) => ("ends with", head),
        (None, Some(start)) => ("starts with", start),
    };
    let is_special = |c: char| matches!(c, '*' | '?' | '[' | '\\');
    inner.contains(is_special).then(|| {
        lint(format!(
            "only a star at one end has a meaning: this means \"{message} `{inner}`\", character by character"
        ))
        .help("use `contains` for each part, joined by `and`")
    })
}
