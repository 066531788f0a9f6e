//! JSON text as ECMAScript reads and writes it: a flat tape over the original text.
//!
//! Invariants: parsing is strict RFC 8259, one pass, without recursion and bounded in size and depth; what
//! [`Node::write`] gives is a fixpoint of `JSON.stringify(JSON.parse(text))`; a value whose text is
//! such a fixpoint already is recognised while parsing and is written by copying it.

mod edit;
mod elements;
mod error;
mod frame;
mod node;
mod number;
mod order;
mod parse;
mod string;
mod tape;
mod write;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use elements::{Elements, elements};
pub use error::{Mistake, ParseError};
pub use node::{Items, Kind, Members, Node};
pub use number::{NumberText, number_text, text_to_number, write_number};
pub use order::array_index;
pub use string::write_string;

use tape::Entry;

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numbers {
    /// As ECMAScript prints the double it reads: `1.0` is written `1`, integers beyond 2^53 lose digits.
    #[default]
    Ecmascript,
    /// With the text they came with.
    Exact,
}

/// What a text may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest text accepted, in bytes. Texts of 64 MiB and more are refused whatever this says.
    pub bytes_max: usize,
    /// How many arrays and objects may be open at once.
    pub depth_max: u32,
}

impl Limits {
    /// Nesting that no event needs and every reader of JSON bears.
    pub const DEPTH_MAX: u32 = 128;

    /// Texts of at most `bytes_max` bytes, of the usual depth.
    pub const fn new(bytes_max: usize) -> Limits {
        Limits { bytes_max, depth_max: Limits::DEPTH_MAX }
    }
}

/// A parsed text: the text itself and a tape of the places of its values.
#[derive(Debug, Clone)]
pub struct Document {
    text: String,
    tape: Vec<Entry>,
}

impl Document {
    /// Reads one JSON value, with blanks around it.
    pub fn parse(text: String, limits: &Limits) -> Result<Document, ParseError> {
        let tape = parse::parse(&text, limits)?;
        Ok(Document { text, tape })
    }

    /// The outermost value.
    pub fn root(&self) -> Node<'_> {
        Node::new(self, 0)
    }

    /// The text as it came.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text is what `JSON.stringify(JSON.parse(text))` gives, byte for byte.
    pub fn is_canonical(&self) -> bool {
        let root = self.tape[0];
        root.is_canonical() && root.start == 0 && root.end as usize == self.text.len()
    }
}
