//! Payload: what a mapping makes of one event, checked and coerced: the data's JSON text and the target it goes to.
//!
//! Invariants: whatever can be decided when a mapping is saved is decided then, and refused with the same messages; a
//! failure concerns that event alone; data is written once, straight into the caller's text.

mod batching;
mod check;

pub use batching::{BATCH_SIZE_MAX, Batching};
use check::{BATCH_KEYS, DATA, FIELDS, Field, HEADERS, Headers, METHOD, Mistakes, URL};

use crate::json::{Document, Numbers};
use crate::mapping::{self, Meter, Problem, ResolveError, Rule, Scope, Value};
use crate::target::{Method, Target};

const JSON_NULL: &str = "null";

/// A mapping as ingest runs it: its fields compiled, its static parts checked, its batching known.
#[derive(Debug)]
pub struct Recipe {
    numbers: Numbers,
    batching: Option<Batching>,
    target: Option<Target>,
    /// A mapping that is one directive: all fields come from what it resolves to.
    whole: Option<Rule>,
    url: Part<String>,
    method: Part<Method>,
    headers: Part<Headers>,
    /// Whether `batch_keys` names `data`.
    is_grouped: Part<bool>,
    data: Option<Rule>,
    /// Unknown fields: dropped, but a directive in one can still fail.
    others: Vec<(Box<str>, Rule)>,
}

/// A field that the mapping alone decides, or a rule for each event.
#[derive(Debug)]
enum Part<T> {
    Known(T),
    Rule(Option<Rule>),
}

/// One event's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The data's JSON text; none when the mapping makes no data.
    pub data: Option<String>,
    /// Where it goes, unless that is the recipe's static target.
    pub target: Option<Target>,
}

/// Why there is no payload for one event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejection {
    /// The place in the mapping, as in `/data/total/@liquid`; empty when it concerns the whole of it.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

impl Recipe {
    /// Validates, compiles, and checks all that no event changes. Tells every mistake: those of directives first, then
    /// those of the fields that are free of such.
    pub fn compile(fields: &serde_json::Value, numbers: Numbers) -> Result<Recipe, Vec<Problem>> {
        let mut problems = match mapping::compile_fields(fields, numbers) {
            Ok(rule) => return Recipe::of_rule(rule, fields, numbers),
            Err(problems) => problems,
        };
        let (sound, masked) = without_mistakes(fields, &problems);
        if let Ok(rule) = mapping::compile_fields(&sound, numbers) {
            let more = Recipe::of_rule(rule, &sound, numbers).err().unwrap_or_default();
            problems.extend(more.into_iter().filter(|problem| !masked.contains(&field_of(problem))));
        }
        Err(problems)
    }

    fn of_rule(rule: Rule, fields: &serde_json::Value, numbers: Numbers) -> Result<Recipe, Vec<Problem>> {
        let mut mistakes = Mistakes::default();
        let batching = batching::of_fields(fields, &mut mistakes);
        let is_batched = batching.is_some();
        let (whole, mut members) = match rule.into_members() {
            Ok(members) => (None, members),
            Err(directive) => (Some(directive), Vec::new()),
        };
        let [url, method, _batch_size, headers, data, batch_keys] = FIELDS.map(|field| {
            let at = members.iter().position(|(name, _)| **name == *field.name)?;
            Some(members.remove(at).1)
        });
        let is_whole = whole.is_some();
        let recipe = Recipe {
            numbers,
            batching,
            target: None,
            url: Part::of(url, is_whole, &mut mistakes, |value| check::url(value, is_batched, numbers)),
            method: Part::of(method, is_whole, &mut mistakes, |value| {
                check::method(value, is_batched, numbers)
            }),
            headers: Part::of(headers, is_whole, &mut mistakes, |value| check::headers(value, numbers)),
            is_grouped: Part::of(batch_keys, is_whole, &mut mistakes, |value| {
                check::known_batch_keys(value, numbers)
            }),
            data,
            whole,
            others: members.into_iter().filter(|(_, rule)| !rule.is_static()).collect(),
        };
        if let Some(Rule::Static(document)) = &recipe.data {
            mistakes.keep(check::data(document.text()));
        }
        if mistakes.is_empty() { Ok(recipe.with_target()) } else { Err(mistakes.into_problems()) }
    }

    fn with_target(mut self) -> Recipe {
        if let (Part::Known(url), Part::Known(method), Part::Known(headers), Part::Known(false)) =
            (&self.url, &self.method, &self.headers, &self.is_grouped)
        {
            let (url, method, headers) = (url.clone(), *method, headers.clone());
            self.target = Some(Target { url, method, headers, group: None });
        }
        self
    }

    /// The fields with the defaults that are copied into a mapping when it is created.
    #[must_use]
    pub fn with_defaults(mut fields: serde_json::Value) -> serde_json::Value {
        if let Some(fields) = fields.as_object_mut() {
            let whole_event = serde_json::json!({ "@path": "$." });
            for (field, default) in [(METHOD, serde_json::json!("POST")), (DATA, whole_event)] {
                if !fields.contains_key(field.name) {
                    fields.insert(field.name.to_owned(), default);
                }
            }
        }
        fields
    }

    /// How events share requests; none when each has its own.
    pub fn batching(&self) -> Option<Batching> {
        self.batching
    }

    /// The target, when no event changes it.
    pub fn static_target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// One event's payload.
    pub fn payload(&self, event: &Document) -> Result<Payload, Rejection> {
        let mut data = String::new();
        let target = self.write_payload(event, &mut data)?;
        Ok(Payload { data: Some(data).filter(|data| data != JSON_NULL), target })
    }

    /// Appends the data's JSON text to `out`, `null` when there is none, and answers the target unless it is the
    /// static one. After an error `out` is as it was.
    pub fn write_payload(&self, event: &Document, out: &mut String) -> Result<Option<Target>, Rejection> {
        let before = out.len();
        let meter = Meter::new();
        let written = self.write(event, &meter, out);
        if written.is_err() {
            out.truncate(before);
        }
        written
    }

    fn write(&self, event: &Document, meter: &Meter, out: &mut String) -> Result<Option<Target>, Rejection> {
        let scope = Scope::new(event, self.numbers, meter)?;
        let whole = match &self.whole {
            Some(rule) => Some(rule.resolve(&scope)?.cleaned(meter).map_err(ResolveError::from)?),
            None => None,
        };
        let fields = Resolving { scope: &scope, whole };
        for (name, rule) in &self.others {
            rule.resolve(&scope).map_err(|error| error.below(Some(name)))?;
        }
        let mut mistakes = Mistakes::default();
        let target = match self.target {
            Some(_) => None,
            None => self.target_of(&fields, &mut mistakes)?,
        };
        let data_at = out.len();
        if !fields.write(self.data.as_ref(), DATA, out)? {
            out.push_str(JSON_NULL);
        }
        if mistakes.keep(check::data(&out[data_at..])) == Some(false) {
            out.truncate(data_at);
            out.push_str(JSON_NULL);
        }
        if !mistakes.is_empty() {
            return Err(mistakes.into_rejection());
        }
        Ok(target.map(|(target, is_grouped)| Target {
            group: is_grouped.then(|| out[data_at..].to_owned()),
            ..target
        }))
    }

    /// The target, when all its parts are right, and whether the data's text belongs to it.
    fn target_of(
        &self,
        fields: &Resolving<'_, '_>,
        mistakes: &mut Mistakes,
    ) -> Result<Option<(Target, bool)>, ResolveError> {
        let (is_batched, numbers) = (self.batching.is_some(), self.numbers);
        let url = fields.part(&self.url, URL, mistakes, |value| check::url(value, is_batched, numbers))?;
        let method =
            fields.part(&self.method, METHOD, mistakes, |value| check::method(value, is_batched, numbers))?;
        let headers =
            fields.part(&self.headers, HEADERS, mistakes, |value| check::headers(value, numbers))?;
        let is_grouped = fields.part(&self.is_grouped, BATCH_KEYS, mistakes, |value| {
            check::batch_keys(value, numbers).map(|names| names.iter().any(|name| name == DATA.name))
        })?;
        let (Some(url), Some(method), Some(headers), Some(is_grouped)) = (url, method, headers, is_grouped)
        else {
            return Ok(None);
        };
        Ok(Some((Target { url, method, headers, group: None }, is_grouped)))
    }
}

impl<T> Part<T> {
    fn of(
        rule: Option<Rule>,
        is_whole: bool,
        mistakes: &mut Mistakes,
        check: impl FnOnce(&Value<'_>) -> check::Checked<T>,
    ) -> Part<T> {
        let known = match &rule {
            Some(Rule::Static(document)) => check(&Value::Node(document.root())),
            None if !is_whole => check(&Value::Absent),
            _ => return Part::Rule(rule),
        };
        mistakes.keep(known).map_or(Part::Rule(rule), Part::Known)
    }
}

/// The fields of one event, each resolved where it is asked for.
struct Resolving<'e, 's> {
    scope: &'s Scope<'e, 's>,
    whole: Option<Value<'e>>,
}

impl<'e> Resolving<'e, '_> {
    fn value(&self, rule: Option<&'e Rule>, field: Field) -> Result<Value<'e>, ResolveError> {
        match (&self.whole, rule) {
            (Some(whole), _) => Ok(whole.named(field.name)),
            (None, Some(rule)) => rule.resolve(self.scope).map_err(|error| error.below(Some(field.name))),
            (None, None) => Ok(Value::Absent),
        }
    }

    fn part<T: Clone>(
        &self,
        part: &'e Part<T>,
        field: Field,
        mistakes: &mut Mistakes,
        check: impl FnOnce(&Value<'_>) -> check::Checked<T>,
    ) -> Result<Option<T>, ResolveError> {
        match part {
            Part::Known(known) => Ok(Some(known.clone())),
            Part::Rule(rule) => Ok(mistakes.keep(check(&self.value(rule.as_ref(), field)?))),
        }
    }

    fn write(&self, rule: Option<&'e Rule>, field: Field, out: &mut String) -> Result<bool, ResolveError> {
        match (&self.whole, rule) {
            (None, Some(rule)) => rule.write(self.scope, out).map_err(|error| error.below(Some(field.name))),
            _ => Ok(self.value(rule, field)?.write_json(self.scope.numbers, self.scope.meter, out)?),
        }
    }
}

impl From<ResolveError> for Rejection {
    fn from(error: ResolveError) -> Rejection {
        Rejection { path: error.path(), reason: error.to_string() }
    }
}

/// The fields with those at fault made unknown until an event comes, and their names.
fn without_mistakes(fields: &serde_json::Value, problems: &[Problem]) -> (serde_json::Value, Vec<String>) {
    let masked: Vec<String> = problems.iter().map(field_of).collect();
    let mut sound = fields.clone();
    for (name, value) in sound.as_object_mut().into_iter().flatten() {
        if masked.contains(name) {
            *value = serde_json::json!({ "@path": "$." });
        }
    }
    (sound, masked)
}

/// The field that a problem is in: the first key of its path.
fn field_of(problem: &Problem) -> String {
    problem.path.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
