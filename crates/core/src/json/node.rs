//! `Node`: one value of a document, read where it stands.

use std::borrow::Cow;
use std::fmt;

use super::tape::{Entry, Tag};
use super::{Document, Numbers, number, order, write};

/// A JSON kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// A value inside a [`Document`].
#[derive(Clone, Copy)]
pub struct Node<'a> {
    document: &'a Document,
    index: u32,
}

impl<'a> Node<'a> {
    pub(super) fn new(document: &'a Document, index: u32) -> Node<'a> {
        Node { document, index }
    }

    #[inline]
    fn entry(self) -> Entry {
        self.document.tape[self.index as usize]
    }

    fn at(self, index: u32) -> Node<'a> {
        Node { index, ..self }
    }

    /// The place on the tape, for [`Document::node`]: stays valid while the document is only appended to.
    #[inline]
    pub(crate) fn index(self) -> u32 {
        self.index
    }

    /// Which of the six kinds it is.
    #[inline]
    pub fn kind(self) -> Kind {
        match self.entry().tag {
            Tag::Null => Kind::Null,
            Tag::False | Tag::True => Kind::Bool,
            Tag::Number => Kind::Number,
            Tag::String => Kind::String,
            Tag::Array => Kind::Array,
            Tag::Object => Kind::Object,
        }
    }

    /// A boolean's value.
    pub fn as_bool(self) -> Option<bool> {
        match self.entry().tag {
            Tag::True => Some(true),
            Tag::False => Some(false),
            _ => None,
        }
    }

    /// A number as the double that JavaScript reads; beyond the largest double it is infinite.
    pub fn as_f64(self) -> Option<f64> {
        (self.entry().tag == Tag::Number).then(|| number::value(self.raw()))
    }

    /// What a string spells: borrowed when it holds no escape.
    #[inline]
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        let entry = self.entry();
        (entry.tag == Tag::String).then(|| order::spelled(entry, &self.document.text))
    }

    /// What a string without escapes spells: the cheap half of [`Node::as_str`].
    #[inline]
    pub fn as_plain_str(self) -> Option<&'a str> {
        let entry = self.entry();
        (entry.tag == Tag::String && !entry.is_escaped()).then(|| entry.inner(&self.document.text))
    }

    /// The text of the value as it came.
    pub fn raw(self) -> &'a str {
        self.entry().raw(&self.document.text)
    }

    /// Whether that text is what [`Node::write`] with [`Numbers::Ecmascript`] gives.
    pub fn is_canonical(self) -> bool {
        self.entry().is_canonical()
    }

    /// Whether that text is what [`Node::write`] gives.
    pub fn is_fixpoint(self, numbers: Numbers) -> bool {
        match numbers {
            Numbers::Ecmascript => self.entry().is_canonical(),
            Numbers::Exact => self.entry().is_exact(),
        }
    }

    /// How many items or members it has; a key that comes twice counts once. 0 for the other kinds. Walks them.
    pub fn len(self) -> usize {
        match self.kind() {
            Kind::Array => self.items().count(),
            Kind::Object => self.members().count(),
            _ => 0,
        }
    }

    /// Whether it has no items and no members.
    pub fn is_empty(self) -> bool {
        match self.entry().tag {
            Tag::Array | Tag::Object => self.entry().next == self.index + 1,
            _ => true,
        }
    }

    /// The member of an object with this key; the last one when there are several.
    pub fn get(self, key: &str) -> Option<Node<'a>> {
        let object = self.entry();
        if object.tag != Tag::Object {
            return None;
        }
        let mut found = None;
        for (name, value) in self.pairs() {
            if name.spells(key) {
                if !object.is_disordered() {
                    return Some(value);
                }
                found = Some(value);
            }
        }
        found
    }

    /// Whether this string spells `text`.
    #[inline]
    pub fn spells(self, text: &str) -> bool {
        let entry = self.entry();
        if entry.tag != Tag::String {
            return false;
        }
        if entry.is_escaped() {
            return order::spelled(entry, &self.document.text) == text;
        }
        let inner = entry.start as usize + 1..entry.end as usize - 1;
        self.document.text.as_bytes()[inner] == *text.as_bytes()
    }

    /// The item of an array. Walks to it: use [`Node::items`] for several.
    pub fn item(self, index: usize) -> Option<Node<'a>> {
        self.items().nth(index)
    }

    /// The items of an array; none for the other kinds.
    pub fn items(self) -> Items<'a> {
        let end = match self.entry().tag {
            Tag::Array => self.entry().next,
            _ => self.index + 1,
        };
        Items { at: self.at(self.index + 1), end }
    }

    /// The members of an object in JavaScript's order, each key once; none for the other kinds.
    pub fn members(self) -> Members<'a> {
        Members(self.nodes())
    }

    /// The members as they stand in the text, keys as nodes, also those that come twice.
    #[inline]
    pub(crate) fn pairs(self) -> Pairs<'a> {
        let end = match self.entry().tag {
            Tag::Object => self.entry().next,
            _ => self.index + 1,
        };
        Pairs { at: self.at(self.index + 1), end }
    }

    /// The members in JavaScript's order, keys as nodes.
    pub(crate) fn nodes(self) -> MemberNodes<'a> {
        if self.entry().is_disordered() {
            let members = order::ordered(self.document, self.index);
            MemberNodes::Ordered(self.document, members.into_iter())
        } else {
            MemberNodes::AsWritten(self.pairs())
        }
    }

    /// Appends the value's canonical text.
    pub fn write(self, numbers: Numbers, out: &mut String) {
        write::write(self, numbers, out);
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.raw())
    }
}

/// See [`Node::items`].
#[derive(Debug, Clone)]
pub struct Items<'a> {
    at: Node<'a>,
    end: u32,
}

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        if self.at.index >= self.end {
            return None;
        }
        let item = self.at;
        self.at.index = item.entry().next;
        Some(item)
    }
}

/// See [`Node::pairs`].
#[derive(Debug, Clone)]
pub(crate) struct Pairs<'a> {
    at: Node<'a>,
    end: u32,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Node<'a>, Node<'a>);

    #[inline]
    fn next(&mut self) -> Option<(Node<'a>, Node<'a>)> {
        if self.at.index >= self.end {
            return None;
        }
        let key = self.at;
        let value = key.at(key.index + 1);
        self.at.index = value.entry().next;
        Some((key, value))
    }
}

/// See [`Node::nodes`].
#[derive(Debug, Clone)]
pub(crate) enum MemberNodes<'a> {
    AsWritten(Pairs<'a>),
    Ordered(&'a Document, std::vec::IntoIter<(u32, u32)>),
}

impl<'a> Iterator for MemberNodes<'a> {
    type Item = (Node<'a>, Node<'a>);

    fn next(&mut self) -> Option<(Node<'a>, Node<'a>)> {
        match self {
            MemberNodes::AsWritten(pairs) => pairs.next(),
            MemberNodes::Ordered(document, members) => {
                let (key, value) = members.next()?;
                Some((Node::new(document, key), Node::new(document, value)))
            }
        }
    }
}

/// See [`Node::members`].
#[derive(Debug, Clone)]
pub struct Members<'a>(MemberNodes<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Node<'a>);

    fn next(&mut self) -> Option<(Cow<'a, str>, Node<'a>)> {
        let (key, value) = self.0.next()?;
        Some((key.as_str().expect("a key is a string"), value))
    }
}
