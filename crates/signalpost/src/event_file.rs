//! Event file: one event, as JSON, for asking what becomes of it.

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use signalpost_proto::v1::{Event, event::Form};

use crate::exit::Failure;

/// One event and, when it has one, its `messageId`.
pub(crate) struct EventFile {
    pub(crate) event: Event,
    pub(crate) message_id: Option<String>,
}

/// Reads one JSON object; `-` is standard input.
pub(crate) fn read(path: &Path) -> anyhow::Result<EventFile> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading standard input")
            .map_err(Failure::input)?;
    } else {
        text = fs::read_to_string(path)
            .with_context(|| format!("reading {}", path.display()))
            .map_err(Failure::input)?;
    }
    let value: serde_json::Value = serde_json::from_str(text.trim())
        .with_context(|| format!("{} is not one event in JSON", path.display()))
        .map_err(Failure::input)?;
    if !value.is_object() {
        return Err(Failure::input(anyhow::anyhow!("{}: an event is a JSON object", path.display())));
    }
    let message_id = value.get("messageId").and_then(serde_json::Value::as_str).map(str::to_owned);
    // As it was written: numbers keep their digits.
    let json = text.trim().as_bytes().to_vec();
    Ok(EventFile { event: Event { form: Some(Form::Json(json.into())), ..Event::default() }, message_id })
}
