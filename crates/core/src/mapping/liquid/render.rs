//! Rendering: templates and the current event become text.

use std::collections::HashMap;

use super::Failure;
use super::expression::{Argument, Filtered, Literal, Operator, Step, Term};
use super::filter::Call;
use super::operand::{Operand, is_script_truthy, script_text, to_number, write_text};
use super::parse::Template;
use crate::mapping::path;
use crate::mapping::resolve::Scope;
use crate::mapping::value::{Object, Value, count, push_number, units};

type Rendered<T> = Result<T, Failure>;

pub(super) fn render<'e>(templates: &'e [Template], scope: &Scope<'e, '_>) -> Rendered<String> {
    let mut render = Render {
        scope,
        variables: HashMap::new(),
        counters: HashMap::new(),
        cycles: HashMap::new(),
        blocks: 0,
        is_stopped: false,
    };
    let mut out = String::new();
    render.all(templates, &mut out)?;
    Ok(out)
}

/// Evaluates a term where there are no variables, as the property of a filter over the items of a list.
pub(super) fn property<'e>(term: &Term, item: &Value<'e>, scope: &Scope<'e, '_>) -> Rendered<Operand<'e>> {
    let scope = scope.over(item.clone());
    let mut render = Render {
        scope: &scope,
        variables: HashMap::new(),
        counters: HashMap::new(),
        cycles: HashMap::new(),
        blocks: 0,
        is_stopped: false,
    };
    render.term(term)
}

struct Render<'e, 's, 't> {
    scope: &'s Scope<'e, 's>,
    variables: HashMap<&'t str, Operand<'e>>,
    /// What `increment` and `decrement` made of members of the event.
    counters: HashMap<&'t str, f64>,
    cycles: HashMap<String, usize>,
    /// How many `block` tags are open: inside of them there is a variable `block`.
    blocks: usize,
    is_stopped: bool,
}

impl<'e, 't> Render<'e, '_, 't> {
    fn all(&mut self, templates: &'t [Template], out: &mut String) -> Rendered<()> {
        for template in templates {
            self.one(template, out)?;
            if self.is_stopped {
                break;
            }
        }
        Ok(())
    }

    fn one(&mut self, template: &'t Template, out: &mut String) -> Rendered<()> {
        match template {
            Template::Text(text) => {
                self.scope.meter.spend(text.len())?;
                out.push_str(text);
            }
            Template::Output(value) => {
                let value = self.filtered(value)?;
                self.print(&value, out)?;
            }
            Template::Assign(name, value) => {
                let value = self.filtered(value)?;
                self.variables.insert(name, value);
            }
            Template::Capture(name, templates) => {
                let mut text = String::new();
                self.all(templates, &mut text)?;
                self.variables.insert(name, Operand::text(text));
            }
            Template::If { branches, otherwise } => {
                for branch in branches {
                    if self.filtered(&branch.value)?.is_truthy() == branch.wants_truthy {
                        return self.all(&branch.templates, out);
                    }
                }
                self.all(otherwise, out)?;
            }
            Template::Cycle { group, candidates } => self.cycle(group.as_ref(), candidates, out)?,
            Template::Count { name, is_up } => self.count(name, *is_up, out),
            Template::All(templates) => self.all(templates, out)?,
            Template::Block(templates) => {
                self.blocks += 1;
                self.all(templates, out)?;
                self.blocks -= 1;
            }
            Template::Stop => self.is_stopped = true,
        }
        Ok(())
    }

    fn print(&self, value: &Operand<'e>, out: &mut String) -> Rendered<()> {
        Ok(write_text(&value.plain(), self.scope.numbers, self.scope.meter, out)?)
    }

    fn cycle(&mut self, group: Option<&'t Term>, candidates: &'t [Term], out: &mut String) -> Rendered<()> {
        let group = match group {
            Some(group) => self.term(group)?,
            None => Operand::ABSENT,
        };
        let key = format!("{}:{}", script_text(&group.plain(), self.scope.meter)?, candidates.len());
        let next = self.cycles.entry(key).or_default();
        let candidate = &candidates[*next];
        *next = (*next + 1) % candidates.len();
        let value = self.term(candidate)?;
        if is_script_truthy(&value.plain()) { self.print(&value, out) } else { Ok(()) }
    }

    fn count(&mut self, name: &'t str, is_up: bool, out: &mut String) {
        let before = match self.counters.get(name) {
            Some(number) => *number,
            None => self.scope.event.named(name).as_f64().unwrap_or_default(),
        };
        let after = if is_up { before + 1.0 } else { before - 1.0 };
        self.counters.insert(name, after);
        push_number(if is_up { before } else { after }, out);
    }

    fn filtered(&mut self, value: &Filtered) -> Rendered<Operand<'e>> {
        let mut result = self.expression(&value.steps)?;
        for (filter, arguments) in &value.filters {
            let arguments: Result<_, _> = arguments.iter().map(|argument| self.argument(argument)).collect();
            result = filter.apply(Call { value: result, arguments: arguments?, scope: self.scope })?;
        }
        Ok(result)
    }

    /// An argument with a name is a list of the name and the value.
    fn argument(&mut self, argument: &Argument) -> Rendered<Operand<'e>> {
        let value = match &argument.value {
            Some(value) => self.term(value)?,
            None => Operand::ABSENT,
        };
        Ok(match &argument.name {
            Some(name) => Operand::list(vec![Value::text(name.clone()), value.plain()]),
            None => value,
        })
    }

    fn expression(&mut self, steps: &[Step]) -> Rendered<Operand<'e>> {
        let mut operands: Vec<Operand<'e>> = Vec::new();
        for step in steps {
            let result = match step {
                Step::Term(term) => self.term(term)?,
                Step::Operator(Operator::Not) => {
                    Operand::bool(!operands.pop().unwrap_or(Operand::ABSENT).is_truthy())
                }
                Step::Operator(operator) => {
                    let right = operands.pop().unwrap_or(Operand::ABSENT);
                    let left = operands.pop().unwrap_or(Operand::ABSENT);
                    Operand::bool(self.binary(*operator, &left, &right)?)
                }
            };
            operands.push(result);
        }
        Ok(operands.into_iter().next().unwrap_or(Operand::ABSENT))
    }

    fn binary(&self, operator: Operator, left: &Operand<'e>, right: &Operand<'e>) -> Rendered<bool> {
        let order = || left.compare(right);
        Ok(match operator {
            Operator::Equal => left.equals(right),
            Operator::NotEqual => !left.equals(right),
            Operator::Greater => order().is_some_and(std::cmp::Ordering::is_gt),
            Operator::Less => order().is_some_and(std::cmp::Ordering::is_lt),
            Operator::GreaterOrEqual => order().is_some_and(std::cmp::Ordering::is_ge),
            Operator::LessOrEqual => order().is_some_and(std::cmp::Ordering::is_le),
            Operator::Contains => left.contains(right, self.scope.meter)?,
            Operator::And | Operator::Not => left.is_truthy() && right.is_truthy(),
            Operator::Or => left.is_truthy() || right.is_truthy(),
        })
    }

    fn term(&mut self, term: &Term) -> Rendered<Operand<'e>> {
        Ok(match term {
            Term::Number(number) => Operand::number(*number),
            Term::Text(text) => Operand::text(text.clone()),
            Term::Literal(Literal::True) => Operand::bool(true),
            Term::Literal(Literal::False) => Operand::bool(false),
            Term::Literal(Literal::Nil) => Operand::Nil,
            Term::Literal(Literal::Empty) => Operand::Empty,
            Term::Literal(Literal::Blank) => Operand::Blank,
            Term::Range(ends) => self.range(&ends.0, &ends.1)?,
            Term::Access { of, keys } => {
                let mut names = Vec::with_capacity(keys.len());
                for key in keys {
                    names.push(self.term(key)?.plain());
                }
                match of {
                    Some(of) => {
                        let value = self.term(of)?;
                        self.follow(value, &names)?
                    }
                    None => self.variable(&names)?,
                }
            }
        })
    }

    fn range(&mut self, low: &Term, high: &Term) -> Rendered<Operand<'e>> {
        let (low, high) = (to_number(&self.term(low)?.plain()), to_number(&self.term(high)?.plain()));
        let length = high - low + 1.0;
        if length.is_nan() || length <= 0.0 {
            return Ok(Operand::list(Vec::new()));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and is charged for"
        )]
        let length = length.ceil() as usize;
        self.scope.meter.spend_values(length)?;
        let mut items = Vec::with_capacity(length);
        let mut next = low;
        while next < high + 1.0 && items.len() < length {
            items.push(Value::Number(next));
            next += 1.0;
        }
        Ok(Operand::list(items))
    }

    /// A variable by its first name: the block's, an assigned one, a counter, then a member of the event.
    fn variable(&self, names: &[Value<'e>]) -> Rendered<Operand<'e>> {
        let Some((first, rest)) = names.split_first() else { return Ok(Operand::ABSENT) };
        let name = script_text(first, self.scope.meter)?;
        let value = if name == "block" && self.blocks > 0 {
            Operand::Value(Value::object(Object::new()))
        } else if let Some(value) = self.variables.get(name.as_str()) {
            value.clone()
        } else if let Some(number) = self.counters.get(name.as_str()) {
            Operand::number(*number)
        } else if own(&self.scope.event, &name).is_absent() {
            // Compat: a missing variable is looked up in an empty object, which has a size.
            Operand::Value(if name == "size" { Value::Number(0.0) } else { Value::Absent })
        } else {
            self.follow(Operand::Value(self.scope.event.clone()), std::slice::from_ref(first))?
        };
        self.follow(value, rest)
    }

    fn follow(&self, mut value: Operand<'e>, names: &[Value<'e>]) -> Rendered<Operand<'e>> {
        for name in names {
            value = match value {
                Operand::Value(value) => Operand::Value(self.member(&value, name)?),
                _ => Operand::ABSENT,
            };
        }
        Ok(value)
    }

    fn member(&self, value: &Value<'e>, name: &Value<'e>) -> Rendered<Value<'e>> {
        if value.is_absent() || value.is_null() {
            return Ok(value.clone());
        }
        if let (true, Some(index)) = (value.is_array(), name.as_f64()) {
            return Ok(element(value, index));
        }
        let name = script_text(name, self.scope.meter)?;
        let found = own(value, &name);
        Ok(match name.as_str() {
            "size" if found.is_absent() => size(value),
            "first" if value.is_array() => element(value, 0.0),
            "last" if value.is_array() => element(value, -1.0),
            _ => found,
        })
    }
}

/// An own member by its text: of an object, an array or a string.
pub(super) fn own<'e>(value: &Value<'e>, name: &str) -> Value<'e> {
    value.member(&path::Step::new(name))
}

/// An item of an array; a negative index counts from the end.
pub(super) fn element<'e>(value: &Value<'e>, index: f64) -> Value<'e> {
    let mut items = value.items();
    let index = if index < 0.0 { to_number(&count(items.len())) + index } else { index };
    if index < 0.0 || index.fract() != 0.0 {
        return Value::Absent;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, not negative, and saturating"
    )]
    let index = index as usize;
    if index < items.len() { items.swap_remove(index) } else { Value::Absent }
}

fn size<'e>(value: &Value<'e>) -> Value<'e> {
    if value.is_array() {
        return count(value.items().len());
    }
    match value.as_str() {
        Some(text) => count(units(&text)),
        None if value.is_object() => count(value.members().len()),
        None => Value::Absent,
    }
}
