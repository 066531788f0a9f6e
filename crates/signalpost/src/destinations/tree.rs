//! Tree: a file's values, each with the place where it stands.
//!
//! Invariant: a span is a range of bytes of the file that the value was read from, on character borders.

use std::ops::Range;

use serde_json::{Map, Number, Value};

/// Bytes of one of the files that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which file, by its number in `Files`.
    pub(crate) file: usize,
    pub(crate) span: Range<usize>,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
}

/// The six kinds of JSON.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Tree>),
    Object(Vec<Member>),
}

/// A member of an object; keys are unique.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) value: Tree,
}

impl Tree {
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Tree> {
        self.members().iter().find(|member| member.key == key).map(|member| &member.value)
    }

    /// Its kind, for an error: "a number".
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a text",
            Kind::Array(_) => "a list",
            Kind::Object(_) => "a table",
        }
    }

    /// Without the places.
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(truth) => Value::Bool(*truth),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::String(text) => Value::String(text.clone()),
            Kind::Array(items) => items.iter().map(Tree::to_json).collect(),
            Kind::Object(members) => {
                let members = members.iter().map(|member| (member.key.clone(), member.value.to_json()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// The place that a validation path such as `/data/total/@path` speaks of: as deep as it can be followed. The path's
    /// keys are not escaped, so a key may hold slashes itself.
    pub(crate) fn place_of(&self, path: &str) -> Place {
        let mut rest = path.trim_start_matches('/');
        let mut tree = self;
        let mut place = &self.place;
        while !rest.is_empty() {
            let follows = |member: &&Member| {
                rest.strip_prefix(&member.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let member = tree.members().iter().filter(follows).max_by_key(|member| member.key.len());
            let inside = match (&tree.kind, rest.split_once('/')) {
                (Kind::Array(items), parts) => {
                    let (index, left) = parts.unwrap_or((rest, ""));
                    let item = index.parse::<usize>().ok().and_then(|index| items.get(index));
                    item.map(|item| (item, &item.place, left))
                }
                _ => member.map(|member| {
                    (&member.value, &member.key_place, rest[member.key.len()..].trim_start_matches('/'))
                }),
            };
            let Some((value, found, left)) = inside else { break };
            (tree, place, rest) = (value, found, left);
        }
        place.clone()
    }
}
