//! The strict reading of a trigger: the part of the language that means what it says (§3.6).

use super::error::Function;
use super::lexer::{Token, TokenKind};

/// The token at which a query leaves the strict grammar.
pub(super) fn departure(tokens: &[Token]) -> Option<&Token> {
    let mut reader = Reader { tokens, at: 0 };
    let is_strict = reader.list(true) && reader.peek().kind == TokenKind::End;
    (!is_strict).then(|| reader.peek())
}

/// Reads from left to right; where a rule does not apply it stays at the token that broke it.
struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> &'t Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn take(&mut self, is_right: impl Fn(&Token) -> bool) -> bool {
        let takes = is_right(self.peek());
        self.at += usize::from(takes);
        takes
    }

    /// Clauses joined by one word throughout. Calls and parentheses only at the top.
    fn list(&mut self, is_top: bool) -> bool {
        let mut word: Option<&str> = None;
        loop {
            let is_clause = if is_top { self.clause() } else { self.compare() };
            if !is_clause {
                return false;
            }
            let joining = self.peek();
            if joining.kind != TokenKind::Joining {
                return true;
            }
            if word.is_some_and(|word| word != joining.text) {
                return false;
            }
            word = Some(&joining.text);
            self.at += 1;
        }
    }

    fn clause(&mut self) -> bool {
        if self.take(|token| token.is_mark("(")) {
            return self.list(false) && self.take(|token| token.is_mark(")"));
        }
        let next = self.peek();
        let is_call = next.text == "!" || Function::of(&next.text).is_some();
        if is_call { self.call() } else { self.compare() }
    }

    fn compare(&mut self) -> bool {
        let field = self.peek();
        let is_deep = is_deep(field);
        let is_scalar = is_scalar(field);
        if !self.take(|token| is_deep || (is_scalar && token.kind == TokenKind::Identifier)) {
            return false;
        }
        let operator = self.peek();
        if !self.take(|token| token.kind == TokenKind::Operator && token.text != "!") {
            return false;
        }
        let is_equal = operator.text == "=";
        let tests_equality = is_equal || operator.text == "!=";
        self.take(|value| match value.kind {
            TokenKind::String => tests_equality && is_plain_string(value),
            TokenKind::Null => tests_equality && !matches!(&*field.text, "type" | "event"),
            TokenKind::Identifier => {
                let is_boolean = value.text == "true" || value.text == "false";
                is_boolean && is_equal && (is_deep || field.text == "userId")
            }
            TokenKind::Number => is_deep && !matches!(&*value.text, "-" | "+"),
            _ => false,
        })
    }

    fn call(&mut self) -> bool {
        self.take(|token| token.kind == TokenKind::Operator && token.text == "!");
        let Some(function) = Function::of(&self.peek().text) else {
            return false;
        };
        self.at += 1;
        self.take(|token| token.is_mark("("))
            && self.take(|token| token.text != "type" && (is_scalar(token) || is_deep(token)))
            && self.take(|token| token.is_mark(","))
            && self.take(|token| {
                is_plain_string(token) && (function == Function::Contains || is_glob(&token.text))
            })
            && self.take(|token| token.is_mark(")"))
    }
}

fn is_scalar(token: &Token) -> bool {
    let is_name = token.kind == TokenKind::Identifier;
    is_name && matches!(&*token.text, "type" | "event" | "name" | "userId")
}

fn is_deep(token: &Token) -> bool {
    let first = token.text.split_once('.').map(|(first, _)| first);
    let is_name = token.kind == TokenKind::Identifier;
    is_name && matches!(first, Some("properties" | "traits" | "context"))
}

fn is_plain_string(token: &Token) -> bool {
    token.kind == TokenKind::String && token.text.starts_with('"') && token.quirk.is_none()
}

/// A star at one end.
fn is_glob(quoted: &str) -> bool {
    quoted.starts_with("\"*") || quoted.ends_with("*\"")
}
