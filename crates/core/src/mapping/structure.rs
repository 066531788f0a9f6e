//! Structure directives: `@excludeWhenNull`, `@flatten` and `@merge`.

use std::borrow::Cow;

use super::meter::{Excess, Meter};
use super::value::{Object, Value};

/// `null` becomes absent, also as a member, at every depth but inside arrays.
pub(super) fn exclude_null<'e>(value: Value<'e>, meter: &Meter) -> Result<Value<'e>, Excess> {
    meter.spend_values(2)?;
    if value.is_null() {
        return Ok(Value::Absent);
    }
    if !value.is_object() {
        return Ok(value);
    }
    let mut kept = Object::new();
    for (key, member) in value.members() {
        kept.insert(key, exclude_null(member, meter)?);
    }
    Ok(Value::object(kept))
}

/// Whether an array's text is empty: no items, or one that prints nothing.
pub(super) fn prints_nothing(value: &Value<'_>) -> bool {
    let items = value.items();
    match items.as_slice() {
        [] => true,
        [item] if item.is_array() => prints_nothing(item),
        [item] => item.is_absent() || item.is_null() || item.as_str().is_some_and(|text| text.is_empty()),
        _ => false,
    }
}

/// The members of all objects in one; later ones overwrite earlier ones, and so does an absent member.
pub(super) fn merge<'e>(objects: &[Value<'e>], is_left: bool, meter: &Meter) -> Result<Value<'e>, Excess> {
    let mut merged = Object::new();
    let mut add = |object: &Value<'e>| {
        let members = object.members();
        meter.spend_values(2 * members.len() + 1)?;
        merged.extend(members);
        Ok(())
    };
    if is_left {
        objects.iter().rev().try_for_each(&mut add)?;
    } else {
        objects.iter().try_for_each(&mut add)?;
    }
    Ok(Value::object(merged))
}

/// One level of members, their keys joined with `separator`.
pub(super) fn flatten<'e>(
    value: &Value<'e>,
    separator: &str,
    keeps_arrays: bool,
    meter: &Meter,
) -> Result<Value<'e>, Excess> {
    let mut walk = Flattening { separator, keeps_arrays, meter, flat: Object::new() };
    walk.put(value, Cow::Borrowed(""))?;
    Ok(Value::object(walk.flat))
}

struct Flattening<'s, 'e> {
    separator: &'s str,
    keeps_arrays: bool,
    meter: &'s Meter,
    flat: Object<'e>,
}

impl<'e> Flattening<'_, 'e> {
    fn put(&mut self, value: &Value<'e>, prefix: Cow<'e, str>) -> Result<(), Excess> {
        self.meter.spend(prefix.len())?;
        self.meter.spend_values(2)?;
        if !value.is_object() && (self.keeps_arrays || !value.is_array()) {
            self.flat.insert(prefix, value.clone());
            return Ok(());
        }
        for (key, member) in value.members() {
            let key =
                if prefix.is_empty() { key } else { Cow::Owned(format!("{prefix}{}{key}", self.separator)) };
            self.put(&member, key)?;
        }
        Ok(())
    }
}
