//! Value: what a mapping works on while it resolves. JSON's six kinds and absent.
//!
//! Invariants: what comes from the event or from the mapping's own text is borrowed, never copied; composites are
//! shared, so that a clone is cheap; absent stands only inside composites built here and is never written.

use std::borrow::Cow;
use std::rc::Rc;

use indexmap::IndexMap;

use super::keys;
use super::meter::{Excess, Meter};
use super::path::Step;
use crate::json::{Kind, Node};

mod written;

pub(super) use written::push_number;

/// An object built by a mapping: keys as they were first put, values as they were last put.
pub(super) type Object<'e> = IndexMap<Cow<'e, str>, Value<'e>>;

/// A value while a mapping resolves.
#[derive(Clone)]
pub enum Value<'e> {
    /// No value at all, which is not `null`.
    Absent,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that was computed.
    Number(f64),
    /// A string that lives elsewhere.
    Str(&'e str),
    /// A string that was computed.
    Text(Rc<str>),
    /// A value of the event, or of the mapping's own text.
    Node(Node<'e>),
    /// An array that was built.
    Array(Rc<Vec<Value<'e>>>),
    /// An object that was built.
    Object(Rc<IndexMap<Cow<'e, str>, Value<'e>>>),
}

impl<'e> Value<'e> {
    pub(super) fn text(text: String) -> Value<'e> {
        Value::Text(text.into())
    }

    pub(super) fn array(items: Vec<Value<'e>>) -> Value<'e> {
        Value::Array(Rc::new(items))
    }

    pub(super) fn object(members: Object<'e>) -> Value<'e> {
        Value::Object(Rc::new(members))
    }

    /// An owned copy of a value whose document does not live long enough.
    pub(super) fn owned(node: Node<'_>) -> Value<'e> {
        match node.kind() {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(node.as_bool() == Some(true)),
            Kind::Number => Value::Number(node.as_f64().unwrap_or_default()),
            Kind::String => Value::text(node.as_str().unwrap_or_default().into_owned()),
            Kind::Array => Value::array(node.items().map(Value::owned).collect()),
            Kind::Object => {
                let member =
                    |(key, value): (Cow<'_, str>, _)| (Cow::Owned(key.into_owned()), Value::owned(value));
                Value::object(node.members().map(member).collect())
            }
        }
    }

    /// The kind as messages print it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Absent => "undefined",
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::Str(_) | Value::Text(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::Node(node) => kind_name(node.kind()),
        }
    }

    /// No value at all.
    pub fn is_absent(&self) -> bool {
        matches!(self, Value::Absent)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null) || matches!(self, Value::Node(node) if node.kind() == Kind::Null)
    }

    pub(crate) fn is_object(&self) -> bool {
        self.type_name() == "object"
    }

    pub(crate) fn is_array(&self) -> bool {
        self.type_name() == "array"
    }

    pub(super) fn is_truthy(&self) -> bool {
        match self {
            Value::Absent | Value::Null => false,
            Value::Bool(truth) => *truth,
            Value::Number(number) => *number != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::Text(text) => !text.is_empty(),
            Value::Array(_) | Value::Object(_) => true,
            Value::Node(node) => is_truthy(*node),
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            Value::Node(node) => node.as_bool(),
            _ => None,
        }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Node(node) => node.as_f64(),
            _ => None,
        }
    }

    /// The text, of a string only.
    pub(crate) fn as_str(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Str(text) => Some(Cow::Borrowed(text)),
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Node(node) => node.as_str(),
            _ => None,
        }
    }

    pub(super) fn member(&self, step: &Step) -> Value<'e> {
        match self {
            Value::Node(node) => member(*node, step),
            Value::Str(text) => unit(text, step),
            Value::Text(text) => unit(text, step),
            Value::Object(members) => members.get(&*step.key).cloned().unwrap_or(Value::Absent),
            Value::Array(items) => match step.index {
                Some(index) => items.get(index as usize).cloned().unwrap_or(Value::Absent),
                None if &*step.key == "length" => count(items.len()),
                None => Value::Absent,
            },
            Value::Absent | Value::Null | Value::Bool(_) | Value::Number(_) => Value::Absent,
        }
    }

    /// The member of an object that has this key.
    pub(crate) fn named(&self, key: &str) -> Value<'e> {
        match self {
            Value::Node(node) => node.get(key).map_or(Value::Absent, Value::Node),
            Value::Object(members) => members.get(key).cloned().unwrap_or(Value::Absent),
            _ => Value::Absent,
        }
    }

    /// The items of an array; nothing for any other kind.
    pub(crate) fn items(&self) -> Vec<Value<'e>> {
        match self {
            Value::Array(items) => items.to_vec(),
            Value::Node(node) if node.kind() == Kind::Array => node.items().map(Value::Node).collect(),
            _ => Vec::new(),
        }
    }

    /// The members of an object, an array (`0`, `1`, …) or a string (its UTF-16 units), in the order in which
    /// ECMAScript walks them; nothing for any other kind.
    pub(crate) fn members(&self) -> Vec<(Cow<'e, str>, Value<'e>)> {
        let numbered = |items: Vec<Value<'e>>| {
            items.into_iter().enumerate().map(|(index, item)| (Cow::Owned(index.to_string()), item)).collect()
        };
        match self {
            Value::Object(members) => {
                in_order(members).into_iter().map(|(key, value)| (key.clone(), value.clone())).collect()
            }
            Value::Node(node) if node.kind() == Kind::Object => {
                node.members().map(|(key, value)| (key, Value::Node(value))).collect()
            }
            other => match other.as_str() {
                Some(text) => numbered(text.encode_utf16().map(|unit| Value::text(lone(unit))).collect()),
                None => numbered(other.items()),
            },
        }
    }

    /// Without the absent members of objects, at every depth. What has none stays shared.
    pub(crate) fn cleaned(self, meter: &Meter) -> Result<Value<'e>, Excess> {
        Ok(self.cleaned_anew(meter)?.unwrap_or(self))
    }

    /// The value cleaned, unless it is clean as it is.
    fn cleaned_anew(&self, meter: &Meter) -> Result<Option<Value<'e>>, Excess> {
        match self {
            Value::Object(members) => {
                meter.spend_values(members.len() + 1)?;
                let mut kept: Option<Object<'e>> = None;
                for (index, (key, value)) in members.iter().enumerate() {
                    let cleaned = value.cleaned_anew(meter)?;
                    if kept.is_none() && (value.is_absent() || cleaned.is_some()) {
                        let before = members.iter().take(index);
                        kept = Some(before.map(|(key, value)| (key.clone(), value.clone())).collect());
                    }
                    if let Some(kept) = kept.as_mut().filter(|_| !value.is_absent()) {
                        kept.insert(key.clone(), cleaned.unwrap_or_else(|| value.clone()));
                    }
                }
                Ok(kept.map(Value::object))
            }
            Value::Array(items) => {
                meter.spend_values(items.len() + 1)?;
                let mut kept: Option<Vec<Value<'e>>> = None;
                for (index, item) in items.iter().enumerate() {
                    if let Some(cleaned) = item.cleaned_anew(meter)? {
                        kept.get_or_insert_with(|| items.to_vec())[index] = cleaned;
                    }
                }
                Ok(kept.map(Value::array))
            }
            _ => Ok(None),
        }
    }
}

/// The length of a text in UTF-16 units.
pub(super) fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// One UTF-16 unit as text; half of a surrogate pair becomes the replacement character.
pub(super) fn lone(unit: u16) -> String {
    char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
}

pub(super) fn is_truthy(node: Node<'_>) -> bool {
    match node.kind() {
        Kind::Object | Kind::Array => true,
        Kind::Null => false,
        Kind::Bool => node.as_bool() == Some(true),
        Kind::Number => node.as_f64() != Some(0.0),
        Kind::String => node.raw() != "\"\"",
    }
}

pub(super) fn member<'e>(node: Node<'e>, step: &Step) -> Value<'e> {
    let found = match node.kind() {
        Kind::Object => node.get(&step.key),
        Kind::Array => match step.index {
            Some(index) => node.item(index as usize),
            None if &*step.key == "length" => return count(node.len()),
            None => None,
        },
        Kind::String => return unit(&node.as_str().unwrap_or_default(), step),
        Kind::Null | Kind::Bool | Kind::Number => None,
    };
    found.map_or(Value::Absent, Value::Node)
}

fn unit<'e>(text: &str, step: &Step) -> Value<'e> {
    match step.index {
        Some(index) => match text.encode_utf16().nth(index as usize) {
            Some(unit) => Value::text(lone(unit)),
            None => Value::Absent,
        },
        None if &*step.key == "length" => count(units(text)),
        None => Value::Absent,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a length in memory is far below 2^53")]
pub(super) fn count<'e>(length: usize) -> Value<'e> {
    Value::Number(length as f64)
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Bool => "boolean",
        Kind::Number => "number",
        Kind::String => "string",
        Kind::Array => "array",
        Kind::Object => "object",
    }
}

fn in_order<'v, 'e>(members: &'v Object<'e>) -> Vec<(&'v Cow<'e, str>, &'v Value<'e>)> {
    let mut ordered: Vec<_> = members.iter().collect();
    ordered.sort_by_key(|(key, _)| keys::rank(key));
    ordered
}
