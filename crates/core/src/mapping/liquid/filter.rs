//! Filters: found by name when a template is parsed, applied when it is rendered.

mod encode;
mod list;
mod math;
mod text;
mod time;

use super::operand::{Operand, to_number, write_text};
use super::{Excess, Failure};
use crate::mapping::meter::Meter;
use crate::mapping::resolve::Scope;
use crate::mapping::value::Value;

/// Filters that Segment disables, refused when they run.
const DISABLED: [&str; 20] = [
    "array_to_sentence_string",
    "concat",
    "find",
    "find_exp",
    "find_index",
    "find_index_exp",
    "group_by",
    "group_by_exp",
    "has",
    "has_exp",
    "map",
    "newline_to_br",
    "reject",
    "reject_exp",
    "reverse",
    "sort",
    "sort_natural",
    "uniq",
    "where_exp",
    "type",
];

/// A filter by what it does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Filter {
    Apply(Apply),
    Disabled(&'static str),
    /// One that does not exist passes its input on.
    Unknown,
}

pub(super) type Apply = for<'e> fn(&Call<'_, 'e>) -> Filtered<'e>;
pub(super) type Filtered<'e> = Result<Operand<'e>, Failure>;

/// A filter's input, its arguments, and what it may spend.
pub(super) struct Call<'c, 'e> {
    pub(super) value: Operand<'e>,
    pub(super) arguments: Vec<Operand<'e>>,
    pub(super) scope: &'c Scope<'e, 'c>,
}

pub(super) fn find(name: &str) -> Filter {
    if let Some(name) = DISABLED.iter().find(|disabled| **disabled == name) {
        return Filter::Disabled(name);
    }
    let tables = [text::FILTERS, encode::FILTERS, math::FILTERS, list::FILTERS, time::FILTERS];
    let found = tables.into_iter().flatten().find(|(known, _)| *known == name);
    found.map_or(Filter::Unknown, |(_, apply)| Filter::Apply(*apply))
}

impl Filter {
    pub(super) fn apply<'e>(self, call: Call<'_, 'e>) -> Filtered<'e> {
        call.meter().spend(1)?;
        match self {
            Filter::Apply(apply) => apply(&call),
            Filter::Disabled(name) => Err(Failure::Filter(name)),
            Filter::Unknown => Ok(call.value),
        }
    }
}

impl<'e> Call<'_, 'e> {
    fn meter(&self) -> &Meter {
        self.scope.meter
    }

    /// The input as text.
    fn text(&self) -> Result<String, Excess> {
        self.text_of(&self.value)
    }

    fn text_of(&self, operand: &Operand<'e>) -> Result<String, Excess> {
        let mut text = String::new();
        write_text(&operand.plain(), self.scope.numbers, self.meter(), &mut text)?;
        Ok(text)
    }

    fn argument(&self, index: usize) -> Option<&Operand<'e>> {
        self.arguments.get(index).filter(|argument| !argument.is_absent())
    }

    /// An argument as text; what is missing is empty.
    fn text_at(&self, index: usize) -> Result<String, Excess> {
        self.argument(index).map_or(Ok(String::new()), |argument| self.text_of(argument))
    }

    /// An argument as a number, as it counts for a length or a position.
    fn number_at(&self, index: usize, default: f64) -> f64 {
        self.argument(index).map_or(default, |argument| to_number(&argument.plain()))
    }

    /// The input as a list: nothing for `nil`, a value alone in one.
    fn list(&self) -> Result<Vec<Value<'e>>, Excess> {
        let value = self.value.plain();
        if self.value.is_nil() {
            return Ok(Vec::new());
        }
        let items = if value.is_array() { value.items() } else { vec![value] };
        self.meter().spend_values(items.len())?;
        Ok(items)
    }
}
