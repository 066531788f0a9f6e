//! Rule: one place of a mapping, compiled. What an event does not change is decided here once.
//!
//! Invariant: a rule refers to nothing by name; an option that was wrong as it was written is a `Fail`, raised only
//! when that place is resolved.

use super::Problem;
use super::liquid::Liquid;
use super::path::Path;
use super::template::Template;
use super::text::{Case, Replace};
use crate::json::Document;

#[derive(Debug)]
pub(crate) enum Rule {
    /// No directive in it: its JSON text, parsed once.
    Static(Document),
    Object(Vec<Member>),
    Array(Vec<Rule>),
    Path(Path),
    /// `@path` whose text another directive makes.
    PathOf(Box<Rule>),
    Template(Template),
    TemplateOf(Box<Rule>),
    /// `@literal`: the value resolved, under a place of its own.
    Literal(Box<Rule>),
    If(Box<If>),
    Case(Box<Case>),
    Replace(Box<Replace>),
    Encode(Box<Rule>),
    Decode(Box<Rule>),
    ExcludeWhenNull(Box<Rule>),
    ArrayPath(Box<ArrayPath>),
    Flatten(Box<Flatten>),
    Merge(Box<Merge>),
    Transform(Box<Transform>),
    Liquid(Box<Liquid>),
    Absent,
    Fail(String),
    /// A mapping inside this one that is not well formed.
    Invalid(Vec<Problem>),
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(super) key: Box<str>,
    /// The key as JSON text with its colon.
    pub(super) head: Box<str>,
    pub(super) rule: Rule,
}

#[derive(Debug)]
pub(crate) struct If {
    pub(super) test: Test,
    pub(super) then: Rule,
    pub(super) otherwise: Rule,
}

#[derive(Debug)]
pub(crate) enum Test {
    Exists(Rule),
    NotBlank(Rule),
}

#[derive(Debug)]
pub(crate) struct ArrayPath {
    pub(super) root: Rule,
    /// Only a shape with at least one key is resolved for each item.
    pub(super) shape: Option<Rule>,
}

#[derive(Debug)]
pub(crate) struct Flatten {
    pub(super) separator: Rule,
    pub(super) value: Rule,
    pub(super) keeps_arrays: bool,
}

#[derive(Debug)]
pub(crate) struct Merge {
    pub(super) objects: Vec<Rule>,
    pub(super) direction: Rule,
}

#[derive(Debug)]
pub(crate) struct Transform {
    pub(super) apply: Rule,
    pub(super) mapping: Rule,
}

impl Rule {
    /// The members of an object; the rule itself when it is a directive.
    pub(crate) fn into_members(self) -> Result<Vec<(Box<str>, Rule)>, Rule> {
        match self {
            Rule::Object(members) => {
                Ok(members.into_iter().map(|member| (member.key, member.rule)).collect())
            }
            other => Err(other),
        }
    }

    /// Whether no event changes it, so that it can't fail either.
    pub(crate) fn is_static(&self) -> bool {
        matches!(self, Rule::Static(_))
    }

    /// The directive's name, for the place of an error.
    pub(super) fn directive(&self) -> Option<&'static str> {
        match self {
            Rule::Path(_) | Rule::PathOf(_) => Some("@path"),
            Rule::Template(_) | Rule::TemplateOf(_) => Some("@template"),
            Rule::Literal(_) => Some("@literal"),
            Rule::If(_) => Some("@if"),
            Rule::Case(_) => Some("@case"),
            Rule::Replace(_) => Some("@replace"),
            Rule::Encode(_) | Rule::Decode(_) => Some("@json"),
            Rule::ExcludeWhenNull(_) => Some("@excludeWhenNull"),
            Rule::ArrayPath(_) => Some("@arrayPath"),
            Rule::Flatten(_) => Some("@flatten"),
            Rule::Merge(_) => Some("@merge"),
            Rule::Transform(_) => Some("@transform"),
            Rule::Liquid(_) => Some("@liquid"),
            Rule::Static(_)
            | Rule::Object(_)
            | Rule::Array(_)
            | Rule::Absent
            | Rule::Fail(_)
            | Rule::Invalid(_) => None,
        }
    }
}
