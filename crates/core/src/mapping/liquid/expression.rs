//! Expressions: values, operators and filters, read as leniently as liquidjs reads them.

use super::Failure;
use super::cursor::{Cursor, is_word};
use super::filter::{self, Filter};

/// A value that stands in a template.
#[derive(Debug)]
pub(super) enum Term {
    Number(f64),
    Text(String),
    Literal(Literal),
    Range(Box<(Term, Term)>),
    /// Properties of a variable, or of a value that stands there.
    Access {
        of: Option<Box<Term>>,
        keys: Vec<Term>,
    },
}

/// A word that is a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Literal {
    True,
    False,
    Nil,
    Empty,
    Blank,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Contains,
    Not,
    And,
    Or,
}

impl Operator {
    const ALL: [(&'static str, Operator); 10] = [
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        (">=", Operator::GreaterOrEqual),
        ("<=", Operator::LessOrEqual),
        (">", Operator::Greater),
        ("<", Operator::Less),
        ("contains", Operator::Contains),
        ("not", Operator::Not),
        ("and", Operator::And),
        ("or", Operator::Or),
    ];

    fn precedence(self) -> u8 {
        match self {
            Operator::And | Operator::Or => 0,
            Operator::Not => 1,
            _ => 2,
        }
    }
}

/// An operand or an operator, in postfix order.
#[derive(Debug)]
pub(super) enum Step {
    Term(Term),
    Operator(Operator),
}

/// An argument of a filter: a value, or one with a name.
#[derive(Debug)]
pub(super) struct Argument {
    pub(super) name: Option<String>,
    pub(super) value: Option<Term>,
}

/// An expression and the filters it goes through.
#[derive(Debug)]
pub(super) struct Filtered {
    pub(super) steps: Vec<Step>,
    pub(super) filters: Vec<(Filter, Vec<Argument>)>,
}

impl Filtered {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Filtered, Failure> {
        let before = cursor.clone();
        let steps = expression(cursor)?;
        if steps.is_empty() {
            return before.fail("invalid value expression");
        }
        let mut filters = Vec::new();
        while let Some(filter) = filter(cursor)? {
            filters.push(filter);
        }
        Ok(Filtered { steps, filters })
    }
}

/// Operands and operators as they come, put in postfix order. Operators of one precedence associate to the right.
fn expression(cursor: &mut Cursor<'_>) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    let mut waiting: Vec<Operator> = Vec::new();
    while !cursor.is_at_end() {
        if let Some(operator) = operator(cursor) {
            while let Some(last) = waiting.pop_if(|last| last.precedence() > operator.precedence()) {
                steps.push(Step::Operator(last));
            }
            waiting.push(operator);
        } else if let Some(term) = term(cursor)? {
            steps.push(Step::Term(term));
        } else {
            break;
        }
    }
    steps.extend(waiting.into_iter().rev().map(Step::Operator));
    Ok(steps)
}

fn operator(cursor: &mut Cursor<'_>) -> Option<Operator> {
    cursor.skip_blanks();
    word(cursor, &Operator::ALL)
}

/// One of these words, if it comes next and no word character follows one that ends with such.
fn word<T: Copy>(cursor: &mut Cursor<'_>, words: &[(&str, T)]) -> Option<T> {
    let (text, found) = words.iter().find(|(text, _)| cursor.starts_with(text))?;
    let length = text.chars().count();
    if text.ends_with(is_word) && cursor.peek_at(length).is_some_and(is_word) {
        return None;
    }
    cursor.at += length;
    Some(*found)
}

/// A value, if one comes next.
pub(super) fn term(cursor: &mut Cursor<'_>) -> Result<Option<Term>, Failure> {
    cursor.skip_blanks();
    let literal = match literal(cursor).or_else(|| cursor.quoted().map(Term::Text)) {
        Some(literal) => Some(literal),
        None => match range(cursor)? {
            Some(range) => Some(range),
            None => number(cursor),
        },
    };
    let keys = keys(cursor, literal.is_none())?;
    if keys.is_empty() {
        return Ok(literal);
    }
    Ok(Some(Term::Access { of: literal.map(Box::new), keys }))
}

/// A path that starts with a variable's name, as the property of `where` is one.
pub(super) fn path(text: &str) -> Result<Option<Term>, Failure> {
    let characters: Vec<char> = text.chars().collect();
    let mut cursor = Cursor::new(&characters);
    cursor.skip_blanks();
    let keys = keys(&mut cursor, true)?;
    Ok((!keys.is_empty()).then_some(Term::Access { of: None, keys }))
}

fn literal(cursor: &mut Cursor<'_>) -> Option<Term> {
    const WORDS: [(&str, Literal); 6] = [
        ("true", Literal::True),
        ("false", Literal::False),
        ("nil", Literal::Nil),
        ("null", Literal::Nil),
        ("empty", Literal::Empty),
        ("blank", Literal::Blank),
    ];
    word(cursor, &WORDS).map(Term::Literal)
}

fn range(cursor: &mut Cursor<'_>) -> Result<Option<Term>, Failure> {
    cursor.skip_blanks();
    if !cursor.take('(') {
        return Ok(None);
    }
    let Some(low) = term(cursor)? else { return cursor.fail("value expected") };
    cursor.skip_blanks();
    if !(cursor.take('.') && cursor.take('.')) {
        return cursor.fail("invalid range syntax");
    }
    let Some(high) = term(cursor)? else { return cursor.fail("value expected") };
    cursor.skip_blanks();
    if !cursor.take(')') {
        return cursor.fail("invalid range syntax");
    }
    Ok(Some(Term::Range(Box::new((low, high)))))
}

fn number(cursor: &mut Cursor<'_>) -> Option<Term> {
    cursor.skip_blanks();
    let mut length = usize::from(matches!(cursor.peek(), Some('+' | '-')));
    let (mut has_digit, mut has_point) = (false, false);
    loop {
        match cursor.peek_at(length) {
            Some('0'..='9') => has_digit = true,
            Some('.') if cursor.peek_at(length + 1) != Some('.') => {
                if has_point || !has_digit {
                    return None;
                }
                has_point = true;
            }
            _ => break,
        }
        length += 1;
    }
    if !has_digit || cursor.peek_at(length).is_some_and(is_word) {
        return None;
    }
    let text = cursor.slice(cursor.at, cursor.at + length);
    cursor.at += length;
    text.parse().ok().map(Term::Number)
}

/// `[key]` and `.name`, the first also a bare name where nothing stands before.
fn keys(cursor: &mut Cursor<'_>, is_first: bool) -> Result<Vec<Term>, Failure> {
    let mut keys = Vec::new();
    loop {
        if cursor.take('[') {
            let key = term(cursor)?.unwrap_or(Term::Text(String::new()));
            if !cursor.read_to("]") {
                return cursor.fail("[ not closed");
            }
            keys.push(key);
            continue;
        }
        if is_first && keys.is_empty() {
            let name = cursor.identifier();
            if !name.is_empty() {
                keys.push(Term::Text(name));
                continue;
            }
        }
        if cursor.peek() == Some('.') && cursor.peek_at(1) != Some('.') {
            cursor.at += 1;
            let name = cursor.identifier();
            if name.is_empty() {
                return Ok(keys);
            }
            keys.push(Term::Text(name));
            continue;
        }
        return Ok(keys);
    }
}

fn filter(cursor: &mut Cursor<'_>) -> Result<Option<(Filter, Vec<Argument>)>, Failure> {
    cursor.skip_blanks();
    if cursor.is_at_end() {
        return Ok(None);
    }
    if !cursor.take('|') {
        return cursor.fail("expected \"|\" before filter");
    }
    let name = cursor.identifier();
    if name.is_empty() {
        return if cursor.is_at_end() { Ok(None) } else { cursor.fail("expected filter name") };
    }
    cursor.skip_blanks();
    let mut arguments = Vec::new();
    match cursor.peek() {
        None | Some('|') => {}
        Some(':') => loop {
            cursor.at += 1;
            arguments.extend(argument(cursor)?);
            cursor.skip_blanks();
            match cursor.peek() {
                Some(',') => {}
                None | Some('|') => break,
                Some(_) => return cursor.fail("unexpected character"),
            }
        },
        Some(_) => return cursor.fail("expected \":\" after filter name"),
    }
    Ok(Some((filter::find(&name), arguments)))
}

fn argument(cursor: &mut Cursor<'_>) -> Result<Option<Argument>, Failure> {
    cursor.skip_blanks();
    let start = cursor.at;
    let Some(value) = term(cursor)? else { return Ok(None) };
    let name = cursor.slice(start, cursor.at);
    cursor.skip_blanks();
    if !cursor.take(':') {
        return Ok(Some(Argument { name: None, value: Some(value) }));
    }
    Ok(Some(Argument { name: Some(name), value: term(cursor)? }))
}
