//! Scanning: a template cut into text, outputs and tags, with the white space control of their dashes applied.

use super::Failure;
use super::cursor::{Cursor, is_blank, is_quote};

/// A piece of a template.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Where it stands, delimiters included.
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Text, from here to there once blanks are trimmed.
    Text { start: usize, end: usize },
    /// `{{ … }}`: where its content stands.
    Output { start: usize, end: usize },
    /// `{% … %}`: its name and where its arguments stand.
    Tag { name: String, start: usize, end: usize },
}

impl Token {
    pub(super) fn tag(&self) -> Option<&str> {
        match &self.kind {
            Kind::Tag { name, .. } => Some(name),
            _ => None,
        }
    }
}

/// A delimited token and whether its dashes trim what stands before and after.
struct Delimited {
    token: Token,
    trims: (bool, bool),
}

pub(super) fn scan(cursor: &mut Cursor<'_>) -> Result<Vec<Token>, Failure> {
    let mut tokens: Vec<(Token, (bool, bool))> = Vec::new();
    let mut is_raw = false;
    while !cursor.is_at_end() {
        let Delimited { token, trims } = if is_raw {
            raw(cursor)?
        } else if cursor.starts_with("{%") {
            tag(cursor)?
        } else if cursor.starts_with("{{") {
            output(cursor)?
        } else {
            text(cursor)
        };
        match token.tag() {
            Some("raw") => is_raw = true,
            Some("endraw") => is_raw = false,
            _ => {}
        }
        tokens.push((token, trims));
    }
    trim(cursor, &mut tokens);
    Ok(tokens.into_iter().map(|(token, _)| token).collect())
}

/// The lines of a `liquid` tag, each a tag of its own.
pub(super) fn lines(mut cursor: Cursor<'_>) -> Result<Vec<Token>, Failure> {
    let mut tokens = Vec::new();
    loop {
        cursor.skip_blanks();
        if cursor.is_at_end() {
            return Ok(tokens);
        }
        let start = cursor.at;
        cursor.read_to("\n");
        let inside = content(&cursor, start, cursor.at);
        tokens.push(named(&cursor, inside, start, cursor.at)?);
    }
}

fn text(cursor: &mut Cursor<'_>) -> Delimited {
    let start = cursor.at;
    while !cursor.is_at_end() && !cursor.starts_with("{%") && !cursor.starts_with("{{") {
        cursor.at += 1;
    }
    let end = cursor.at;
    Delimited { token: Token { kind: Kind::Text { start, end }, start, end }, trims: (false, false) }
}

fn tag(cursor: &mut Cursor<'_>) -> Result<Delimited, Failure> {
    let start = cursor.at;
    if !cursor.read_to("%}") {
        return cursor.over(start, cursor.end).fail("tag not closed");
    }
    delimited_tag(cursor, start, cursor.at)
}

fn delimited_tag(cursor: &Cursor<'_>, start: usize, end: usize) -> Result<Delimited, Failure> {
    let inside = content(cursor, start + 2, end - 2);
    let token = named(cursor, (inside.0, inside.1), start, end)?;
    Ok(Delimited { token, trims: dashes(cursor, start + 2, end - 2) })
}

fn named(
    cursor: &Cursor<'_>,
    (from, to): (usize, usize),
    start: usize,
    end: usize,
) -> Result<Token, Failure> {
    let mut inside = cursor.over(from, to);
    inside.skip_blanks();
    let name = if inside.take('#') { "#".to_owned() } else { inside.identifier() };
    if name.is_empty() {
        return inside.fail("illegal tag syntax, tag name expected");
    }
    inside.skip_blanks();
    Ok(Token { kind: Kind::Tag { name, start: inside.at, end: to }, start, end })
}

fn output(cursor: &mut Cursor<'_>) -> Result<Delimited, Failure> {
    let start = cursor.at;
    loop {
        if cursor.is_at_end() {
            return cursor.over(start, cursor.end).fail("output not closed");
        }
        if cursor.peek().is_some_and(is_quote) {
            cursor.quoted();
            continue;
        }
        cursor.at += 1;
        if cursor.has_read("}}") {
            break;
        }
    }
    let end = cursor.at;
    let (from, to) = content(cursor, start + 2, end - 2);
    let token = Token { kind: Kind::Output { start: from, end: to }, start, end };
    Ok(Delimited { token, trims: dashes(cursor, start + 2, end - 2) })
}

/// What stands after a `raw` tag: everything up to `{% endraw %}` as text, then that tag.
fn raw(cursor: &mut Cursor<'_>) -> Result<Delimited, Failure> {
    let start = cursor.at;
    let unclosed = cursor.clone();
    while cursor.read_to("{%") {
        let tag = cursor.at - 2;
        let mut ahead = cursor.clone();
        if ahead.identifier() != "endraw" {
            continue;
        }
        while !ahead.has_read("%}") {
            if ahead.is_at_end() || ahead.has_read("{%") && ahead.at > cursor.at {
                break;
            }
            ahead.at += 1;
        }
        if !ahead.has_read("%}") {
            continue;
        }
        if tag == start {
            cursor.at = ahead.at;
            return delimited_tag(cursor, start, ahead.at);
        }
        cursor.at = tag;
        let token = Token { kind: Kind::Text { start, end: tag }, start, end: tag };
        return Ok(Delimited { token, trims: (false, false) });
    }
    unclosed.fail("raw not closed")
}

/// The part between delimiters, without dashes and blanks.
fn content(cursor: &Cursor<'_>, start: usize, end: usize) -> (usize, usize) {
    let (before, after) = dashes(cursor, start, end);
    let (mut from, mut to) = (start + usize::from(before), end.saturating_sub(usize::from(after)));
    let is_blank_at = |at: usize| cursor.over(at, at + 1).peek().is_some_and(is_blank);
    while from < to && is_blank_at(from) {
        from += 1;
    }
    while to > from && is_blank_at(to - 1) {
        to -= 1;
    }
    (from, to)
}

fn dashes(cursor: &Cursor<'_>, start: usize, end: usize) -> (bool, bool) {
    let is_dash = |at: usize| cursor.over(at, at + 1).peek() == Some('-');
    (is_dash(start), end > 0 && is_dash(end - 1))
}

/// Takes the blanks that dashes trim from the texts beside them; not inside of `raw`.
fn trim(cursor: &Cursor<'_>, tokens: &mut [(Token, (bool, bool))]) {
    let is_blank_at = |at: usize| cursor.over(at, at + 1).peek().is_some_and(is_blank);
    let mut is_raw = false;
    for at in 0..tokens.len() {
        let (before, after) = tokens[at].1;
        if before
            && !is_raw
            && let Some((Token { kind: Kind::Text { start, end }, .. }, _)) =
                at.checked_sub(1).and_then(|before| tokens.get_mut(before))
        {
            while end > start && is_blank_at(*end - 1) {
                *end -= 1;
            }
        }
        match tokens[at].0.tag() {
            Some("raw") => is_raw = true,
            Some("endraw") => is_raw = false,
            _ => {}
        }
        if after
            && !is_raw
            && let Some((Token { kind: Kind::Text { start, end }, .. }, _)) = tokens.get_mut(at + 1)
        {
            while start < end && is_blank_at(*start) {
                *start += 1;
            }
        }
    }
}
