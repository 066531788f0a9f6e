//! Explain: what is wrong with a setting, by key, value, place, and what is accepted.

use figment::error::{Error, Kind};
use figment::{Figment, Metadata, Profile};
use serde_json::Value;

use super::Settings;
use crate::nearest::nearest;

/// Every mistake on a line of its own.
pub(super) fn explain(error: Error, layers: &Figment) -> String {
    let lines: Vec<String> = error.into_iter().map(|error| line(&error, layers)).collect();
    lines.join("\n")
}

fn line(error: &Error, layers: &Figment) -> String {
    let mut path = error.path.clone();
    if let Kind::UnknownField(name, known) = &error.kind {
        if path.last() != Some(name) {
            path.push(name.clone());
        }
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => {
                let mut meant = path.clone();
                meant.pop();
                meant.push(near.to_owned());
                format!("did you mean `{}`?", meant.join("."))
            }
            None => format!("known here: {}", known.join(", ")),
        };
        return format!(
            "{}: there is no such setting{}; {hint}",
            path.join("."),
            place(error, &path, layers)
        );
    }
    let key = path.join(".");
    let given = layers.find_value(&key).ok().filter(|_| !key.is_empty() && !is_secret(&key));
    let given = given.and_then(|given| serde_json::to_string(&given).ok());
    let shown = given.map_or_else(|| key.clone(), |given| format!("{key} = {given}"));
    let colon = if shown.is_empty() { "" } else { ": " };
    format!("{shown}{}{colon}{}", place(error, &path, layers), said(&error.kind))
}

fn said(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(_, wanted) | Kind::InvalidValue(_, wanted) => match wanted.as_str() {
            "u16" | "u32" | "u64" | "usize" => "it must be a whole number".to_owned(),
            "f64" => "it must be a number".to_owned(),
            "parsable string" => "it must be a size such as 32KiB or 64MB".to_owned(),
            wanted => format!("it must be {wanted}"),
        },
        Kind::UnknownVariant(_, known) => format!("it must be one of {}", known.join(", ")),
        other => other.to_string(),
    }
}

/// ` (signalpost.toml)`, ` (SIGNALPOST_DATABASE__URL)`.
fn place(error: &Error, path: &[String], layers: &Figment) -> String {
    // The error may know no more than that one value was looked at alone.
    let metadata = layers.find_metadata(&path.join(".")).or(error.metadata.as_ref());
    metadata.map(|metadata| place_of(metadata, path)).unwrap_or_default()
}

pub(super) fn place_of(metadata: &Metadata, path: &[String]) -> String {
    let file = metadata.source.as_ref().and_then(figment::Source::file_path);
    let place = match file {
        Some(file) => file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned(),
        None => metadata.interpolate(&Profile::Default, path),
    };
    format!(" ({place})")
}

/// Settings without a default, which the defaults therefore do not list.
pub(super) const OPTIONAL: [&str; 4] =
    ["database.url", "traces.endpoint", "secrets.sealing_keys", "admin.token"];

/// What nobody may see: secrets, and what may hold a password; certificates by value are only long.
pub(super) fn is_secret(key: &str) -> bool {
    let name = key.rsplit('.').next().unwrap_or_default();
    ["url", "sealing_keys", "key", "token", "proxy", "certificate", "client_ca", "tls"].contains(&name)
}

/// The settings of a section.
pub(super) fn known_keys(section: &str) -> Vec<String> {
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let mut known: Vec<String> = match &defaults[section] {
        Value::Object(members) => members.keys().cloned().collect(),
        _ => Vec::new(),
    };
    // What has no default is not written.
    let optional = OPTIONAL.iter().filter_map(|key| key.strip_prefix(section)?.strip_prefix('.'));
    known.extend(optional.map(str::to_owned));
    known
}
