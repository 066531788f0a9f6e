//! Cursor: a place in a template's characters, and the classes of characters that liquidjs knows.

use super::Failure;

/// A part of a template, read from left to right.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'t> {
    text: &'t [char],
    pub(super) at: usize,
    pub(super) end: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t [char]) -> Cursor<'t> {
        Cursor { text, at: 0, end: text.len() }
    }

    /// A cursor over a part of the same text.
    pub(super) fn over(&self, start: usize, end: usize) -> Cursor<'t> {
        Cursor { text: self.text, at: start, end }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<char> {
        let at = self.at + ahead;
        if at < self.end { self.text.get(at).copied() } else { None }
    }

    /// Takes `wanted` if it comes next.
    pub(super) fn take(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn starts_with(&self, wanted: &str) -> bool {
        wanted.chars().enumerate().all(|(ahead, character)| self.peek_at(ahead) == Some(character))
    }

    /// Whether what was just read ends with `wanted`. Looks at the whole text, not only at this part of it.
    pub(super) fn has_read(&self, wanted: &str) -> bool {
        let mut before = self.at;
        wanted.chars().rev().all(|character| {
            before = before.wrapping_sub(1);
            self.text.get(before) == Some(&character)
        })
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    /// Moves behind the next `wanted`, at least one character on. `false` when there is none.
    pub(super) fn read_to(&mut self, wanted: &str) -> bool {
        while self.at < self.end {
            self.at += 1;
            if self.has_read(wanted) {
                return true;
            }
        }
        false
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> String {
        self.text[start.min(end)..end].iter().collect()
    }

    pub(super) fn rest(&self) -> String {
        self.slice(self.at, self.end)
    }

    /// Blanks, then word characters; possibly none.
    pub(super) fn identifier(&mut self) -> String {
        self.skip_blanks();
        let start = self.at;
        while self.peek().is_some_and(is_word) {
            self.at += 1;
        }
        self.slice(start, self.at)
    }

    /// A quoted string with its escapes read, if a quote comes next. An unclosed one ends with the text.
    pub(super) fn quoted(&mut self) -> Option<String> {
        self.skip_blanks();
        let quote = self.peek().filter(|character| is_quote(*character))?;
        let start = self.at;
        self.at += 1;
        let mut is_escaped = false;
        while let Some(character) = self.peek() {
            self.at += 1;
            if character == quote && !is_escaped {
                break;
            }
            is_escaped = character == '\\' && !is_escaped;
        }
        let inside = &self.text[start + 1..(self.at - 1).max(start + 1)];
        Some(unescape(inside))
    }

    pub(super) fn fail<T>(&self, what: &str) -> Result<T, Failure> {
        let rest: String = self.text[self.at.min(self.end)..self.end].iter().take(32).collect();
        Err(Failure::Syntax(format!("{what} at {rest:?}")))
    }
}

pub(super) fn is_blank(character: char) -> bool {
    matches!(character, '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{180e}' | '\u{2000}'..='\u{200a}'
        | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

pub(super) fn is_word(character: char) -> bool {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '?' => true,
        '\u{201c}' | '\u{201d}' => false,
        other => !other.is_ascii() && !is_blank(other),
    }
}

pub(super) fn is_quote(character: char) -> bool {
    matches!(character, '"' | '\'')
}

/// Reads the escapes of a string: `\n` and the like, `\uXXXX`, octal; any other character stands for itself.
fn unescape(text: &[char]) -> String {
    let mut out: Vec<u16> = Vec::with_capacity(text.len());
    let mut at = 0;
    let mut push = |character: char| out.extend_from_slice(character.encode_utf16(&mut [0; 2]));
    while at < text.len() {
        let character = text[at];
        at += 1;
        if character != '\\' {
            push(character);
            continue;
        }
        let Some(&escaped) = text.get(at) else { break };
        at += 1;
        match escaped {
            'b' => push('\u{8}'),
            'f' => push('\u{c}'),
            'n' => push('\n'),
            'r' => push('\r'),
            't' => push('\t'),
            'v' => push('\u{b}'),
            'u' => push(code(text, &mut at, 4, 16)),
            '0'..='7' => {
                at -= 1;
                push(code(text, &mut at, 3, 8));
            }
            other => push(other),
        }
    }
    String::from_utf16_lossy(&out)
}

fn code(text: &[char], at: &mut usize, digits: usize, radix: u32) -> char {
    let mut value = 0;
    for _ in 0..digits {
        let Some(digit) = text.get(*at).and_then(|character| character.to_digit(radix)) else { break };
        value = value * radix + digit;
        *at += 1;
    }
    char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
}
