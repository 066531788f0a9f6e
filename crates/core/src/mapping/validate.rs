//! Validation: is a mapping well formed? Says every mistake at once, with its place.
//!
//! Invariants: independent of any event; the inside of an array is looked at only where a directive's own
//! rule asks for it; messages and their order are a public interface (people match on them).

use serde_json::{Map, Value};

use super::{Problem, keys};

/// What may stand at a place where a field of a directive's options is expected.
#[derive(Clone, Copy)]
enum Want {
    /// Any value; a directive is checked.
    Any,
    /// A string.
    Text,
    /// A string whose length, in UTF-16 units, lies in a range.
    TextOf {
        shortest: usize,
        longest: usize,
    },
    /// One of these words, compared in lower case.
    Word(&'static [&'static str]),
    Boolean,
    Array,
    TextOrDirective,
    ObjectOrDirective,
}

struct Field {
    name: &'static str,
    is_required: bool,
    want: Want,
}

const fn optional(name: &'static str, want: Want) -> Field {
    Field { name, is_required: false, want }
}

const fn required(name: &'static str, want: Want) -> Field {
    Field { name, is_required: true, want }
}

const IF: &[Field] =
    &[optional("exists", Want::Any), optional("then", Want::Any), optional("else", Want::Any)];
const CASE: &[Field] = &[optional("operator", Want::Text), optional("value", Want::TextOrDirective)];
const REPLACE: &[Field] = &[
    required("pattern", Want::TextOf { shortest: 1, longest: 10 }),
    optional("replacement", Want::TextOf { shortest: 0, longest: 10 }),
    required("value", Want::TextOrDirective),
    optional("ignorecase", Want::Boolean),
    optional("global", Want::Boolean),
];
const JSON: &[Field] = &[required("value", Want::Any), required("mode", Want::Word(&["encode", "decode"]))];
const FLATTEN: &[Field] = &[optional("separator", Want::Text), required("value", Want::Any)];
const MERGE: &[Field] =
    &[optional("direction", Want::Word(&["left", "right"])), required("objects", Want::Array)];
const TRANSFORM: &[Field] =
    &[required("apply", Want::ObjectOrDirective), required("mapping", Want::ObjectOrDirective)];

/// Every mistake in `value`, in the order in which it is walked.
pub(super) fn problems(value: &Value) -> Vec<Problem> {
    let mut walk = Walk { path: Vec::new(), found: Vec::new() };
    walk.any(value);
    walk.found
}

/// The same for a mapping, which is an object.
pub(super) fn problems_of(mapping: &Map<String, Value>) -> Vec<Problem> {
    let mut walk = Walk { path: Vec::new(), found: Vec::new() };
    walk.any_object(mapping);
    walk.found
}

fn is_directive(object: &Map<String, Value>) -> bool {
    object.keys().any(|key| key.starts_with('@'))
}

/// The kind of a value as messages print it; `None` is absent.
fn kind(value: Option<&Value>) -> &'static str {
    match value {
        Some(Value::Object(object)) if is_directive(object) => "directive",
        other => type_name(other),
    }
}

fn type_name(value: Option<&Value>) -> &'static str {
    value.map_or("undefined", keys::type_name)
}

fn article(kind: &str) -> &'static str {
    if kind.starts_with(['a', 'o', 'u']) { "an" } else { "a" }
}

/// Whether all that is wanted of a field's value was checked when its object was walked. Walking it once more would find
/// nothing, and cost twice as much with every level of directives in directives.
fn is_walked(want: Want, value: &Value) -> bool {
    match want {
        Want::Any => true,
        Want::TextOrDirective => kind(Some(value)) == "directive",
        Want::ObjectOrDirective => matches!(kind(Some(value)), "directive" | "object"),
        _ => false,
    }
}

struct Walk<'m> {
    path: Vec<&'m str>,
    found: Vec<Problem>,
}

impl<'m> Walk<'m> {
    fn report(&mut self, what: &str) {
        let path = format!("/{}", self.path.join("/"));
        self.found.push(Problem { message: format!("{path} {what}."), path });
    }

    fn report_kind(&mut self, wanted: &str, kind: &str) {
        self.report(&format!("should be {wanted} but it is {} {kind}", article(kind)));
    }

    fn under(&mut self, key: &'m str, check: impl FnOnce(&mut Self)) {
        self.path.push(key);
        check(self);
        self.path.pop();
    }

    fn any(&mut self, value: &'m Value) {
        if let Value::Object(object) = value {
            self.any_object(object);
        }
    }

    fn any_object(&mut self, object: &'m Map<String, Value>) {
        if is_directive(object) { self.directive(object) } else { self.members(object) }
    }

    fn only_directive(&mut self, value: &'m Value) {
        if let Value::Object(object) = value
            && is_directive(object)
        {
            self.directive(object);
        }
    }

    fn members(&mut self, object: &'m Map<String, Value>) {
        for (key, value) in keys::in_order(object) {
            self.under(key, |walk| walk.any(value));
        }
    }

    /// The *object* rule: an object that is no directive, and everything in it.
    fn object(&mut self, value: &'m Value) -> Option<&'m Map<String, Value>> {
        match value {
            Value::Object(object) if !is_directive(object) => {
                self.members(object);
                Some(object)
            }
            other => {
                self.report_kind("an object", kind(Some(other)));
                None
            }
        }
    }

    fn directive(&mut self, object: &'m Map<String, Value>) {
        let mut names = object.iter().filter(|(key, _)| key.starts_with('@'));
        let (name, value) = names.next().expect("only called for objects with an @-key");
        let others = names.count();
        if others > 0 {
            return self.report_keys(others + 1);
        }
        if object.keys().any(|key| !key.starts_with('@') && key != "_metadata") {
            return self.report_keys(object.len());
        }
        self.named_directive(name, value);
    }

    fn report_keys(&mut self, count: usize) {
        self.report(&format!("should only have one @-prefixed key but it has {count} keys"));
    }

    fn named_directive(&mut self, name: &'m str, value: &'m Value) {
        let check: fn(&mut Self, &'m Value) = match name {
            "@path" | "@template" => |walk, value| walk.wanted(Want::TextOrDirective, value),
            "@literal" | "@excludeWhenNull" => |walk, value| walk.only_directive(value),
            "@liquid" => |walk, value| walk.wanted(Want::Text, value),
            "@if" => |walk, value| walk.fields(IF, value),
            "@case" => |walk, value| walk.fields(CASE, value),
            "@replace" => |walk, value| walk.fields(REPLACE, value),
            "@json" => |walk, value| walk.fields(JSON, value),
            "@flatten" => |walk, value| walk.fields(FLATTEN, value),
            "@merge" => Self::merge,
            "@transform" => |walk, value| walk.fields(TRANSFORM, value),
            "@arrayPath" => Self::array_path,
            unknown => return self.report(&format!("has an invalid directive: {unknown}")),
        };
        self.under(name, |walk| check(walk, value));
    }

    fn fields(&mut self, fields: &'static [Field], value: &'m Value) {
        let before = self.found.len();
        let Some(object) = self.object(value) else { return };
        if self.found.len() > before {
            return;
        }
        for field in fields {
            match object.get(field.name) {
                Some(value) if is_walked(field.want, value) => {}
                Some(value) => self.under(field.name, |walk| walk.wanted(field.want, value)),
                None if field.is_required => {
                    self.report(&format!("should have field \"{}\" but it doesn't", field.name));
                }
                None => {}
            }
        }
    }

    fn wanted(&mut self, want: Want, value: &'m Value) {
        let kind = kind(Some(value));
        match want {
            Want::Any => self.only_directive(value),
            Want::Text => {
                self.text(value);
            }
            Want::TextOf { shortest, longest } => {
                if let Some(text) = self.text(value) {
                    self.length(text, shortest, longest);
                }
            }
            Want::Word(words) => {
                if let Some(text) = self.text(value) {
                    self.word(text, words, value);
                }
            }
            Want::Boolean if kind == "boolean" => {}
            Want::Boolean => self.report_kind("a boolean", kind),
            Want::Array if kind == "array" => {}
            Want::Array => self.report_kind("an array", type_name(Some(value))),
            Want::TextOrDirective | Want::ObjectOrDirective if kind == "directive" => self.any(value),
            Want::TextOrDirective if kind == "string" => {}
            Want::TextOrDirective => self.report_kind("a string or a mapping directive", kind),
            Want::ObjectOrDirective if kind == "object" => self.any(value),
            Want::ObjectOrDirective => self.report_kind("a object or a mapping directive", kind),
        }
    }

    fn text(&mut self, value: &'m Value) -> Option<&'m str> {
        let text = value.as_str();
        if text.is_none() {
            self.report_kind("a string", kind(Some(value)));
        }
        text
    }

    fn length(&mut self, text: &str, shortest: usize, longest: usize) {
        let units = text.encode_utf16().count();
        if units < shortest {
            self.report(&format!("should be a string of length {shortest} or greater"));
        } else if units > longest {
            self.report(&format!("should be a string of length {longest} or less"));
        }
    }

    fn word(&mut self, text: &str, words: &[&str], value: &Value) {
        if !words.contains(&text.to_lowercase().as_str()) {
            self.report(&format!("should be one of {} but it is {value}", words.join(", ")));
        }
    }

    fn merge(&mut self, value: &'m Value) {
        let before = self.found.len();
        self.fields(MERGE, value);
        let Some(Value::Array(objects)) = value.get("objects").filter(|_| self.found.len() == before) else {
            return;
        };
        // Compat: here the path starts again at the top, and the first element at fault ends it.
        let path = std::mem::take(&mut self.path);
        for object in objects {
            self.wanted(Want::ObjectOrDirective, object);
            if self.found.len() > before {
                break;
            }
        }
        self.path = path;
    }

    fn array_path(&mut self, value: &'m Value) {
        let before = self.found.len();
        let Value::Array(parts) = value else { return self.report_kind("an array", type_name(Some(value))) };
        match parts.first() {
            Some(root) => self.wanted(Want::TextOrDirective, root),
            None => self.report_kind("a string or a mapping directive", kind(None)),
        }
        if let Some(shape) = parts.get(1).filter(|_| self.found.len() == before) {
            self.any(shape);
        }
    }
}
