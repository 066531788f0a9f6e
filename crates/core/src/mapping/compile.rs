//! Compiling: a mapping as it is written becomes rules.
//!
//! Invariant: reads options exactly as they stand ("falsy as written"), so that an event decides only what depends on
//! it. Recursion is bounded by the depth check that comes before.

use serde_json::{Map, Value};

use super::keys::{self, is_truthy};
use super::liquid::Liquid;
use super::path::Path;
use super::rule::{ArrayPath, Flatten, If, Member, Merge, Rule, Test, Transform};
use super::template::Template;
use super::text::{Case, Pair, Replace};
use super::{Problem, validate};
use crate::json::{Document, Limits, Numbers, write_number, write_string};

/// The key of the root directive.
const ROOT: &str = "__segment_internal_directive";

/// A whole mapping, or what an `@transform` applies: root directive, validation, then rules.
pub(super) fn top(mapping: &Value, numbers: Numbers) -> Result<Rule, Vec<Problem>> {
    let Some(object) = keys::as_object(mapping) else {
        return Err(vec![Problem::at_root("the mapping must be an object, got null")]);
    };
    let rooted = match object.get(ROOT) {
        Some(directive) => Some(root(&object, directive).map_err(|message| vec![Problem::at_root(message)])?),
        None => None,
    };
    let object = rooted.as_ref().unwrap_or(&object);
    let problems = validate::problems_of(object);
    if !problems.is_empty() {
        return Err(problems);
    }
    let compiler = Compiler { numbers };
    Ok(match directive_of(object) {
        Some((name, options)) => compiler.directive(name, options),
        None => compiler.members(object),
    })
}

/// The root directive's value replaces the mapping; all other keys become the member `mapping` of its inner object.
fn root(object: &Map<String, Value>, directive: &Value) -> Result<Map<String, Value>, &'static str> {
    let directive = keys::as_object(directive).unwrap_or_default();
    if directive.len() > 1 {
        return Err("The root mapping must only have a single directive object");
    }
    let Some((name, Value::Object(inner))) = directive.iter().next() else {
        return Err("The root directive must be an object");
    };
    let mut inner = inner.clone();
    let rest = object.iter().filter(|(key, _)| *key != ROOT).map(|(key, value)| (key.clone(), value.clone()));
    inner.insert("mapping".to_owned(), Value::Object(rest.collect()));
    Ok(Map::from_iter([(name.clone(), Value::Object(inner))]))
}

struct Compiler {
    numbers: Numbers,
}

impl Compiler {
    fn value(&self, value: &Value) -> Rule {
        match value {
            Value::Object(object) => self.object(object),
            Value::Array(items) if holds_directive(value) => {
                Rule::Array(items.iter().map(|item| self.value(item)).collect())
            }
            other => self.literal(other),
        }
    }

    fn object(&self, object: &Map<String, Value>) -> Rule {
        if let Some((name, options)) = directive_of(object) {
            return self.directive(name, options);
        }
        if !object.values().any(holds_directive) {
            return self.literal(&Value::Object(object.clone()));
        }
        self.members(object)
    }

    fn members(&self, object: &Map<String, Value>) -> Rule {
        let member = |(key, value): (&String, &Value)| {
            let mut head = String::new();
            write_string(key, &mut head);
            head.push(':');
            Member { key: key.as_str().into(), head: head.into(), rule: self.value(value) }
        };
        Rule::Object(keys::in_order(object).into_iter().map(member).collect())
    }

    fn literal(&self, value: &Value) -> Rule {
        let mut text = String::new();
        write(value, self.numbers, &mut text);
        let document = Document::parse(text, &Limits::new(usize::MAX));
        Rule::Static(document.expect("it was just written, and its depth was checked before"))
    }

    fn boxed(&self, value: &Value) -> Box<Rule> {
        Box::new(self.value(value))
    }

    fn optional(&self, value: Option<&Value>) -> Rule {
        value.map_or(Rule::Absent, |value| self.value(value))
    }

    /// What is absent when it is falsy as written.
    fn truthy(&self, value: Option<&Value>) -> Rule {
        self.optional(value.filter(|value| is_truthy(Some(value))))
    }

    fn directive(&self, name: &str, options: &Value) -> Rule {
        match name {
            "@path" => match options.as_str() {
                Some(text) => Rule::Path(Path::parse(text)),
                None => Rule::PathOf(self.boxed(options)),
            },
            "@template" => match options.as_str() {
                Some(text) => Rule::Template(Template::parse(text)),
                None => Rule::TemplateOf(self.boxed(options)),
            },
            "@literal" => Rule::Literal(self.boxed(options)),
            "@excludeWhenNull" => Rule::ExcludeWhenNull(self.boxed(options)),
            "@liquid" => match options.as_str() {
                Some(text) => {
                    Liquid::parse(text).map_or_else(Rule::Fail, |liquid| Rule::Liquid(Box::new(liquid)))
                }
                None => Rule::Fail("liquid template value must be a string".to_owned()),
            },
            "@arrayPath" => match options {
                Value::Array(parts) => self.array_path(parts),
                other => Rule::Fail(format!("@arrayPath expected array, got {}", keys::type_name(other))),
            },
            name => self.with_options(name, options).unwrap_or_else(Rule::Fail),
        }
    }

    fn with_options(&self, name: &str, options: &Value) -> Result<Rule, String> {
        let no_options = Map::new();
        let object = options.as_object();
        let expects = |what: &str| match object {
            Some(_) => Ok(()),
            None => Err(format!("{name} requires an object with {what}")),
        };
        let options = object.unwrap_or(&no_options);
        match name {
            "@if" => expects("an \"exists\" key").and_then(|()| self.condition(options)),
            "@case" => expects("a \"operator\" key").and_then(|()| self.case(options)),
            "@replace" => expects("a \"pattern\" key").and_then(|()| self.replace(options)),
            "@json" => expects("a \"value\" key").and_then(|()| self.json(options)),
            "@flatten" => expects("a \"separator\" key").and_then(|()| self.flatten(options)),
            "@merge" => {
                expects("an \"objects\" key and a \"direction\" key").and_then(|()| self.merge(options))
            }
            "@transform" => {
                expects("an \"apply\" key and a \"mapping\" key").and_then(|()| self.transform(options))
            }
            unknown => Err(format!("{unknown} is not a valid directive, got undefined")),
        }
    }

    fn condition(&self, options: &Map<String, Value>) -> Result<Rule, String> {
        let (exists, blank) = (options.get("exists"), options.get("blank"));
        if !is_truthy(exists) && !is_truthy(blank) {
            return Err("@if requires an \"exists\" key or a \"blank\" key".to_owned());
        }
        let test = match exists {
            Some(exists) => Test::Exists(self.value(exists)),
            None => Test::NotBlank(self.optional(blank)),
        };
        let (then, otherwise) = (self.optional(options.get("then")), self.truthy(options.get("else")));
        Ok(Rule::If(Box::new(If { test, then, otherwise })))
    }

    fn case(&self, options: &Map<String, Value>) -> Result<Rule, String> {
        needs(options, "@case", "operator")?;
        if !is_truthy(options.get("value")) {
            return Ok(Rule::Absent);
        }
        let operator = options.get("operator").and_then(Value::as_str);
        Ok(Rule::Case(Box::new(Case::new(operator, self.optional(options.get("value"))))))
    }

    fn replace(&self, options: &Map<String, Value>) -> Result<Rule, String> {
        needs(options, "@replace", "pattern")?;
        if !is_truthy(options.get("value")) {
            return Ok(Rule::Absent);
        }
        let flag = |name, default| match options.get(name) {
            None | Some(Value::Null) => Some(default),
            Some(other) => other.as_bool(),
        };
        let first = Pair::new(options.get("pattern"), options.get("replacement"));
        let second =
            Pair::new(options.get("pattern2").filter(|text| **text != ""), options.get("replacement2"));
        Ok(Rule::Replace(Box::new(Replace {
            pairs: first.map(|first| (first, second)),
            is_global: flag("global", true),
            ignores_case: flag("ignorecase", false),
            value: self.optional(options.get("value")),
        })))
    }

    fn json(&self, options: &Map<String, Value>) -> Result<Rule, String> {
        needs(options, "@json", "mode")?;
        needs(options, "@json", "value")?;
        let value = Box::new(self.optional(options.get("value")));
        Ok(match options.get("mode").and_then(Value::as_str) {
            Some("encode") => Rule::Encode(value),
            Some("decode") => Rule::Decode(value),
            // The value is resolved all the same: it may fail.
            _ => Rule::If(Box::new(If {
                test: Test::Exists(*value),
                then: Rule::Absent,
                otherwise: Rule::Absent,
            })),
        })
    }

    fn flatten(&self, options: &Map<String, Value>) -> Result<Rule, String> {
        needs(options, "@flatten", "separator")?;
        Ok(Rule::Flatten(Box::new(Flatten {
            separator: self.optional(options.get("separator")),
            value: self.optional(options.get("value")),
            keeps_arrays: is_truthy(options.get("omitArrays")),
        })))
    }

    fn merge(&self, options: &Map<String, Value>) -> Result<Rule, String> {
        needs(options, "@merge", "direction")?;
        needs(options, "@merge", "objects")?;
        let objects = match options.get("objects") {
            Some(Value::Array(objects)) => objects.iter().map(|object| self.value(object)).collect(),
            other => {
                let kind = other.map_or("undefined", keys::type_name);
                return Err(format!("@merge: expected opts.array, got {kind}"));
            }
        };
        Ok(Rule::Merge(Box::new(Merge { objects, direction: self.optional(options.get("direction")) })))
    }

    fn transform(&self, options: &Map<String, Value>) -> Result<Rule, String> {
        needs(options, "@transform", "mapping")?;
        needs(options, "@transform", "apply")?;
        let Some(apply @ Value::Object(_)) = options.get("apply") else {
            return Err("@transform \"apply\" key should be an object".to_owned());
        };
        // Compat: what is wrong in there is said when it is applied. Outside of arrays validation was there before.
        let apply = top(apply, self.numbers).unwrap_or_else(Rule::Invalid);
        Ok(Rule::Transform(Box::new(Transform { apply, mapping: self.optional(options.get("mapping")) })))
    }

    fn array_path(&self, parts: &[Value]) -> Rule {
        let root = match parts.first() {
            Some(Value::String(text)) => Rule::Path(Path::parse(text)),
            other => self.optional(other),
        };
        let shape = match parts.get(1) {
            Some(Value::Object(shape)) if !shape.is_empty() => Some(self.object(shape)),
            _ => None,
        };
        Rule::ArrayPath(Box::new(ArrayPath { root, shape }))
    }
}

/// An option that must be truthy as it is written.
fn needs(options: &Map<String, Value>, directive: &str, key: &str) -> Result<(), String> {
    if is_truthy(options.get(key)) { Ok(()) } else { Err(format!("{directive} requires a \"{key}\" key")) }
}

/// The directive that an object is, when it is one: at least one `@`-key and beside them only `_metadata`.
fn directive_of(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let is_name = |key: &str| key.starts_with('@');
    if object.keys().any(|key| !is_name(key) && key != "_metadata") {
        return None;
    }
    object.iter().find(|(key, _)| is_name(key)).map(|(key, value)| (key.as_str(), value))
}

fn holds_directive(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_directive),
        Value::Object(object) => directive_of(object).is_some() || object.values().any(holds_directive),
        _ => false,
    }
}

/// Appends the JSON text of a value of the mapping.
fn write(value: &Value, numbers: Numbers, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::String(text) => write_string(text, out),
        Value::Number(number) if matches!(numbers, Numbers::Exact) && !number.is_f64() => {
            out.push_str(&number.to_string());
        }
        Value::Number(number) => write_number(number.as_f64().unwrap_or_default(), out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, numbers, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (index, (key, item)) in keys::in_order(object).into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write(item, numbers, out);
            }
            out.push('}');
        }
    }
}
