//! The tape: one small entry for each value and each key, in the order of the text.
//!
//! Invariants: the root is entry 0; an object's entry is followed by key, value, key, value …, an array's by its
//! items; `next` of a value is the entry after everything it holds.

/// The largest text a tape can point into.
pub(super) const BYTES_MAX: usize = 1 << 26;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
}

/// What is known about an entry's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    /// The text is a fixpoint of `JSON.stringify(JSON.parse(text))`.
    const CANONICAL: u8 = 1;
    /// The text would be such a fixpoint if numbers kept their text.
    const EXACT: u8 = 2;
    /// A string with at least one escape.
    const ESCAPED: u8 = 4;
    /// An object with a key twice, or with whole-number keys that are not first and ascending.
    const DISORDERED: u8 = 8;

    pub(super) const FIXPOINT: Flags = Flags(Flags::CANONICAL | Flags::EXACT);
    pub(super) const OTHER_NUMBER: Flags = Flags(Flags::EXACT);

    pub(super) const fn with_escape(self) -> Flags {
        Flags(self.0 | Flags::ESCAPED)
    }

    pub(super) const fn rewritten(self) -> Flags {
        Flags(self.0 & !(Flags::CANONICAL | Flags::EXACT))
    }

    pub(super) const fn disordered(self) -> Flags {
        Flags(self.rewritten().0 | Flags::DISORDERED)
    }

    /// A container's flags once it holds something with the flags `inner`.
    pub(super) const fn holding(self, inner: Flags) -> Flags {
        Flags(self.0 & (inner.0 | !(Flags::CANONICAL | Flags::EXACT)))
    }
}

/// A value or a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Where its text starts; a string's quotes belong to it.
    pub(super) start: u32,
    /// Where its text ends.
    pub(super) end: u32,
    /// Of a value: the entry after all it holds. Of a key: a hash of what it spells.
    pub(super) next: u32,
    pub(super) tag: Tag,
    pub(super) flags: Flags,
}

impl Entry {
    pub(super) const fn is_canonical(self) -> bool {
        self.flags.0 & Flags::CANONICAL != 0
    }

    pub(super) const fn is_exact(self) -> bool {
        self.flags.0 & Flags::EXACT != 0
    }

    pub(super) const fn is_escaped(self) -> bool {
        self.flags.0 & Flags::ESCAPED != 0
    }

    pub(super) const fn is_disordered(self) -> bool {
        self.flags.0 & Flags::DISORDERED != 0
    }

    /// The text of the value.
    pub(super) fn raw(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }

    /// What stands between a string's quotes.
    pub(super) fn inner(self, text: &str) -> &str {
        &text[self.start as usize + 1..self.end as usize - 1]
    }
}

/// A place in a text or on a tape, both bounded by [`BYTES_MAX`].
#[expect(
    clippy::cast_possible_truncation,
    reason = "texts are shorter than BYTES_MAX, and a tape has at most one entry a byte"
)]
pub(super) const fn place(at: usize) -> u32 {
    at as u32
}
