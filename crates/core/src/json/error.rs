//! Why a text is no JSON that we take, and where.

use thiserror::Error;

/// A text that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{mistake} at line {line}, column {column}")]
pub struct ParseError {
    /// What is wrong.
    pub mistake: Mistake,
    /// The byte it was found at.
    pub offset: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Mistake {
    /// More bytes than the limit.
    #[error("{bytes} bytes of JSON, at most {bytes_max} are accepted")]
    TooLarge {
        /// How long the text is.
        bytes: usize,
        /// How long it may be.
        bytes_max: usize,
    },
    /// More nested than the limit.
    #[error("more than {depth_max} nested arrays and objects")]
    TooDeep {
        /// How deep it may be.
        depth_max: u32,
    },
    /// Something else should stand here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// The text ended before the value did.
    #[error("unexpected end of the text, expected {0}")]
    Ended(&'static str),
    /// A character below U+0020 in a string.
    #[error("a control character in a string must be written as an escape")]
    ControlCharacter,
    /// A backslash with something unknown after it.
    #[error("unknown escape in a string")]
    Escape,
    /// A whole number that starts with a zero.
    #[error("a number must not start with a zero")]
    LeadingZero,
}

impl ParseError {
    #[cold]
    pub(super) fn new(mistake: Mistake, offset: usize, text: &str) -> ParseError {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let is_lead = |byte: &&u8| **byte & 0b1100_0000 != 0b1000_0000;
        ParseError {
            mistake,
            offset,
            line: memchr::memchr_iter(b'\n', before).count() + 1,
            column: before[line_start..].iter().filter(is_lead).count() + 1,
        }
    }

    /// Whether the text is longer than allowed.
    pub fn is_too_large(&self) -> bool {
        matches!(self.mistake, Mistake::TooLarge { .. })
    }
}
