//! Each: what a 207 says of every event of its request.
//!
//! Invariant: either every event has a status, in the order of the events, or nothing was said: an answer that lists
//! more, fewer or other things than statuses is not guessed at.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Outcome;
use crate::json::{Document, Kind, Limits, Node};

/// Members of an object under which the list may stand.
const LISTS: [&str; 2] = ["results", "responses"];
/// So much is kept of what is said of one event.
const WORDS_MAX: usize = 1000;

/// What the answer says of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventOutcome {
    /// What it proves.
    pub outcome: Outcome,
    /// The status it gives.
    pub status: u16,
    /// The beginning of the event's entry, as it stands in the answer; empty when it was delivered.
    pub words: String,
}

/// The outcome of each event of a request, if the answer's body lists as many statuses as the request had events:
/// `[200, 503]`, `[{"status": 200}, …]`, or such a list as `results` or `responses` of an object.
/// `retry_after` and `now` are those of the answer, as in [`Outcome::of_status`].
pub fn of_each(
    body: &str,
    events: usize,
    retry_after: Option<&str>,
    now: DateTime<Utc>,
) -> Option<Vec<EventOutcome>> {
    let document = Document::parse(body.to_owned(), &Limits::new(body.len())).ok()?;
    let root = document.root();
    let list = match root.kind() {
        Kind::Array => root,
        Kind::Object => LISTS.iter().find_map(|name| root.get(name))?,
        _ => return None,
    };
    if list.kind() != Kind::Array || list.len() != events {
        return None;
    }
    list.items().map(|entry| of_entry(entry, retry_after, now)).collect()
}

fn of_entry(entry: Node<'_>, retry_after: Option<&str>, now: DateTime<Utc>) -> Option<EventOutcome> {
    let status = match entry.kind() {
        Kind::Number => entry,
        Kind::Object => entry.get("status")?,
        _ => return None,
    };
    let status = (100..1000).find(|code| status.as_f64() == Some(f64::from(*code)))?;
    let outcome = Outcome::of_status(status, retry_after, now);
    let words = if outcome == Outcome::Delivered { "" } else { beginning(entry.raw()) };
    Some(EventOutcome { outcome, status, words: words.to_owned() })
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(WORDS_MAX)]
}

/// What the request as a whole proved: it is tried again when any of its events is, and rejected when any is and
/// nothing is tried again.
pub fn together(each: &[EventOutcome]) -> Outcome {
    let mut whole = Outcome::Delivered;
    for event in each {
        whole = match (whole, event.outcome) {
            (
                Outcome::Retryable { after, is_overload },
                Outcome::Retryable { after: more, is_overload: also },
            ) => Outcome::Retryable { after: longer(after, more), is_overload: is_overload || also },
            (Outcome::Retryable { .. }, _) | (Outcome::Rejected { .. }, Outcome::Delivered) => whole,
            (_, Outcome::Rejected { .. }) => Outcome::Rejected { is_divisible: false },
            (_, other) => other,
        };
    }
    whole
}

fn longer(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.max(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, events: usize) -> Option<Vec<EventOutcome>> {
        of_each(body, events, Some("7"), DateTime::UNIX_EPOCH)
    }

    fn statuses(body: &str, events: usize) -> Option<Vec<u16>> {
        read(body, events).map(|each| each.iter().map(|event| event.status).collect())
    }

    #[test]
    fn a_status_of_each_event_is_read_in_every_shape_that_is_documented() {
        for body in [
            "[200, 503, 422]",
            r#"[{"status":200},{"id":"b","status":503},{"status":422,"error":"bad"}]"#,
            r#"[200, {"status": 503.0}, {"status": 4.22e2}]"#,
            r#"{"results":[200,503,422]}"#,
            r#"{"took":3,"responses":[{"status":200},{"status":503},{"status":422}]}"#,
        ] {
            assert_eq!(statuses(body, 3), Some(vec![200, 503, 422]), "{body}");
        }
    }

    #[test]
    fn what_does_not_list_a_status_for_each_event_says_nothing() {
        for body in [
            "",
            "ok",
            "[200, 503",
            "[200, 503]",
            "[200, 503, 422, 200]",
            r#"["200", "503", "422"]"#,
            "[200, 503, null]",
            "[200, 503, 42]",
            "[200, 503, 200.5]",
            r#"[{"status":200},{"status":"503"},{"code":200}]"#,
            r#"{"items":[200,503,422]}"#,
            r#"{"results":{"0":200,"1":503,"2":422}}"#,
            "207",
        ] {
            assert_eq!(statuses(body, 3), None, "{body}");
        }
    }

    #[test]
    fn each_event_has_the_outcome_of_its_status_and_its_own_words() {
        let each = read(r#"[204, {"status":422,"error":"no price"}, 429]"#, 3).unwrap();
        let after = Some(Duration::from_secs(7));
        assert_eq!(each[0].outcome, Outcome::Delivered);
        assert_eq!(each[0].words, "");
        assert!(matches!(each[1].outcome, Outcome::Rejected { .. }));
        assert_eq!(each[1].words, r#"{"status":422,"error":"no price"}"#);
        assert_eq!(each[2].outcome, Outcome::Retryable { after, is_overload: true });
    }

    #[test]
    fn what_is_said_of_an_event_is_bounded() {
        let each = read(&format!(r#"[{{"status":400,"error":"{}"}}]"#, "é".repeat(5000)), 1).unwrap();
        assert!((990..=1000).contains(&each[0].words.len()));
    }

    #[test]
    fn together_the_worst_that_can_still_end_well_counts() {
        let whole = |body, events| together(&read(body, events).unwrap());
        assert_eq!(whole("[200, 201]", 2), Outcome::Delivered);
        assert_eq!(whole("[400, 200]", 2), Outcome::Rejected { is_divisible: false });
        assert_eq!(whole("[]", 0), Outcome::Delivered);
        let after = Some(Duration::from_secs(7));
        for body in ["[400, 500, 429, 200]", "[429, 500, 400, 200]", "[200, 500, 429, 400]"] {
            assert_eq!(whole(body, 4), Outcome::Retryable { after, is_overload: true }, "{body}");
        }
    }
}
