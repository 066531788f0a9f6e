//! Tokens of a trigger, exactly as Segment's runtime cuts them: units are UTF-16 units, keywords are lower case,
//! and a query that ends at an unlucky place loses characters.
//!
//! Invariant: the last token is the end, and there is no other one.

use std::ops::Range;

use super::error::{Fault, TriggerError};

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// What it spells; a string's quotes belong to it, an identifier's backslashes do not.
    pub(super) text: String,
    /// Its bytes in the query.
    pub(super) span: Range<usize>,
    /// What happened to it that its author may not expect.
    pub(super) quirk: Option<Quirk>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Identifier,
    Number,
    String,
    Operator,
    /// `and`, `or`
    Joining,
    Null,
    /// `.` `[` `]` `,` `(` `)`
    Mark,
    End,
}

/// Something the lexer does that nobody expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quirk {
    /// The closing quote is read again as an opening one.
    QuoteReopens,
    /// The rest of the query was lost.
    RestLost,
    /// A dot was escaped, in vain.
    DotEscaped,
}

impl Token {
    pub(super) fn new(kind: TokenKind, text: impl Into<String>, span: Range<usize>) -> Token {
        Token { kind, text: text.into(), span, quirk: None }
    }

    /// The token that closes a list.
    pub(super) fn end(at: usize) -> Token {
        Token::new(TokenKind::End, "eos", at..at)
    }

    pub(super) fn is_mark(&self, mark: &str) -> bool {
        self.kind == TokenKind::Mark && self.text == mark
    }
}

/// Strings, identifiers and numbers of so many units are refused.
const UNITS_MAX: usize = 100_000;

/// All tokens of a query, dotted names joined.
pub(super) fn tokens(query: &str) -> Result<Vec<Token>, TriggerError> {
    let mut lexer = Lexer { query, at: 0, reopened: None };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.token()? {
        if token.text.len() >= UNITS_MAX && token.text.encode_utf16().count() >= UNITS_MAX {
            return Err(TriggerError::new(Fault::LongToken, token.span));
        }
        push_joined(&mut tokens, token);
    }
    tokens.push(Token::end(query.len()));
    Ok(tokens)
}

/// Identifier, `.`, identifier become one identifier, blanks between them or not.
fn push_joined(tokens: &mut Vec<Token>, token: Token) {
    let is_joined = token.kind == TokenKind::Identifier
        && matches!(tokens.as_slice(), [.., name, dot]
            if name.kind == TokenKind::Identifier && dot.is_mark("."));
    if !is_joined {
        tokens.push(token);
        return;
    }
    tokens.pop();
    let name = tokens.last_mut().expect("a name stood before the dot");
    name.text.push('.');
    name.text.push_str(&token.text);
    name.span.end = token.span.end;
    name.quirk = token.quirk.or(name.quirk);
}

struct Lexer<'q> {
    query: &'q str,
    at: usize,
    /// A closing quote that is read again.
    reopened: Option<usize>,
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n')
}

fn is_terminator(next: Option<char>) -> bool {
    next.is_none_or(|next| is_blank(next) || matches!(next, ',' | ']' | ')'))
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '\\')
}

impl<'q> Lexer<'q> {
    fn rest(&self) -> &'q str {
        &self.query[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn peek_second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    fn fail<T>(&self, fault: Fault, start: usize) -> Result<T, TriggerError> {
        let end = self.at + self.peek().map_or(0, char::len_utf8);
        Err(TriggerError::new(fault, start..end))
    }

    /// The next `len` bytes, as a token.
    fn take(&mut self, kind: TokenKind, len: usize) -> Token {
        let start = self.at;
        self.at += len;
        Token::new(kind, &self.query[start..self.at], start..self.at)
    }

    fn token(&mut self) -> Result<Option<Token>, TriggerError> {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
        let Some(first) = self.peek() else {
            return Ok(None);
        };
        let token = match first {
            '!' => self.not()?,
            '=' => self.take(TokenKind::Operator, 1),
            '<' | '>' => self.order(),
            'A'..='Z' | 'a'..='z' | '_' | '\\' => self.word(first)?,
            '0'..='9' | '-' | '+' => self.number()?,
            '"' | '\'' => self.string(first)?,
            '.' | '[' | ']' | ',' | '(' | ')' => self.take(TokenKind::Mark, 1),
            other => return self.fail(Fault::Character(other), self.at),
        };
        Ok(Some(token))
    }

    fn not(&mut self) -> Result<Token, TriggerError> {
        match self.peek_second() {
            Some(next) if next.is_ascii_alphabetic() || next == '(' => Ok(self.take(TokenKind::Operator, 1)),
            Some('=') if is_terminator(self.rest().chars().nth(2)) => Ok(self.take(TokenKind::Operator, 2)),
            Some('=') => {
                let start = self.at;
                self.at += 2;
                self.fail(Fault::TightNotEqual, start)
            }
            _ => self.fail(Fault::LoneNot, self.at),
        }
    }

    fn order(&mut self) -> Token {
        let mut after = self.rest().chars().skip(1);
        let has_equal = after.next() == Some('=') && is_terminator(after.next());
        self.take(TokenKind::Operator, if has_equal { 2 } else { 1 })
    }

    /// A keyword or a name.
    fn word(&mut self, first: char) -> Result<Token, TriggerError> {
        let keyword = match first {
            'a' => "and",
            'o' => "or",
            'n' => "null",
            _ => return self.name(),
        };
        if self.rest().encode_utf16().take(keyword.len()).count() < keyword.len() {
            return Ok(self.lose_rest());
        }
        let after = self.rest().strip_prefix(keyword);
        if after.is_some_and(|after| is_terminator(after.chars().next())) {
            let kind = if first == 'n' { TokenKind::Null } else { TokenKind::Joining };
            return Ok(self.take(kind, keyword.len()));
        }
        self.name()
    }

    // Compat: while a keyword is tried the query may end; what was read is then lost, but for the first character.
    fn lose_rest(&mut self) -> Token {
        let mut token = self.take(TokenKind::Identifier, 1);
        if self.at < self.query.len() {
            token.span.end = self.query.len();
            token.quirk = Some(Quirk::RestLost);
            self.at = self.query.len();
        }
        token
    }

    fn name(&mut self) -> Result<Token, TriggerError> {
        let start = self.at;
        let mut text = String::new();
        let mut quirk = None;
        while let Some(character) = self.peek().filter(|next| is_name_character(*next)) {
            self.at += 1;
            if character != '\\' {
                text.push(character);
                continue;
            }
            match self.peek() {
                // Beyond U+FFFF a character is two units, of which the backslash takes one.
                Some(escaped) if escaped.len_utf16() == 1 => {
                    text.push(escaped);
                    self.at += escaped.len_utf8();
                    if escaped == '.' {
                        quirk = Some(Quirk::DotEscaped);
                    }
                }
                Some(wide) => return self.fail(Fault::WideEscape(wide), start),
                None => return self.fail(Fault::LastBackslash, start),
            }
        }
        let next = self.peek();
        if !is_terminator(next) && !matches!(next, Some('.' | '(' | '=' | '!')) {
            let fault = Fault::AfterName(next.unwrap_or_default());
            return self.fail(fault, start);
        }
        let mut token = Token::new(TokenKind::Identifier, text, start..self.at);
        token.quirk = quirk;
        Ok(token)
    }

    fn number(&mut self) -> Result<Token, TriggerError> {
        let start = self.at;
        let mut has_point = false;
        self.at += 1;
        loop {
            match self.peek() {
                Some('0'..='9') => self.at += 1,
                Some('.') if has_point => return self.fail(Fault::SecondPoint, start),
                Some('.') => {
                    has_point = true;
                    self.at += 1;
                    if is_terminator(self.peek()) {
                        return self.fail(Fault::LastPoint, start);
                    }
                }
                _ => break,
            }
        }
        let text = &self.query[start..self.at];
        Ok(Token::new(TokenKind::Number, text, start..self.at))
    }

    fn string(&mut self, quote: char) -> Result<Token, TriggerError> {
        let start = self.at;
        let Some(len) = self.rest()[1..].find(quote) else {
            if self.reopened == Some(start) {
                self.at = start + 1;
                return self.fail(Fault::GluedString, start);
            }
            self.at = self.query.len();
            return self.fail(Fault::OpenString(quote), start);
        };
        let end = start + len + 2;
        let mut token = Token::new(TokenKind::String, &self.query[start..end], start..end);
        // Compat: the closing quote is consumed only before a terminator.
        if is_terminator(self.query[end..].chars().next()) {
            self.at = end;
        } else {
            self.at = end - 1;
            self.reopened = Some(self.at);
            token.quirk = Some(Quirk::QuoteReopens);
        }
        Ok(token)
    }
}
