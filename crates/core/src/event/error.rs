//! Why an event is refused, and which of its fields is at fault.

use thiserror::Error;

use super::Member;
use crate::json::{Kind, Node, ParseError};

/// The types an event may have, as messages list them.
pub(super) const TYPES: &str = "track, identify, page, screen, group or alias";

/// An event that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EventError {
    /// The bytes are no text.
    #[error("the event is not UTF-8: byte {at} is out of place")]
    Encoding {
        /// The first byte that does not belong.
        at: usize,
    },
    /// The text is no JSON, too long or too deep.
    #[error(transparent)]
    Json(#[from] ParseError),
    /// The text is another kind of JSON.
    #[error("an event must be an object, not {found}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// A field that must be there is missing, `null` or empty.
    #[error("`{field}` is missing; {needs}")]
    Missing {
        /// The field.
        field: &'static str,
        /// Who needs it.
        needs: &'static str,
    },
    /// Nobody did it.
    #[error("`userId` and `anonymousId` are both missing; an event needs at least one of them")]
    Nobody,
    /// A type that does not exist.
    #[error("`type` is `{found}`; it must be {TYPES}")]
    UnknownType {
        /// What it is, cut short.
        found: String,
    },
    /// A field of another kind.
    #[error("`{field}` must be {expected}, not {found}")]
    WrongKind {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A message id that is too long.
    #[error("`messageId` has {units} characters; at most {} are accepted", EventError::MESSAGE_ID_MAX)]
    LongMessageId {
        /// Its length in UTF-16 units.
        units: usize,
    },
    /// A time that cannot be read.
    #[error("`{field}` is `{found}`; it must be a time in ISO 8601, such as 2026-01-31T12:00:00.000Z")]
    Time {
        /// The field.
        field: &'static str,
        /// What it is, cut short.
        found: String,
    },
    /// The clock of the sender is so far off that the corrected time has no four-digit year.
    #[error("`timestamp` corrected by `sentAt` is out of range; check the sender's clock")]
    Skew,
}

impl EventError {
    /// The longest `messageId`, in UTF-16 units.
    pub const MESSAGE_ID_MAX: usize = 100;

    /// The field at fault, when it is one.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            EventError::Encoding { .. } | EventError::Json(_) | EventError::NotAnObject { .. } => None,
            EventError::Missing { field, .. }
            | EventError::WrongKind { field, .. }
            | EventError::Time { field, .. } => Some(field),
            EventError::Nobody => Some(Member::UserId.key()),
            EventError::UnknownType { .. } => Some(Member::Type.key()),
            EventError::LongMessageId { .. } => Some(Member::MessageId.key()),
            EventError::Skew => Some(Member::Timestamp.key()),
        }
    }

    /// Whether the event is longer than allowed.
    pub fn is_too_large(&self) -> bool {
        matches!(self, EventError::Json(error) if error.is_too_large())
    }
}

/// A value's kind with its article.
pub(super) fn kind_name(node: Node<'_>) -> &'static str {
    match node.kind() {
        Kind::Null => "null",
        Kind::Bool => "a boolean",
        Kind::Number => "a number",
        Kind::String => "a string",
        Kind::Array => "an array",
        Kind::Object => "an object",
    }
}

/// A text short enough for a message.
pub(super) fn cut_short(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
