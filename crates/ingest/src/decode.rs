//! Decode: a typed event as Segment's JSON.
//!
//! Invariant: what comes out obeys the same checks as JSON that came in; nothing is checked here but what JSON could
//! not express.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Timestamp, Value};
use signalpost_core::event::EventError;
use signalpost_core::json::{write_number, write_string};
use signalpost_proto::v1::Event;
use signalpost_proto::v1::event::Form;

/// Why an event is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It holds no form of event.
    #[error("the event holds neither `json` nor a typed event such as `track`")]
    NoForm,
    /// It holds two.
    #[error("`json` stands beside typed fields; put everything into the JSON")]
    TwoForms,
    /// A time that JSON could not express.
    #[error("`{field}` is no time between the years 0 and 9999")]
    Time {
        /// Which.
        field: &'static str,
    },
    /// The event itself is none.
    #[error(transparent)]
    Event(#[from] EventError),
}

impl Refusal {
    /// What refusals are counted by.
    pub(crate) const CLASSES: [&str; 4] = ["not_an_event", "too_large", "field", "time"];

    /// Which of them this is.
    pub(crate) fn class(&self) -> &'static str {
        let [not_an_event, too_large, field, time] = Self::CLASSES;
        match self {
            Self::Event(error) if error.is_too_large() => too_large,
            Self::NoForm
            | Self::TwoForms
            | Self::Event(
                EventError::Encoding { .. } | EventError::Json(_) | EventError::NotAnObject { .. },
            ) => not_an_event,
            Self::Time { .. } | Self::Event(EventError::Time { .. } | EventError::Skew) => time,
            Self::Event(
                EventError::Missing { .. }
                | EventError::Nobody
                | EventError::UnknownType { .. }
                | EventError::WrongKind { .. }
                | EventError::LongMessageId { .. },
            ) => field,
        }
    }

    /// The field at fault, when it is one.
    pub(crate) fn field(&self) -> Option<&'static str> {
        match self {
            Self::NoForm => None,
            Self::TwoForms => Some("json"),
            Self::Time { field } => Some(field),
            Self::Event(error) => error.field(),
        }
    }
}

/// The event as JSON text: untouched when it came as JSON.
pub fn json(event: &Event) -> Result<Cow<'_, [u8]>, Refusal> {
    match &event.form {
        None => Err(Refusal::NoForm),
        Some(Form::Json(_)) if has_typed_fields(event) => Err(Refusal::TwoForms),
        Some(Form::Json(json)) => Ok(Cow::Borrowed(json)),
        Some(form) => typed(event, form).map(|text| Cow::Owned(text.into_bytes())),
    }
}

fn has_typed_fields(event: &Event) -> bool {
    !event.message_id.is_empty()
        || !event.user_id.is_empty()
        || !event.anonymous_id.is_empty()
        || event.timestamp.is_some()
        || event.sent_at.is_some()
        || event.context.is_some()
        || event.integrations.is_some()
}

fn typed(event: &Event, form: &Form) -> Result<String, Refusal> {
    let mut object = Object::new();
    match form {
        Form::Json(_) => {}
        Form::Track(track) => {
            object.string("type", "track");
            object.string("event", &track.event);
            object.structure("properties", track.properties.as_ref());
        }
        Form::Identify(identify) => {
            object.string("type", "identify");
            object.structure("traits", identify.traits.as_ref());
        }
        Form::Page(page) => {
            object.string("type", "page");
            object.string("name", &page.name);
            object.string("category", &page.category);
            object.structure("properties", page.properties.as_ref());
        }
        Form::Screen(screen) => {
            object.string("type", "screen");
            object.string("name", &screen.name);
            object.string("category", &screen.category);
            object.structure("properties", screen.properties.as_ref());
        }
        Form::Group(group) => {
            object.string("type", "group");
            object.string("groupId", &group.group_id);
            object.structure("traits", group.traits.as_ref());
        }
        Form::Alias(alias) => {
            object.string("type", "alias");
            object.string("previousId", &alias.previous_id);
        }
    }
    object.string("messageId", &event.message_id);
    object.string("userId", &event.user_id);
    object.string("anonymousId", &event.anonymous_id);
    object.time("timestamp", event.timestamp.as_ref())?;
    object.time("sentAt", event.sent_at.as_ref())?;
    object.structure("context", event.context.as_ref());
    object.structure("integrations", event.integrations.as_ref());
    Ok(object.close())
}

/// A JSON object being written. Empty strings and unset fields are left out: protobuf does not tell them apart.
struct Object(String);

impl Object {
    fn new() -> Self {
        Self(String::from("{"))
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_string(key, &mut self.0);
        self.0.push(':');
    }

    fn string(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.key(key);
            write_string(value, &mut self.0);
        }
    }

    fn structure(&mut self, key: &str, value: Option<&Struct>) {
        if let Some(value) = value {
            self.key(key);
            write_struct(value, &mut self.0);
        }
    }

    /// ISO 8601 to the millisecond, as JavaScript writes dates.
    fn time(&mut self, key: &'static str, value: Option<&Timestamp>) -> Result<(), Refusal> {
        let Some(value) = value else { return Ok(()) };
        let time = u32::try_from(value.nanos)
            .ok()
            .and_then(|nanos| DateTime::<Utc>::from_timestamp(value.seconds, nanos))
            .filter(|time| (0..=9999).contains(&chrono::Datelike::year(time)))
            .ok_or(Refusal::Time { field: key })?;
        self.string(key, &time.to_rfc3339_opts(SecondsFormat::Millis, true));
        Ok(())
    }

    fn close(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Recursion is bounded: the protobuf decoder reads at most 100 nested messages.
fn write_struct(value: &Struct, out: &mut String) {
    out.push('{');
    for (index, (key, value)) in value.fields.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(key, out);
        out.push(':');
        write_value(value, out);
    }
    out.push('}');
}

fn write_value(value: &Value, out: &mut String) {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => out.push_str("null"),
        Some(Kind::BoolValue(true)) => out.push_str("true"),
        Some(Kind::BoolValue(false)) => out.push_str("false"),
        Some(Kind::NumberValue(number)) => write_number(*number, out),
        Some(Kind::StringValue(text)) => write_string(text, out),
        Some(Kind::StructValue(value)) => write_struct(value, out),
        Some(Kind::ListValue(list)) => write_list(list, out),
    }
}

fn write_list(list: &ListValue, out: &mut String) {
    out.push('[');
    for (index, value) in list.values.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_value(value, out);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use signalpost_proto::v1::{Group, Page, Track};

    use super::*;

    fn text(event: &Event) -> String {
        String::from_utf8(json(event).unwrap().into_owned()).unwrap()
    }

    fn value(kind: Kind) -> Value {
        Value { kind: Some(kind) }
    }

    fn structure(fields: impl IntoIterator<Item = (&'static str, Kind)>) -> Struct {
        Struct { fields: fields.into_iter().map(|(key, kind)| (key.to_owned(), value(kind))).collect() }
    }

    #[test]
    fn json_passes_untouched() {
        let event = Event { form: Some(Form::Json("{ \"a\": 1.0 }".into())), ..Event::default() };
        assert!(matches!(json(&event), Ok(Cow::Borrowed(b"{ \"a\": 1.0 }"))));
    }

    #[test]
    fn a_typed_event_becomes_segments_json() {
        let list = ListValue { values: vec![value(Kind::BoolValue(true)), Value { kind: None }] };
        let properties = structure([
            ("total", Kind::NumberValue(19.5)),
            ("count", Kind::NumberValue(2.0)),
            ("list", Kind::ListValue(list)),
            ("empty", Kind::StructValue(Struct { fields: BTreeMap::new() })),
        ]);
        let event = Event {
            form: Some(Form::Track(Track { event: "Say \"hi\"".into(), properties: Some(properties) })),
            user_id: "u-1".into(),
            timestamp: Some(Timestamp { seconds: 1_795_000_000, nanos: 120_000_000 }),
            context: Some(structure([("ip", Kind::StringValue("203.0.113.7".into()))])),
            ..Event::default()
        };
        assert_eq!(
            text(&event),
            concat!(
                r#"{"type":"track","event":"Say \"hi\"","properties":{"count":2,"empty":{},"list":[true,null],"#,
                r#""total":19.5},"userId":"u-1","timestamp":"2026-11-18T11:06:40.120Z","#,
                r#""context":{"ip":"203.0.113.7"}}"#
            )
        );
    }

    #[test]
    fn what_is_empty_is_left_out() {
        let page = Page { name: "Home".into(), ..Page::default() };
        let event = Event { form: Some(Form::Page(page)), ..Event::default() };
        assert_eq!(text(&event), r#"{"type":"page","name":"Home"}"#);
    }

    #[test]
    fn what_json_could_not_express_is_refused() {
        assert_eq!(json(&Event::default()), Err(Refusal::NoForm));
        let both = Event { form: Some(Form::Json("{}".into())), user_id: "u".into(), ..Event::default() };
        assert_eq!(json(&both), Err(Refusal::TwoForms));
        let group = Form::Group(Group::default());
        for time in [Timestamp { seconds: i64::MAX, nanos: 0 }, Timestamp { seconds: 0, nanos: -1 }] {
            let event = Event { form: Some(group.clone()), sent_at: Some(time), ..Event::default() };
            assert_eq!(json(&event), Err(Refusal::Time { field: "sentAt" }));
        }
    }
}
