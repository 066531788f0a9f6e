//! Normalising: the common fields of §5.1 checked and filled in, without a second parse.

use super::error::{cut_short, kind_name};
use super::{Event, EventError, Member, Stamp, time};
use crate::json::{Document, Kind, Limits, Node};

/// Room for what is filled in: four members, their names and quotes.
const ROOM: usize = 224;

pub(super) fn normalise(json: &[u8], limits: &Limits, stamp: &mut Stamp<'_>) -> Result<Event, EventError> {
    let text = std::str::from_utf8(json).map_err(|error| EventError::Encoding { at: error.valid_up_to() })?;
    let mut owned = String::with_capacity(text.len() + ROOM);
    owned.push_str(text);
    let mut event = Event::new(Document::parse(owned, limits)?)?;
    check_kinds(&event)?;
    check_type(&event)?;
    check_who(&event)?;
    check_message_id(&event)?;
    fill_times(&mut event, stamp)?;
    if is_missing(&event, Member::MessageId) {
        let id = (stamp.new_message_id)();
        set(&mut event, Member::MessageId, &id);
        event.spelled_message_id = event.spelled(Member::MessageId);
    }
    Ok(event)
}

/// The kinds of §5.1. `null` is as good as missing.
const KINDS: [(Member, Kind, &str); 15] = [
    (Member::Type, Kind::String, "a string"),
    (Member::Event, Kind::String, "a string"),
    (Member::UserId, Kind::String, "a string"),
    (Member::AnonymousId, Kind::String, "a string"),
    (Member::GroupId, Kind::String, "a string"),
    (Member::MessageId, Kind::String, "a string"),
    (Member::Timestamp, Kind::String, "a string"),
    (Member::OriginalTimestamp, Kind::String, "a string"),
    (Member::SentAt, Kind::String, "a string"),
    (Member::ReceivedAt, Kind::String, "a string"),
    (Member::Properties, Kind::Object, "an object"),
    (Member::Traits, Kind::Object, "an object"),
    (Member::Context, Kind::Object, "an object"),
    (Member::Integrations, Kind::Object, "an object"),
    (Member::Version, Kind::Number, "a number"),
];

fn check_kinds(event: &Event) -> Result<(), EventError> {
    for (member, kind, expected) in KINDS {
        let Some(node) = event.member(member) else {
            continue;
        };
        if node.kind() != kind && node.kind() != Kind::Null {
            return Err(EventError::WrongKind { field: member.key(), expected, found: kind_name(node) });
        }
    }
    Ok(())
}

fn check_type(event: &Event) -> Result<(), EventError> {
    match event.kind() {
        Some("identify" | "page" | "screen" | "alias") => Ok(()),
        Some("track") => need(event, Member::Event, "a track event needs its name"),
        Some("group") => need(event, Member::GroupId, "a group event needs its group"),
        Some("") | None => Err(EventError::Missing {
            field: Member::Type.key(),
            needs: "it must be track, identify, page, screen, group or alias",
        }),
        Some(other) => Err(EventError::UnknownType { found: cut_short(other) }),
    }
}

fn need(event: &Event, member: Member, needs: &'static str) -> Result<(), EventError> {
    if is_missing(event, member) {
        let field = member.key();
        return Err(EventError::Missing { field, needs });
    }
    Ok(())
}

fn check_who(event: &Event) -> Result<(), EventError> {
    if is_missing(event, Member::UserId) && is_missing(event, Member::AnonymousId) {
        return Err(EventError::Nobody);
    }
    Ok(())
}

/// Whether a string member is absent, `null` or empty.
fn is_missing(event: &Event, member: Member) -> bool {
    event.member(member).is_none_or(|node| matches!(node.raw(), "null" | "\"\""))
}

fn check_message_id(event: &Event) -> Result<(), EventError> {
    let id = event.message_id();
    // A UTF-16 unit takes at least one byte of UTF-8.
    if id.len() > EventError::MESSAGE_ID_MAX {
        let units = id.encode_utf16().count();
        if units > EventError::MESSAGE_ID_MAX {
            return Err(EventError::LongMessageId { units });
        }
    }
    Ok(())
}

/// The time a member gives, in milliseconds; none when it is absent, `null` or empty.
fn given(event: &Event, member: Member) -> Result<Option<i64>, EventError> {
    let spelled = event.member(member).and_then(Node::as_str);
    let Some(spelled) = spelled.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let unreadable = || EventError::Time { field: member.key(), found: cut_short(&spelled) };
    time::parse(&spelled).map(Some).ok_or_else(unreadable)
}

/// `receivedAt` is ours. What the client called `timestamp` stays as `originalTimestamp`; `timestamp` becomes the same
/// moment on our clock, as far as `sentAt` tells how the client's goes.
fn fill_times(event: &mut Event, stamp: &Stamp<'_>) -> Result<(), EventError> {
    let timestamp = given(event, Member::Timestamp)?;
    let original = given(event, Member::OriginalTimestamp)?;
    let sent = given(event, Member::SentAt)?;
    let received = stamp.received_at.timestamp_millis();
    let received_text = time::format(received).ok_or(EventError::Skew)?;
    if original.is_none() && timestamp.is_some() {
        copy(event, Member::Timestamp, Member::OriginalTimestamp);
    }
    match (original.or(timestamp), sent) {
        (Some(happened), Some(sent)) => {
            let corrected = time::format(received - (sent - happened)).ok_or(EventError::Skew)?;
            set(event, Member::Timestamp, corrected.as_str());
        }
        (Some(_), None) if timestamp.is_some() => {}
        (Some(_), None) => copy(event, Member::OriginalTimestamp, Member::Timestamp),
        (None, _) => set(event, Member::Timestamp, received_text.as_str()),
    }
    set(event, Member::ReceivedAt, received_text.as_str());
    Ok(())
}

/// Gives a string member the value of another one.
fn copy(event: &mut Event, from: Member, to: Member) {
    let Some(source) = event.places.get(from) else {
        return;
    };
    if let Some(place) = event.places.get(to) {
        let spelled = event.document.node(source).as_str().unwrap_or_default();
        let spelled = spelled.into_owned();
        event.document.replace(place, &spelled);
    } else {
        let place = event.document.append_copy(to.key(), source);
        event.places.set(to, place);
    }
}

/// Gives a string member its value, in its place when it is there, else as the last one.
fn set(event: &mut Event, member: Member, value: &str) {
    if let Some(place) = event.places.get(member) {
        event.document.replace(place, value);
    } else {
        let place = event.document.append(member.key(), value);
        event.places.set(member, place);
    }
}
