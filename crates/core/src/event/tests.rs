//! What normalising checks, fills in and leaves alone.

use chrono::{DateTime, Utc};

use super::*;
use crate::json::Numbers;

const NOW: &str = "2026-11-23T12:00:00.000Z";
const LIMITS: Limits = Limits::new(32 * 1024);

fn normalise(json: &str) -> Result<Event, EventError> {
    let received_at: DateTime<Utc> = NOW.parse().unwrap();
    let mut new_message_id = || "made-1".to_owned();
    let mut stamp = Stamp { received_at, new_message_id: &mut new_message_id };
    Event::normalise(json.as_bytes(), &LIMITS, &mut stamp)
}

fn normal(json: &str) -> Event {
    normalise(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn refused(json: &str) -> (Option<&'static str>, String) {
    let error = normalise(json).unwrap_err();
    (error.field(), error.to_string())
}

/// The edited tape must be the one that parsing the edited text gives.
fn assert_consistent(event: &Event) {
    let again = Event::parse(event.document().text(), &LIMITS).unwrap();
    let write = |event: &Event| {
        let mut out = String::new();
        event.root().write(Numbers::Ecmascript, &mut out);
        out
    };
    assert_eq!(write(event), write(&again));
    assert_eq!(event.document().is_canonical(), again.document().is_canonical());
    assert_eq!(event.message_id(), again.message_id());
    let members = |event: &Event| format!("{:?}", event.root().members().collect::<Vec<_>>());
    assert_eq!(members(event), members(&again));
}

#[test]
fn an_event_gets_its_message_id_and_times_appended() {
    let event = normal(r#"{"type":"track","event":"Go","userId":"u"}"#);
    assert_eq!(
        event.document().text(),
        r#"{"type":"track","event":"Go","userId":"u","timestamp":"2026-11-23T12:00:00.000Z","receivedAt":"2026-11-23T12:00:00.000Z","messageId":"made-1"}"#
    );
    assert_eq!(event.message_id(), "made-1");
    assert_eq!(event.kind(), Some("track"));
    assert!(event.document().is_canonical());
    assert_consistent(&event);
}

#[test]
fn a_timestamp_is_corrected_by_the_senders_clock_and_kept() {
    let event = normal(
        r#"{"timestamp":"2026-11-23T14:00:00.500Z","sentAt":"2026-11-23T14:00:02.000Z","messageId":"m","type":"page","anonymousId":"a"}"#,
    );
    assert_eq!(
        event.document().text(),
        r#"{"timestamp":"2026-11-23T11:59:58.500Z","sentAt":"2026-11-23T14:00:02.000Z","messageId":"m","type":"page","anonymousId":"a","originalTimestamp":"2026-11-23T14:00:00.500Z","receivedAt":"2026-11-23T12:00:00.000Z"}"#
    );
    assert_consistent(&event);
}

#[test]
fn a_timestamp_of_another_length_moves_what_follows() {
    let event = normal(
        r#"{"timestamp":"2026-11-23T14:00:00+02:00","sentAt":"2026-11-23T12:00:01Z","context":{"a":[1,"x"]},"messageId":"m","type":"page","anonymousId":"a"}"#,
    );
    let text = event.document().text();
    assert!(text.starts_with(r#"{"timestamp":"2026-11-23T11:59:59.000Z","sentAt""#), "{text}");
    assert_eq!(event.member(Member::Context).unwrap().raw(), r#"{"a":[1,"x"]}"#);
    assert_eq!(event.message_id(), "m");
    assert_consistent(&event);
}

#[test]
fn an_original_timestamp_of_the_sender_is_the_one_that_counts() {
    let event = normal(
        r#"{"originalTimestamp":"2026-11-23T10:00:00Z","timestamp":"2020-01-01","sentAt":"2026-11-23T10:00:01Z","type":"page","userId":"u"}"#,
    );
    let read = |member| event.member(member).unwrap().as_plain_str().unwrap();
    assert_eq!(read(Member::Timestamp), "2026-11-23T11:59:59.000Z");
    assert_eq!(read(Member::OriginalTimestamp), "2026-11-23T10:00:00Z");
    let event = normal(r#"{"originalTimestamp":"2026-11-23T10:00:00Z","type":"page","userId":"u"}"#);
    let timestamp = event.member(Member::Timestamp).unwrap();
    assert_eq!(timestamp.as_plain_str(), Some("2026-11-23T10:00:00Z"));
}

#[test]
fn without_sent_at_a_timestamp_is_left_as_it_is() {
    let event = normal(r#"{"timestamp":"2026-01-01","type":"page","userId":"u"}"#);
    let text = event.document().text();
    assert!(text.starts_with(r#"{"timestamp":"2026-01-01","#), "{text}");
    assert!(text.contains(r#""originalTimestamp":"2026-01-01""#), "{text}");
}

#[test]
fn received_at_is_always_ours_and_null_is_as_good_as_missing() {
    let event = normal(
        r#"{"receivedAt":"1999-01-01","messageId":null,"timestamp":null,"sentAt":"","type":"page","userId":"u","anonymousId":null}"#,
    );
    assert_eq!(
        event.document().text(),
        r#"{"receivedAt":"2026-11-23T12:00:00.000Z","messageId":"made-1","timestamp":"2026-11-23T12:00:00.000Z","sentAt":"","type":"page","userId":"u","anonymousId":null}"#
    );
    assert_consistent(&event);
}

#[test]
fn an_event_that_is_not_canonical_is_edited_just_as_well() {
    let event = normal(
        "\n{ \"type\" : \"tr\\u0061ck\", \"event\":\"x\", \"user\\u0049d\":\"u\", \"messageId\":\"a\\/b\", \"timestamp\":\"1\", \"timestamp\":\"2026-01-01\", \"0\":1.0 } \n",
    );
    assert_eq!(event.kind(), Some("track"));
    assert_eq!(event.message_id(), "a/b");
    assert!(!event.document().is_canonical());
    assert_consistent(&event);
    let mut out = String::new();
    event.root().write(Numbers::Ecmascript, &mut out);
    assert_eq!(
        out,
        r#"{"0":1,"type":"track","event":"x","userId":"u","messageId":"a/b","timestamp":"2026-01-01","originalTimestamp":"2026-01-01","receivedAt":"2026-11-23T12:00:00.000Z"}"#
    );
}

#[test]
fn a_message_id_made_of_anything_is_written_as_json() {
    let mut new_message_id = || "a\"\n".to_owned();
    let mut stamp = Stamp { received_at: NOW.parse().unwrap(), new_message_id: &mut new_message_id };
    let json = br#"{"type":"page","userId":"u"}"#;
    let event = Event::normalise(json, &LIMITS, &mut stamp).unwrap();
    assert_eq!(event.message_id(), "a\"\n");
    assert_consistent(&event);
}

#[test]
fn a_refusal_names_the_field() {
    let long = format!(r#"{{"type":"page","userId":"u","messageId":"{}"}}"#, "é".repeat(101));
    for (json, field) in [
        ("{}", "type"),
        (r#"{"type":null}"#, "type"),
        (r#"{"type":"click","userId":"u"}"#, "type"),
        (r#"{"type":1}"#, "type"),
        (r#"{"type":"page"}"#, "userId"),
        (r#"{"type":"page","userId":"","anonymousId":null}"#, "userId"),
        (r#"{"type":"page","userId":5}"#, "userId"),
        (r#"{"type":"track","userId":"u"}"#, "event"),
        (r#"{"type":"track","userId":"u","event":""}"#, "event"),
        (r#"{"type":"group","userId":"u"}"#, "groupId"),
        (r#"{"type":"page","userId":"u","context":[]}"#, "context"),
        (r#"{"type":"page","userId":"u","properties":"x"}"#, "properties"),
        (r#"{"type":"page","userId":"u","version":"1"}"#, "version"),
        (r#"{"type":"page","userId":"u","receivedAt":{}}"#, "receivedAt"),
        (r#"{"type":"page","userId":"u","timestamp":"soon"}"#, "timestamp"),
        (r#"{"type":"page","userId":"u","sentAt":"2026-02-30"}"#, "sentAt"),
        (r#"{"type":"page","userId":"u","timestamp":"9999-01-01","sentAt":"0001-01-01"}"#, "timestamp"),
        (&long, "messageId"),
    ] {
        assert_eq!(refused(json).0, Some(field), "{json}");
    }
}

#[test]
fn a_refusal_says_what_is_accepted() {
    assert_eq!(
        refused(r#"{"type":"click","userId":"u"}"#).1,
        "`type` is `click`; it must be track, identify, page, screen, group or alias"
    );
    assert_eq!(refused(r#"{"type":"page","userId":5}"#).1, "`userId` must be a string, not a number");
    assert_eq!(refused("[]"), (None, "an event must be an object, not an array".into()));
    assert_eq!(refused("{\"type\":}"), (None, "expected a value at line 1, column 9".into()));
    let mut stamp = Stamp { received_at: NOW.parse().unwrap(), new_message_id: &mut String::new };
    let error = Event::normalise(b"{\"a\":\"\xff\"}", &LIMITS, &mut stamp).unwrap_err();
    assert_eq!(error, EventError::Encoding { at: 6 });
    let long = format!("\"{}\"", "x".repeat(40_000));
    assert!(normalise(&long).unwrap_err().is_too_large());
}

#[test]
fn a_message_id_of_a_hundred_characters_is_accepted() {
    let id = "é".repeat(100);
    let event = normal(&format!(r#"{{"type":"page","userId":"u","messageId":"{id}"}}"#));
    assert_eq!(event.message_id(), id);
}

#[test]
fn an_event_read_as_it_is_stays_as_it_is() {
    let event = Event::parse(r#"{"type":5,"userId":"u"}"#, &LIMITS).unwrap();
    assert_eq!(event.document().text(), r#"{"type":5,"userId":"u"}"#);
    assert_eq!((event.kind(), event.message_id()), (None, ""));
    assert!(Event::parse("3", &LIMITS).is_err());
}
