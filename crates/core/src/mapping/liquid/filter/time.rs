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
    let offset = offset.map_or(Ok(None), |offset| date::offset(&offset.plain()).map(Some))?;
    match moment(call, offset)? {
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

/// The moment that the input names. There is no clock here: now is when the event was received.
fn moment(call: &Call<'_, '_>, offset: Option<i64>) -> Result<Option<Moment>, super::Failure> {
    let value = call.value.plain();
    let is_now = value.as_str().is_some_and(|text| text == "now" || text == "today");
    let value =
        if is_now { call.scope.root.get("receivedAt").map_or(Value::Absent, Value::Node) } else { value };
    let milliseconds = match value.type_name() {
        "undefined" | "null" => f64::NAN,
        "number" => to_number(&value) * 1000.0,
        "boolean" => to_number(&value),
        _ => {
            let text = script_text(&value, call.meter())?;
            let is_seconds = value.as_str().is_some()
                && !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_seconds { to_number(&value) * 1000.0 } else { date::parse(&text).unwrap_or(f64::NAN) }
        }
    };
    Ok(Moment::new(milliseconds, offset))
}
