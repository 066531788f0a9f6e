//! What a trigger means: the tree that is evaluated, and how it reads.
//!
//! Invariant: a group holds tests and groups, and a group inside a group holds tests only; so walking the tree by
//! recursion is at most three deep.

use std::fmt;
use std::ops::Range;

use memchr::memmem::Finder;

use crate::event::Member;
use crate::json::{array_index, number_text};

/// A condition.
#[derive(Debug, Clone)]
pub(super) enum Clause {
    Test(Test),
    /// Holds when all of its clauses do, or when any does.
    Group {
        joining: Joining,
        clauses: Vec<Clause>,
    },
    /// Parentheses around nothing: fails when reached.
    Empty,
}

/// How the clauses of a group belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Joining {
    /// All must hold.
    And,
    /// One must hold.
    Or,
}

impl fmt::Display for Joining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Joining::And => "and",
            Joining::Or => "or",
        })
    }
}

/// One comparison.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) field: Field,
    pub(super) check: Check,
    /// Its bytes in the query.
    pub(super) span: Range<usize>,
}

/// What a test reads.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) member: Member,
    /// What follows below `properties`, `traits` or `context`.
    pub(super) path: Option<Path>,
}

/// A way below a member.
#[derive(Debug, Clone)]
pub(super) enum Path {
    /// An empty path: leads nowhere.
    Absent,
    /// Separators and nothing else: cannot be walked.
    Broken,
    Keys(Box<[Key]>),
}

/// One step of a way.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) text: Box<str>,
    /// The whole number it spells: the place of an item or a character.
    pub(super) index: Option<u32>,
}

impl Path {
    pub(super) fn new(path: &str) -> Path {
        if path.is_empty() {
            return Path::Absent;
        }
        let keys: Box<[Key]> = path
            .split(['.', '[', ']'])
            .filter(|part| !part.is_empty())
            .map(|part| Key { text: part.into(), index: array_index(part) })
            .collect();
        if keys.is_empty() { Path::Broken } else { Path::Keys(keys) }
    }
}

/// What a test asks of the value it reads.
#[derive(Debug, Clone)]
pub(super) enum Check {
    Equals(Box<str>),
    Differs(Box<str>),
    NumberEquals(f64),
    NumberDiffers(f64),
    Less(f64),
    AtMost(f64),
    Greater(f64),
    AtLeast(f64),
    /// `wanted` is false for the negated form, which also asks for a string.
    Contains {
        text: Box<Finder<'static>>,
        wanted: bool,
    },
    StartsWith {
        text: Box<str>,
        wanted: bool,
    },
    EndsWith {
        text: Suffix,
        wanted: bool,
    },
    Exists,
    Missing,
    IsTrue,
    IsFalse,
    /// An operator that does not exist.
    Never,
}

/// The end of a text, which may begin in the middle of a surrogate pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suffix {
    /// The low surrogate of the character before `text`.
    pub(super) half: Option<u16>,
    pub(super) text: Box<str>,
}

impl Suffix {
    pub(super) fn whole(text: &str) -> Suffix {
        Suffix { half: None, text: text.into() }
    }

    /// The text without its first UTF-16 unit.
    pub(super) fn without_first_unit(text: &str) -> Suffix {
        let mut characters = text.chars();
        let first = characters.next().unwrap_or_default();
        Suffix { half: low_surrogate(first), text: characters.as_str().into() }
    }

    pub(super) fn ends(&self, text: &str) -> bool {
        let Some(before) = text.strip_suffix(&*self.text) else {
            return false;
        };
        self.half.is_none() || before.chars().next_back().and_then(low_surrogate) == self.half
    }
}

fn low_surrogate(character: char) -> Option<u16> {
    let mut units = [0; 2];
    match character.encode_utf16(&mut units) {
        [_, low] => Some(*low),
        _ => None,
    }
}

impl Check {
    /// The operator, as explanations name it.
    pub(super) fn operator(&self) -> &'static str {
        match self {
            Check::Equals(_) | Check::NumberEquals(_) => "=",
            Check::Differs(_) | Check::NumberDiffers(_) => "!=",
            Check::Less(_) => "<",
            Check::AtMost(_) => "<=",
            Check::Greater(_) => ">",
            Check::AtLeast(_) => ">=",
            Check::Contains { wanted: true, .. } => "contains",
            Check::Contains { wanted: false, .. } => "is a string that does not contain",
            Check::StartsWith { wanted: true, .. } => "starts with",
            Check::StartsWith { wanted: false, .. } => "is a string that does not start with",
            Check::EndsWith { wanted: true, .. } => "ends with",
            Check::EndsWith { wanted: false, .. } => "is a string that does not end with",
            Check::Exists => "!= null",
            Check::Missing => "= null",
            Check::IsTrue => "= true",
            Check::IsFalse => "= false",
            Check::Never => "never holds",
        }
    }

    /// What it is compared with, as JSON text; nothing when the operator says it all.
    pub(super) fn expected(&self) -> Option<String> {
        let quoted = |text: &str| {
            let mut out = String::new();
            crate::json::write_string(text, &mut out);
            out
        };
        match self {
            Check::Equals(text) | Check::Differs(text) | Check::StartsWith { text, .. } => Some(quoted(text)),
            Check::EndsWith { text, .. } => Some(quoted(&text.text)),
            Check::Contains { text, .. } => Some(quoted(&String::from_utf8_lossy(text.needle()))),
            Check::NumberEquals(number)
            | Check::NumberDiffers(number)
            | Check::Less(number)
            | Check::AtMost(number)
            | Check::Greater(number)
            | Check::AtLeast(number) => Some(number_text(*number).to_string()),
            Check::Exists | Check::Missing | Check::IsTrue | Check::IsFalse | Check::Never => None,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.member.key())?;
        match &self.path {
            None => {}
            Some(Path::Absent) => f.write_str(".(no path)")?,
            Some(Path::Broken) => f.write_str(".(separators only)")?,
            Some(Path::Keys(keys)) => {
                for key in keys {
                    write!(f, ".{}", key.text)?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.check.operator())?;
        match self.check.expected() {
            Some(expected) => write!(f, " {expected}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Clause::Test(test) => test.fmt(f),
            Clause::Empty => f.write_str("()"),
            Clause::Group { joining, clauses } => {
                for (index, clause) in clauses.iter().enumerate() {
                    if index > 0 {
                        write!(f, " {joining} ")?;
                    }
                    match clause {
                        Clause::Group { .. } => write!(f, "({clause})")?,
                        _ => clause.fmt(f)?,
                    }
                }
                Ok(())
            }
        }
    }
}
