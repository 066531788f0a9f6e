//! The loose reading of a trigger: what Segment's runtime makes of the tokens, whatever their author meant.
//!
//! Invariants: never refuses what the runtime takes, never takes what it refuses; what it silently passes over is
//! reported as an [`Oddity`], for [`lint`](super::lint()).

use std::ops::Range;
use std::slice;

use memchr::memmem::Finder;

use super::clause::{Check, Clause, Field, Joining, Path, Suffix, Test};
use super::error::{Fault, Function, TriggerError};
use super::lexer::{Token, TokenKind};
use crate::event::Member;
use crate::json::{number_text, text_to_number};

/// Something the reader did that a strict reader would not.
#[derive(Debug, Clone)]
pub(super) enum Oddity {
    /// A token that means nothing where it stands.
    Skipped(Token),
    /// `!` before something that cannot be negated.
    NotIgnored(Range<usize>),
    /// A function whose field it cannot read: no condition.
    NoClause { field: Token, span: Range<usize> },
    /// Parentheses that end at the `)` of a function inside them.
    GroupCut(Range<usize>),
    /// Parentheses without a condition.
    EmptyGroup(Range<usize>),
    /// `and` and `or` in one list; the last one, which stands here, counts.
    Mixed { joining: Joining, span: Range<usize> },
    /// A comparison, with its tokens.
    Compared { field: Token, operator: Token, value: Token },
    /// A function call, with its tokens.
    Called { function: Function, is_negated: bool, field: Token, value: Token, span: Range<usize> },
}

/// What the tokens mean. What was odd about them is added to `oddities`, also when they are refused.
pub(super) fn read(tokens: &[Token], oddities: &mut Vec<Oddity>) -> Result<Clause, TriggerError> {
    let (end, rest) = tokens.split_last().expect("the lexer adds an end");
    match List::new(rest, end, None, oddities).read()? {
        Some(clause) if !matches!(clause, Clause::Empty) => Ok(clause),
        _ => Err(TriggerError::new(Fault::NoClause, 0..end.span.end)),
    }
}

/// A list of clauses being read.
struct List<'t> {
    rest: slice::Iter<'t, Token>,
    end: Option<&'t Token>,
    /// The parenthesis it stands in.
    group: Option<&'t Token>,
    clauses: Vec<Clause>,
    joining: Joining,
    /// The last joining word.
    joined_by: Option<&'t Token>,
    /// Whether another one came before.
    is_mixed: bool,
    oddities: &'t mut Vec<Oddity>,
}

impl<'t> List<'t> {
    fn new(
        tokens: &'t [Token],
        end: &'t Token,
        group: Option<&'t Token>,
        oddities: &'t mut Vec<Oddity>,
    ) -> List<'t> {
        List {
            rest: tokens.iter(),
            end: Some(end),
            group,
            clauses: Vec::new(),
            joining: Joining::And,
            joined_by: None,
            is_mixed: false,
            oddities,
        }
    }

    fn next(&mut self) -> Option<&'t Token> {
        self.rest.next().or_else(|| self.end.take())
    }

    fn read(mut self) -> Result<Option<Clause>, TriggerError> {
        while let Some(token) = self.next().filter(|token| token.kind != TokenKind::End) {
            self.item(token)?;
        }
        if let Some(last) = self.joined_by.filter(|_| self.is_mixed) {
            let span = last.span.clone();
            let joining = self.joining;
            self.oddities.push(Oddity::Mixed { joining, span });
        }
        if self.clauses.len() < 2 {
            return Ok(self.clauses.pop());
        }
        Ok(Some(Clause::Group { joining: self.joining, clauses: self.clauses }))
    }

    fn item(&mut self, token: &'t Token) -> Result<(), TriggerError> {
        match token.kind {
            TokenKind::Identifier => {
                if let Some(function) = Function::of(&token.text) {
                    return self.call(function, true, token);
                }
                match field(token) {
                    Some(field) => self.compare(field, token)?,
                    None => self.skip(token),
                }
            }
            TokenKind::Operator if token.text == "!" => self.not(token)?,
            TokenKind::Joining => self.join(token),
            TokenKind::Mark if token.text == "(" => self.group(token)?,
            _ => self.skip(token),
        }
        Ok(())
    }

    fn skip(&mut self, token: &Token) {
        self.oddities.push(Oddity::Skipped(token.clone()));
    }

    fn join(&mut self, token: &'t Token) {
        self.is_mixed |= self.joined_by.is_some_and(|last| last.text != token.text);
        self.joined_by = Some(token);
        self.joining = if token.text == "or" { Joining::Or } else { Joining::And };
    }

    fn not(&mut self, token: &'t Token) -> Result<(), TriggerError> {
        let following = self.rest.as_slice().first();
        let function = following.and_then(|next| {
            let is_name = next.kind == TokenKind::Identifier;
            Function::of(&next.text).filter(|_| is_name)
        });
        if let Some(function) = function {
            self.rest.next();
            return self.call(function, false, token);
        }
        let span = token.span.clone();
        self.oddities.push(Oddity::NotIgnored(span));
        Ok(())
    }

    /// The two tokens after a field are its operator and its value, whatever they are.
    fn compare(&mut self, field: Field, token: &'t Token) -> Result<(), TriggerError> {
        let (Some(operator), Some(value)) = (self.next(), self.next()) else {
            let span = token.span.clone();
            return Err(TriggerError::new(Fault::MissingValue, span));
        };
        let check = check(&field, operator, value);
        self.push(field, check, token.span.start..value.span.end);
        self.oddities.push(Oddity::Compared {
            field: token.clone(),
            operator: operator.clone(),
            value: value.clone(),
        });
        Ok(())
    }

    fn push(&mut self, field: Field, check: Check, span: Range<usize>) {
        self.clauses.push(Clause::Test(Test { field, check, span }));
    }

    /// Five tokens after the name: one, the field, one, the value, one. Only field and value are looked at.
    fn call(&mut self, function: Function, wanted: bool, first: &'t Token) -> Result<(), TriggerError> {
        let missing = |fault| TriggerError::new(fault, first.span.clone());
        self.next();
        let field = self.next().ok_or_else(|| missing(Fault::MissingField(function)))?;
        self.next();
        let value = self.next().ok_or_else(|| missing(Fault::MissingText(function)))?;
        let last = self.next().unwrap_or(value);
        let span = first.span.start..last.span.end;
        let Some(read) = call_field(&field.text) else {
            let field = field.clone();
            self.oddities.push(Oddity::NoClause { field, span });
            return Ok(());
        };
        let check = call_check(function, wanted, value);
        self.push(read, check, span.clone());
        self.oddities.push(Oddity::Called {
            function,
            is_negated: !wanted,
            field: field.clone(),
            value: value.clone(),
            span,
        });
        Ok(())
    }

    /// Up to the first `)`: parentheses inside are not counted.
    fn group(&mut self, open: &'t Token) -> Result<(), TriggerError> {
        let rest = self.rest.as_slice();
        let Some(len) = rest.iter().position(|token| token.is_mark(")")) else {
            return Err(match self.group {
                Some(_) => TriggerError::new(Fault::NestedGroup, open.span.clone()),
                None => TriggerError::new(Fault::OpenGroup, open.span.clone()),
            });
        };
        let (inside, close) = (&rest[..len], &rest[len]);
        self.rest = rest[len + 1..].iter();
        let span = open.span.start..close.span.end;
        let is_call = |pair: &[Token]| Function::of(&pair[0].text).is_some() && pair[1].is_mark("(");
        if inside.windows(2).any(is_call) {
            self.oddities.push(Oddity::GroupCut(span.clone()));
        }
        let end = Token::end(close.span.start);
        let read = List::new(inside, &end, Some(open), self.oddities).read()?;
        if read.is_none() {
            self.oddities.push(Oddity::EmptyGroup(span));
        }
        self.clauses.push(read.unwrap_or(Clause::Empty));
        Ok(())
    }
}

/// The field an identifier names, by its first part.
fn field(token: &Token) -> Option<Field> {
    let (first, rest) = match token.text.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (token.text.as_str(), None),
    };
    match Member::of(first)? {
        member @ (Member::Type | Member::Event | Member::Name | Member::UserId) => {
            Some(Field { member, path: None })
        }
        member @ (Member::Properties | Member::Traits | Member::Context) => {
            Some(Field { member, path: Some(Path::new(rest.unwrap_or(first))) })
        }
        _ => None,
    }
}

/// The field a function's first argument names, by how it begins.
fn call_field(text: &str) -> Option<Field> {
    let scalar = match text {
        "event" => Some(Member::Event),
        "name" => Some(Member::Name),
        "userId" => Some(Member::UserId),
        _ => None,
    };
    if let Some(member) = scalar {
        return Some(Field { member, path: None });
    }
    let deep = [Member::Properties, Member::Traits, Member::Context];
    let member = deep.into_iter().find(|member| text.starts_with(member.key()))?;
    let below = text[member.key().len()..].strip_prefix('.');
    Some(Field { member, path: Some(Path::new(below.unwrap_or(text))) })
}

/// What a token stands for as a value.
pub(super) enum Value {
    Text(String),
    Number(f64),
    Bool(bool),
}

impl Value {
    pub(super) fn of(token: &Token) -> Value {
        let text = token.text.as_str();
        match (token.kind, text) {
            // Compat: only double quotes are taken off.
            (TokenKind::String, _) => {
                let text = text.strip_prefix('"').unwrap_or(text);
                Value::Text(text.strip_suffix('"').unwrap_or(text).to_owned())
            }
            (TokenKind::Number, _) => Value::Number(text.parse().unwrap_or(f64::NAN)),
            (TokenKind::Identifier, "true") => Value::Bool(true),
            (TokenKind::Identifier, "false") => Value::Bool(false),
            _ => Value::Text(text.to_owned()),
        }
    }

    pub(super) fn into_text(self) -> String {
        match self {
            Value::Text(text) => text,
            Value::Number(number) => number_text(number).to_string(),
            Value::Bool(value) => value.to_string(),
        }
    }

    pub(super) fn to_number(&self) -> f64 {
        match self {
            Value::Text(text) => text_to_number(text),
            Value::Number(number) => *number,
            Value::Bool(value) => f64::from(u8::from(*value)),
        }
    }
}

fn check(field: &Field, operator: &Token, value: &Token) -> Check {
    let member = field.member;
    let is_deep = field.path.is_some();
    let has_booleans = is_deep || member == Member::UserId;
    let has_null = has_booleans || member == Member::Name;
    let is_number = is_deep && value.kind == TokenKind::Number;
    match (operator.text.as_str(), value.text.as_str()) {
        ("!=", "null") if has_null => return Check::Exists,
        ("=", "null") if has_null => return Check::Missing,
        ("=", "true") if has_booleans => return Check::IsTrue,
        ("=", "false") if has_booleans => return Check::IsFalse,
        _ => {}
    }
    let value = match Value::of(value) {
        kept if is_deep => kept,
        text => Value::Text(text.into_text()),
    };
    match operator.text.as_str() {
        "=" if is_number => Check::NumberEquals(value.to_number()),
        "!=" if is_number => Check::NumberDiffers(value.to_number()),
        named => check_named(named, value),
    }
}

/// Operators go by their text: `event contains "x"` works.
fn check_named(operator: &str, value: Value) -> Check {
    let strictly = |value: &Value| match value {
        Value::Number(number) => *number,
        _ => f64::NAN,
    };
    match operator {
        "=" => Check::Equals(value.into_text().into()),
        "!=" => Check::Differs(value.into_text().into()),
        "number_equals" => Check::NumberEquals(strictly(&value)),
        "number_not_equals" => Check::NumberDiffers(strictly(&value)),
        "<" => Check::Less(value.to_number()),
        "<=" => Check::AtMost(value.to_number()),
        ">" => Check::Greater(value.to_number()),
        ">=" => Check::AtLeast(value.to_number()),
        "contains" => contains(&value.into_text(), true),
        "not_contains" => contains(&value.into_text(), false),
        "starts_with" => starts_with(&value.into_text(), true),
        "not_starts_with" => starts_with(&value.into_text(), false),
        "ends_with" => ends_with(Suffix::whole(&value.into_text()), true),
        "not_ends_with" => ends_with(Suffix::whole(&value.into_text()), false),
        "exists" => Check::Exists,
        "not_exists" => Check::Missing,
        "is_true" => Check::IsTrue,
        "is_false" => Check::IsFalse,
        _ => Check::Never,
    }
}

fn contains(text: &str, wanted: bool) -> Check {
    let text = Box::new(Finder::new(text).into_owned());
    Check::Contains { text, wanted }
}

fn starts_with(text: &str, wanted: bool) -> Check {
    let text = text.into();
    Check::StartsWith { text, wanted }
}

fn ends_with(text: Suffix, wanted: bool) -> Check {
    Check::EndsWith { text, wanted }
}

fn call_check(function: Function, wanted: bool, token: &Token) -> Check {
    let text = Value::of(token).into_text();
    match function {
        Function::Contains => contains(&text, wanted),
        // Compat: a star at the end means "starts with"; anything else loses its first character and means "ends with".
        Function::Match if token.text.ends_with("*\"") => {
            let last = text.char_indices().next_back().map_or(0, |(at, _)| at);
            starts_with(&text[..last], wanted)
        }
        Function::Match => ends_with(Suffix::without_first_unit(&text), wanted),
    }
}
