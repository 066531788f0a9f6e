//! Template: text with `{{path}}` placeholders, cut once into parts.
//!
//! Invariant: `{{{path}}}` is replaced first and its output goes through the second pass, as at Segment; a template
//! without such a placeholder needs one pass, decided when it is cut.

use memchr::memchr;

use super::meter::{Excess, Meter};
use super::path::Path;
use super::value::Value;
use crate::json::{Numbers, write_string};

/// A template, cut.
#[derive(Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
    /// Cut at triple braces: the output is itself a template.
    is_first_pass: bool,
}

#[derive(Debug)]
enum Part {
    /// Literal text, and the same as it stands inside a JSON string.
    Text {
        plain: Box<str>,
        escaped: Box<str>,
    },
    Place(Path),
}

impl Template {
    pub(super) fn parse(text: &str) -> Template {
        let parts = cut(text, 3);
        if parts.iter().any(|part| matches!(part, Part::Place(_))) {
            return Template { parts, is_first_pass: true };
        }
        Template { parts: cut(text, 2), is_first_pass: false }
    }

    /// Appends what the template prints for `event`.
    pub(super) fn write_text(
        &self,
        event: &Value<'_>,
        numbers: Numbers,
        meter: &Meter,
        out: &mut String,
    ) -> Result<(), Excess> {
        if self.is_first_pass {
            let mut template = String::new();
            self.write_parts(event, numbers, meter, &mut template)?;
            return Template { parts: cut(&template, 2), is_first_pass: false }
                .write_parts(event, numbers, meter, out);
        }
        self.write_parts(event, numbers, meter, out)
    }

    fn write_parts(
        &self,
        event: &Value<'_>,
        numbers: Numbers,
        meter: &Meter,
        out: &mut String,
    ) -> Result<(), Excess> {
        for part in &self.parts {
            match part {
                Part::Text { plain, .. } => {
                    meter.spend(plain.len())?;
                    out.push_str(plain);
                }
                Part::Place(path) => path.follow(event).write_text(numbers, meter, out)?,
            }
        }
        Ok(())
    }

    /// Appends the same as a JSON string, with quotes.
    pub(super) fn write_json(
        &self,
        event: &Value<'_>,
        numbers: Numbers,
        meter: &Meter,
        out: &mut String,
    ) -> Result<(), Excess> {
        if self.is_first_pass {
            let mut text = String::new();
            self.write_text(event, numbers, meter, &mut text)?;
            write_string(&text, out);
            return Ok(());
        }
        out.push('"');
        for part in &self.parts {
            match part {
                Part::Text { escaped, .. } => out.push_str(escaped),
                Part::Place(path) => write_inside(&path.follow(event), numbers, meter, out)?,
            }
        }
        out.push('"');
        Ok(())
    }
}

/// Appends a value's text as it stands inside a JSON string.
fn write_inside(value: &Value<'_>, numbers: Numbers, meter: &Meter, out: &mut String) -> Result<(), Excess> {
    if let Value::Node(node) = value
        && node.is_canonical()
        && let Some(inside) = node.raw().strip_prefix('"')
    {
        out.push_str(inside.strip_suffix('"').unwrap_or(inside));
        return meter.spend(inside.len());
    }
    let mut text = String::new();
    value.write_text(numbers, meter, &mut text)?;
    out.push_str(&escaped(&text));
    Ok(())
}

fn escaped(text: &str) -> Box<str> {
    let mut quoted = String::with_capacity(text.len() + 2);
    write_string(text, &mut quoted);
    quoted[1..quoted.len() - 1].into()
}

/// Cuts at placeholders of `braces` braces: that many opening, one or more characters but `}`, as many closing.
fn cut(text: &str, braces: usize) -> Vec<Part> {
    let (opening, closing) = (&"{{{"[..braces], &"}}}"[..braces]);
    let mut parts = Vec::new();
    let (mut done, mut at) = (0, 0);
    while let Some(found) = text[at..].find(opening) {
        let inside = at + found + braces;
        // Without another closing brace there is no further placeholder.
        let Some(end) = memchr(b'}', &text.as_bytes()[inside..]).map(|length| inside + length) else { break };
        if end == inside || !text[end..].starts_with(closing) {
            // Whatever else opens before that brace is closed by it too, so it opens nothing either.
            at = end;
            continue;
        }
        push_text(&mut parts, &text[done..inside - braces]);
        parts.push(Part::Place(Path::parse_placeholder(text[inside..end].trim_matches(is_blank))));
        at = end + braces;
        done = at;
    }
    push_text(&mut parts, &text[done..]);
    parts
}

fn push_text(parts: &mut Vec<Part>, plain: &str) {
    if !plain.is_empty() {
        parts.push(Part::Text { plain: plain.into(), escaped: escaped(plain) });
    }
}

/// The blanks that are trimmed from a placeholder.
pub(crate) fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}'
    )
}
