//! Text directives: `@case` and `@replace`.
//!
//! Invariant: text is compared by UTF-16 units as ECMAScript does, with its folding of single units.

use serde_json::Value as Json;

use super::rule::Rule;
use super::value::{Value, push_number, units};

const LONGEST: usize = 10;

/// `@case`.
#[derive(Debug)]
pub(crate) struct Case {
    operator: Operator,
    pub(super) value: Rule,
}

#[derive(Debug)]
enum Operator {
    Lower,
    Upper,
    Unknown,
}

impl Case {
    pub(super) fn new(operator: Option<&str>, value: Rule) -> Case {
        let operator = match operator {
            Some("lower") => Operator::Lower,
            Some("upper") => Operator::Upper,
            _ => Operator::Unknown,
        };
        Case { operator, value }
    }

    pub(super) fn apply<'e>(&self, value: Value<'e>) -> Result<Value<'e>, &'static str> {
        let Some(text) = value.as_str() else { return Ok(value) };
        match self.operator {
            Operator::Lower => Ok(Value::text(text.to_lowercase())),
            Operator::Upper => Ok(Value::text(text.to_uppercase())),
            Operator::Unknown => Err("operator key should have a value of \"lower\" or \"upper\""),
        }
    }
}

/// `@replace`. What is `None` was of a wrong kind, which makes the result `""`.
#[derive(Debug)]
pub(crate) struct Replace {
    pub(super) pairs: Option<(Pair, Option<Pair>)>,
    pub(super) is_global: Option<bool>,
    pub(super) ignores_case: Option<bool>,
    pub(super) value: Rule,
}

/// A pattern and what takes its place.
#[derive(Debug)]
pub(crate) struct Pair {
    pattern: String,
    replacement: Vec<Piece>,
    is_pattern_long: bool,
    is_replacement_long: bool,
}

/// A piece of a replacement: text, or what a `$` code stands for.
#[derive(Debug)]
enum Piece {
    Text(String),
    Match,
    Before,
    After,
}

impl Pair {
    /// `None` when one is no string; a replacement that is absent or `null` is empty.
    pub(super) fn new(pattern: Option<&Json>, replacement: Option<&Json>) -> Option<Pair> {
        let pattern = pattern?.as_str()?;
        let replacement = match replacement {
            None | Some(Json::Null) => "",
            Some(other) => other.as_str()?,
        };
        Some(Pair {
            pattern: pattern.to_owned(),
            replacement: cut(replacement),
            is_pattern_long: units(pattern) > LONGEST,
            is_replacement_long: units(replacement) > LONGEST,
        })
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.is_pattern_long {
            Err("@replace requires a \"pattern\" less than 10 characters")
        } else if self.is_replacement_long {
            Err("@replace requires a \"replacement\" less than 10 characters")
        } else {
            Ok(())
        }
    }

    fn replace(&self, text: &str, is_global: bool, ignores_case: bool) -> Result<String, &'static str> {
        self.check()?;
        let places = find(text, &self.pattern, ignores_case);
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (start, end) in places.take(if is_global { usize::MAX } else { 1 }) {
            out.push_str(&text[done..start]);
            for piece in &self.replacement {
                match piece {
                    Piece::Text(piece) => out.push_str(piece),
                    Piece::Match => out.push_str(&text[start..end]),
                    Piece::Before => out.push_str(&text[..start]),
                    Piece::After => out.push_str(&text[end..]),
                }
                if out.len() > super::meter::BUDGET {
                    return Err("@replace makes the text too long");
                }
            }
            done = end;
        }
        out.push_str(&text[done..]);
        Ok(out)
    }
}

impl Replace {
    pub(super) fn apply<'e>(&self, value: &Value<'e>) -> Result<Value<'e>, &'static str> {
        let text = match (value.as_str(), value.as_bool(), value.as_f64()) {
            (Some(text), ..) => text.into_owned(),
            (_, Some(truth), _) => truth.to_string(),
            (.., Some(number)) => {
                let mut text = String::new();
                push_number(number, &mut text);
                text
            }
            _ => return Ok(Value::Str("")),
        };
        let (Some((first, second)), Some(is_global), Some(ignores_case)) =
            (&self.pairs, self.is_global, self.ignores_case)
        else {
            return Ok(Value::Str(""));
        };
        let mut replaced = first.replace(&text, is_global, ignores_case)?;
        if let Some(second) = second {
            replaced = second.replace(&replaced, is_global, ignores_case)?;
        }
        Ok(Value::text(replaced))
    }
}

/// Cuts a replacement at its codes: `$$`, `$&`, `` $` `` and `$'`. Every other `$` is itself.
fn cut(replacement: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut characters = replacement.chars().peekable();
    while let Some(character) = characters.next() {
        let code = match (character, characters.peek()) {
            ('$', Some('$')) => None,
            ('$', Some('&')) => Some(Piece::Match),
            ('$', Some('`')) => Some(Piece::Before),
            ('$', Some('\'')) => Some(Piece::After),
            _ => {
                text.push(character);
                continue;
            }
        };
        characters.next();
        match code {
            None => text.push('$'),
            Some(code) => {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(code);
            }
        }
    }
    pieces.push(Piece::Text(text));
    pieces
}

/// Where `pattern` stands in `text`: byte ranges, leftmost first, without overlap.
fn find<'t>(
    text: &'t str,
    pattern: &'t str,
    ignores_case: bool,
) -> Box<dyn Iterator<Item = (usize, usize)> + 't> {
    if !ignores_case {
        return Box::new(text.match_indices(pattern).map(|(at, found)| (at, at + found.len())));
    }
    // Letters fold one to one, and none across U+FFFF, so that characters can be compared instead of units.
    let pattern: Vec<char> = pattern.chars().map(fold).collect();
    let mut rest = text;
    Box::new(std::iter::from_fn(move || {
        loop {
            let start = text.len() - rest.len();
            let mut characters = rest.chars();
            let is_match = pattern.iter().all(|wanted| characters.next().map(fold) == Some(*wanted));
            if is_match {
                rest = characters.as_str();
                return Some((start, text.len() - rest.len()));
            }
            let mut characters = rest.chars();
            characters.next()?;
            rest = characters.as_str();
        }
    }))
}

/// The upper case of a character, if that is one UTF-16 unit and not ASCII for a character that is not.
fn fold(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None)
            if character.len_utf16() == 1
                && single.len_utf16() == 1
                && (character.is_ascii() || !single.is_ascii()) =>
        {
            single
        }
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_without_a_single_other_case_match_only_themselves() {
        for (one, other) in [('ß', 'S'), ('ſ', 's'), ('\u{212a}', 'k'), ('𐐨', '𐐀')] {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
        assert_eq!(fold('σ'), fold('ς'));
        assert_eq!(fold('µ'), fold('μ'));
    }
}
