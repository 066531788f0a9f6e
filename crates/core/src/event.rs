//! `Event`: one of the six calls in Segment's JSON form, with the places of its well-known members.
//!
//! Invariants: the root is an object; a member's place is that of its last value; what [`Event::normalise`] gives
//! has a known type, a message id and the times of §5.1, and is canonical if the input was.

mod error;
mod member;
mod normalise;
mod time;

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use crate::json::{Document, Kind, Limits, Node};

pub use error::EventError;
pub use member::Member;

use member::Places;

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    document: Document,
    places: Places,
    /// What `type` and `messageId` spell, where their text has escapes.
    spelled_kind: Option<Box<str>>,
    spelled_message_id: Option<Box<str>>,
}

/// What normalising takes from outside: the time, and ids for events that have none.
pub struct Stamp<'a> {
    /// When the event reached us.
    pub received_at: DateTime<Utc>,
    /// Makes a message id.
    pub new_message_id: &'a mut dyn FnMut() -> String,
}

impl Event {
    /// Segment's JSON with its common fields checked and filled in.
    ///
    /// A missing `messageId` is made, `receivedAt` is always ours, a given `timestamp` is kept as
    /// `originalTimestamp` and corrected by `sentAt`.
    pub fn normalise(json: &[u8], limits: &Limits, stamp: &mut Stamp<'_>) -> Result<Event, EventError> {
        normalise::normalise(json, limits, stamp)
    }

    /// An event as it is: nothing is filled in or checked but that it is an object.
    pub fn parse(json: &str, limits: &Limits) -> Result<Event, EventError> {
        Event::new(Document::parse(json.to_owned(), limits)?)
    }

    fn new(document: Document) -> Result<Event, EventError> {
        if document.root().kind() != Kind::Object {
            return Err(EventError::NotAnObject { found: error::kind_name(document.root()) });
        }
        let places = Places::find(document.root());
        let mut event = Event { document, places, spelled_kind: None, spelled_message_id: None };
        event.spelled_kind = event.spelled(Member::Type);
        event.spelled_message_id = event.spelled(Member::MessageId);
        Ok(event)
    }

    fn spelled(&self, member: Member) -> Option<Box<str>> {
        let node = self.member(member)?;
        if node.as_plain_str().is_some() {
            return None;
        }
        Some(node.as_str()?.into())
    }

    /// The text and its values.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The event as a value.
    pub fn root(&self) -> Node<'_> {
        self.document.root()
    }

    /// A well-known member, without a search.
    #[inline]
    pub fn member(&self, member: Member) -> Option<Node<'_>> {
        self.places.get(member).map(|place| self.document.node(place))
    }

    /// `messageId`; empty when there is none, which only [`Event::parse`] lets through.
    pub fn message_id(&self) -> &str {
        match &self.spelled_message_id {
            Some(spelled) => spelled,
            None => self.plain(Member::MessageId).unwrap_or_default(),
        }
    }

    /// `type`, when it is a string: `track`, `identify`, …
    pub fn kind(&self) -> Option<&str> {
        match &self.spelled_kind {
            Some(spelled) => Some(spelled),
            None => self.plain(Member::Type),
        }
    }

    fn plain(&self, member: Member) -> Option<&str> {
        self.member(member)?.as_plain_str()
    }
}
