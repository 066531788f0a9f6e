//! Resolving: rules and one event become a value, or at once its JSON text.
//!
//! Invariants: writing and resolving agree; what can be copied as text is; nothing here looks at how the mapping was
//! written.

use super::ResolveError;
use super::meter::Meter;
use super::path::Path;
use super::rule::{ArrayPath, Flatten, If, Member, Rule, Test, Transform};
use super::structure;
use super::template::Template;
use super::value::{Object, Value};
use crate::json::{Document, Limits, Node, Numbers};

/// What a rule sees: the current event, which inside a shape or a transform is another value.
pub(crate) struct Scope<'e, 'm> {
    pub(crate) event: Value<'e>,
    /// The event that came, whatever the current one is.
    pub(crate) root: Node<'e>,
    pub(crate) numbers: Numbers,
    pub(crate) meter: &'m Meter,
}

impl<'e, 'm> Scope<'e, 'm> {
    pub(crate) fn new(
        event: &'e Document,
        numbers: Numbers,
        meter: &'m Meter,
    ) -> Result<Scope<'e, 'm>, ResolveError> {
        let root = event.root();
        let event = Value::Node(root);
        must_be_object(&event)?;
        Ok(Scope { event, root, numbers, meter })
    }

    pub(crate) fn over(&self, event: Value<'e>) -> Scope<'e, 'm> {
        Scope { event, root: self.root, numbers: self.numbers, meter: self.meter }
    }
}

type Resolved<'e> = Result<Value<'e>, ResolveError>;

impl Rule {
    pub(crate) fn resolve<'e>(&'e self, scope: &Scope<'e, '_>) -> Resolved<'e> {
        match self.resolve_here(scope) {
            Ok(value) => Ok(value),
            Err(error) => Err(error.below(self.directive())),
        }
    }

    /// Appends the JSON text of what the rule resolves to. Answers whether there is any; on an error what was
    /// appended is the caller's to take back.
    pub(crate) fn write<'e>(&'e self, scope: &Scope<'e, '_>, out: &mut String) -> Result<bool, ResolveError> {
        match self {
            Rule::Static(document) => {
                out.push_str(document.text());
                Ok(true)
            }
            Rule::Object(members) => write_object(members, scope, out),
            Rule::Array(items) => write_array(items, scope, out),
            Rule::Path(path) => Ok(path.follow(&scope.event).write_json(scope.numbers, scope.meter, out)?),
            Rule::Template(template) => {
                template.write_json(&scope.event, scope.numbers, scope.meter, out)?;
                Ok(true)
            }
            other => Ok(other.resolve(scope)?.write_json(scope.numbers, scope.meter, out)?),
        }
    }

    fn resolve_here<'e>(&'e self, scope: &Scope<'e, '_>) -> Resolved<'e> {
        scope.meter.spend_values(1)?;
        match self {
            Rule::Static(document) => Ok(Value::Node(document.root())),
            Rule::Object(members) => object(members, scope),
            Rule::Array(items) => Ok(Value::array(all(items, scope)?)),
            Rule::Path(path) => Ok(path.follow(&scope.event)),
            Rule::PathOf(text) => Ok(Path::parse(&text_of(text, "@path", scope)?).follow(&scope.event)),
            Rule::Template(template) => print(template, scope),
            Rule::TemplateOf(text) => print(&Template::parse(&text_of(text, "@template", scope)?), scope),
            Rule::Literal(rule) => rule.resolve(scope),
            Rule::If(condition) => decide(condition, scope),
            Rule::Case(case) => Ok(case.apply(case.value.resolve(scope)?)?),
            Rule::Replace(replace) => {
                let value = replace.apply(&replace.value.resolve(scope)?)?;
                scope.meter.spend(value.as_str().map_or(0, |text| text.len()))?;
                Ok(value)
            }
            Rule::Encode(rule) => encode(rule, scope),
            Rule::Decode(rule) => decode(rule.resolve(scope)?, scope),
            Rule::ExcludeWhenNull(rule) => Ok(structure::exclude_null(rule.resolve(scope)?, scope.meter)?),
            Rule::ArrayPath(array_path) => pluck(array_path, scope),
            Rule::Flatten(flatten) => flat(flatten, scope),
            Rule::Merge(merge) => {
                let is_left = merge.direction.resolve(scope)?.as_str().is_some_and(|text| text == "left");
                let objects = all(&merge.objects, scope)?;
                Ok(structure::merge(&objects, is_left, scope.meter)?)
            }
            Rule::Transform(transform) => transformed(transform, scope),
            Rule::Liquid(liquid) => Ok(Value::text(liquid.render(scope)?)),
            Rule::Absent => Ok(Value::Absent),
            Rule::Fail(message) => Err(ResolveError::new(message.clone())),
            Rule::Invalid(problems) => Err(ResolveError::of(problems)),
        }
    }
}

fn write_object<'e>(
    members: &'e [Member],
    scope: &Scope<'e, '_>,
    out: &mut String,
) -> Result<bool, ResolveError> {
    out.push('{');
    let start = out.len();
    for member in members {
        let before = out.len();
        if before > start {
            out.push(',');
        }
        out.push_str(&member.head);
        if !member.rule.write(scope, out).map_err(|error| error.below(Some(&member.key)))? {
            out.truncate(before);
        }
    }
    out.push('}');
    Ok(true)
}

fn write_array<'e>(items: &'e [Rule], scope: &Scope<'e, '_>, out: &mut String) -> Result<bool, ResolveError> {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        if !item.write(scope, out)? {
            out.push_str("null");
        }
    }
    out.push(']');
    Ok(true)
}

fn object<'e>(members: &'e [Member], scope: &Scope<'e, '_>) -> Resolved<'e> {
    let mut object = Object::with_capacity(members.len());
    for member in members {
        let value = member.rule.resolve(scope).map_err(|error| error.below(Some(&member.key)))?;
        object.insert((&*member.key).into(), value);
    }
    Ok(Value::object(object))
}

fn all<'e>(rules: &'e [Rule], scope: &Scope<'e, '_>) -> Result<Vec<Value<'e>>, ResolveError> {
    rules.iter().map(|rule| rule.resolve(scope)).collect()
}

fn text_of<'e>(rule: &'e Rule, directive: &str, scope: &Scope<'e, '_>) -> Result<String, ResolveError> {
    let value = rule.resolve(scope)?;
    match value.as_str() {
        Some(text) => {
            scope.meter.spend(text.len())?;
            Ok(text.into_owned())
        }
        None => Err(ResolveError::new(format!("{directive}: expected string, got {}", value.type_name()))),
    }
}

fn print<'e>(template: &Template, scope: &Scope<'e, '_>) -> Resolved<'e> {
    let mut text = String::new();
    template.write_text(&scope.event, scope.numbers, scope.meter, &mut text)?;
    Ok(Value::text(text))
}

fn decide<'e>(condition: &'e If, scope: &Scope<'e, '_>) -> Resolved<'e> {
    let holds = match &condition.test {
        Test::Exists(rule) => {
            let value = rule.resolve(scope)?;
            !value.is_absent() && !value.is_null()
        }
        Test::NotBlank(rule) => {
            let value = rule.resolve(scope)?;
            value.is_truthy() && !(value.is_array() && structure::prints_nothing(&value))
        }
    };
    if holds { condition.then.resolve(scope) } else { condition.otherwise.resolve(scope) }
}

fn encode<'e>(rule: &'e Rule, scope: &Scope<'e, '_>) -> Resolved<'e> {
    let mut text = String::new();
    Ok(if rule.write(scope, &mut text)? { Value::text(text) } else { Value::Absent })
}

fn decode<'e>(value: Value<'e>, scope: &Scope<'e, '_>) -> Resolved<'e> {
    let Some(text) = value.as_str() else { return Ok(value) };
    // A value takes many times its text: `[[],[]]`.
    scope.meter.spend(text.len().saturating_mul(16))?;
    match Document::parse(text.to_string(), &Limits::new(usize::MAX)) {
        Ok(document) => Ok(Value::owned(document.root())),
        Err(_) => Ok(value),
    }
}

fn pluck<'e>(array_path: &'e ArrayPath, scope: &Scope<'e, '_>) -> Resolved<'e> {
    let root = array_path.root.resolve(scope)?;
    let Some(shape) = &array_path.shape else { return Ok(root) };
    let items = if root.is_array() {
        root.items()
    } else if root.is_object() {
        vec![root]
    } else {
        return Ok(root);
    };
    scope.meter.spend_values(items.len())?;
    let shaped: Result<_, _> = items.into_iter().map(|item| shape.resolve(&scope.over(item))).collect();
    Ok(Value::array(shaped?))
}

fn flat<'e>(flatten: &'e Flatten, scope: &Scope<'e, '_>) -> Resolved<'e> {
    let separator = flatten.separator.resolve(scope)?;
    let Some(separator) = separator.as_str() else {
        return Err(ResolveError::new("@flatten requires a string separator".to_owned()));
    };
    let value = flatten.value.resolve(scope)?;
    Ok(structure::flatten(&value, &separator, flatten.keeps_arrays, scope.meter)?)
}

fn transformed<'e>(transform: &'e Transform, scope: &Scope<'e, '_>) -> Resolved<'e> {
    // Compat: what is absent is an empty event to a mapping that is applied to it.
    let event = if scope.event.is_absent() { Value::object(Object::new()) } else { scope.event.clone() };
    must_be_object(&event)?;
    let applied = transform.apply.resolve(&scope.over(event))?.cleaned(scope.meter)?;
    transform.mapping.resolve(&scope.over(applied))
}

/// A mapping is applied to objects only.
fn must_be_object(event: &Value<'_>) -> Result<(), ResolveError> {
    if event.is_object() {
        return Ok(());
    }
    Err(ResolveError::new(format!("data must be an object, got {}", event.type_name())))
}
