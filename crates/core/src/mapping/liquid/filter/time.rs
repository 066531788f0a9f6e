//! Dates: reading them and printing them, in UTC.

use super::super::date::{self, Moment};
use super::super::operand::{Operand, script_text, to_number};
use super::super::strftime;
use super::{Apply, Call, Filtered};
use crate::mapping::value::Value;

const DEFAULT: &str = "%A, %B %-e, %Y at %-l:%M %P %z";

pub(super) const FILTERS: &[(&str, Apply)] = &[
    ("date", |call| {
        let format = call.argument(0).filter(|format| !format.is_nil());
        let format = format.map_or(Ok(DEFAULT.to_owned()), |format| call.text_of(format))?;
        print(call, &format, call.argument(1))
    }),
    ("date_to_xmlschema", |call| print(call, "%Y-%m-%dT%H:%M:%S%:z", None)),
    ("date_to_rfc822", |call| print(call, "%a, %d %b %Y %H:%M:%S %z", None)),
    ("date_to_string", |call| plain(call, "%b")),
    ("date_to_long_string", |call| plain(call, "%B")),
];

/// A value that is no date is passed on.
fn print<'e>(call: &Call<'_, 'e>, format: &str, offset: Option<&Operand<'e>>) -> Filtered<'e> {
    let Some(utc) = milliseconds(call)? else { return Ok(call.value.clone()) };
    let offset = offset.map(Operand::plain).filter(|offset| !offset.is_null());
    let offset = offset.map_or(Ok(None), |offset| date::offset(&offset).map(Some))?;
    match Moment::new(utc, offset) {
        Some(moment) => Ok(Operand::text(strftime::print(&moment, format, call.meter())?)),
        None => Ok(call.value.clone()),
    }
}

fn plain<'e>(call: &Call<'_, 'e>, month: &str) -> Filtered<'e> {
    let is_ordinal = call.text_at(0)? == "ordinal";
    let format = match (is_ordinal, call.text_at(1)?.as_str()) {
        (true, "US") => format!("{month} %-d%q, %Y"),
        (true, _) => format!("%-d%q {month} %Y"),
        (false, _) => format!("%d {month} %Y"),
    };
    print(call, &format, None)
}

/// The moment that the input names. There is no clock here: now is when the event was received (or happened, where it
/// is mapped as it is; an event that does not say is from 1970).
fn milliseconds(call: &Call<'_, '_>) -> Result<Option<f64>, super::Excess> {
    let mut value = call.value.plain();
    if value.as_str().is_some_and(|text| text == "now" || text == "today") {
        let names = ["receivedAt", "timestamp"];
        let received = names.iter().find_map(|name| call.scope.root.get(name));
        value = received.map_or(Value::Number(0.0), Value::Node);
    }
    let milliseconds = match value.type_name() {
        "undefined" | "null" => None,
        "number" => Some(to_number(&value) * 1000.0),
        "boolean" => Some(to_number(&value)),
        _ => {
            let text = script_text(&value, call.meter())?;
            let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_digits && value.as_str().is_some() {
                Some(to_number(&value) * 1000.0)
            } else {
                date::parse(&text)
            }
        }
    };
    Ok(milliseconds.filter(|milliseconds| Moment::new(*milliseconds, None).is_some()))
}
