//! Batching: whether and how events of a mapping share requests, as its fields say.

use std::time::Duration;

use serde_json::Value as Json;

use super::check::{BATCH_SIZE, ENABLE_BATCHING, Mistakes, batch_size};
use crate::json::{Document, Limits};
use crate::mapping::Value;

/// The most events that one request may carry.
pub const BATCH_SIZE_MAX: u32 = 4000;

/// How many events a request carries when the mapping does not say, or says 0.
const BATCH_SIZE_DEFAULT: u32 = 1000;

/// How events share requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// The most events in a request, 1 to [`BATCH_SIZE_MAX`].
    pub size: u32,
    /// The most bytes in a request's body. A setting of the destination; here its default.
    pub bytes: usize,
    /// How long events wait for their batch to fill. A setting of the destination; here its default.
    pub wait: Duration,
}

impl Default for Batching {
    fn default() -> Batching {
        Batching { size: BATCH_SIZE_DEFAULT, bytes: 4_000_000, wait: Duration::from_secs(1) }
    }
}

/// Reads `enable_batching` and `batch_size` as they are written: both have to be known before an event comes.
pub(super) fn of_fields(fields: &Json, mistakes: &mut Mistakes) -> Option<Batching> {
    let is_enabled = match fields.get(ENABLE_BATCHING.name) {
        Some(Json::Object(_) | Json::Array(_)) => {
            mistakes
                .keep(ENABLE_BATCHING.wrong::<()>("Enable Batching must be true or false as it is written."));
            false
        }
        other => other == Some(&Json::Bool(true)),
    };
    let size = size(fields.get(BATCH_SIZE.name), mistakes).unwrap_or(BATCH_SIZE_DEFAULT);
    is_enabled.then(|| Batching { size, ..Batching::default() })
}

fn size(written: Option<&Json>, mistakes: &mut Mistakes) -> Option<u32> {
    if matches!(written, Some(Json::Object(object)) if object.keys().any(|key| key.starts_with('@'))) {
        mistakes.keep(BATCH_SIZE.wrong::<()>(format!(
            "Batch Size must be a number from 1 to {BATCH_SIZE_MAX} as it is written: it can not depend on the event."
        )));
        return None;
    }
    let document = Document::parse(written?.to_string(), &Limits::new(usize::MAX)).ok()?;
    let number = mistakes.keep(batch_size(&Value::Node(document.root())))??;
    if number == 0.0 {
        return None;
    }
    let whole =
        (number >= 1.0 && number <= f64::from(BATCH_SIZE_MAX) && number.fract() == 0.0).then_some(number);
    if whole.is_none() {
        mistakes.keep(BATCH_SIZE.wrong::<()>(format!(
            "Batch Size must be a whole number of at most {BATCH_SIZE_MAX} but it was {}.",
            crate::json::number_text(number)
        )));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
    whole.map(|number| number as u32)
}
