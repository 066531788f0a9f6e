//! Origin: every setting with its value and where that came from, for people.

use std::path::Path;

use figment::Profile;
use serde_json::Value;

use super::Settings;
use super::explain::{OPTIONAL, is_secret};
use super::reading::{Leaf, Reading};
use crate::destinations::line_of;

/// A setting as it is.
pub(crate) struct Shown {
    /// `ingest.committers`
    pub(crate) key: String,
    /// A secret shows as `***`; none: it is not set, and has no default.
    pub(crate) value: Option<Value>,
    /// `default`, `signalpost.toml:12`, the name of a variable, or a flag; with the file that a value was read from.
    pub(crate) origin: String,
}

/// All settings, in the order of the documentation.
pub(super) fn shown(reading: &Reading) -> Result<Vec<Shown>, String> {
    let set = reading.leaves()?;
    let mut all = Vec::new();
    flatten(&serde_json::to_value(Settings::default()).unwrap_or_default(), "", &mut all);
    all.extend(OPTIONAL.iter().map(|key| Shown {
        key: (*key).to_owned(),
        value: None,
        origin: "not set".to_owned(),
    }));
    for leaf in set.iter().flat_map(parts) {
        let key = leaf.path.join(".");
        let found = Shown { value: Some(value(&key, &leaf)), origin: origin(reading, &leaf, &key), key };
        match all.iter_mut().find(|shown| shown.key == found.key) {
            Some(shown) => *shown = found,
            None => all.push(found),
        }
    }
    all.sort_by_key(|shown| section_order(&shown.key));
    Ok(all)
}

fn flatten(defaults: &Value, path: &str, all: &mut Vec<Shown>) {
    match defaults {
        Value::Object(members) => {
            for (key, value) in members {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(value, &path, all);
            }
        }
        Value::Null => {}
        value => {
            let (key, origin) = (path.to_owned(), "default".to_owned());
            all.push(Shown { key, value: Some(value.clone()), origin });
        }
    }
}

/// `tls` is read as one, and shown as what it is made of.
fn parts(leaf: &Leaf) -> Vec<Leaf> {
    match &leaf.value {
        figment::value::Value::Dict(_, inner) => {
            let part = |(key, value): (&String, &figment::value::Value)| Leaf {
                path: leaf.path.iter().chain([key]).cloned().collect(),
                value: value.clone(),
            };
            inner.iter().map(part).collect()
        }
        value => vec![Leaf { path: leaf.path.clone(), value: value.clone() }],
    }
}

fn value(key: &str, leaf: &Leaf) -> Value {
    let value = serde_json::to_value(&leaf.value).unwrap_or_default();
    match value {
        // A certificate or key in a file of its own: its path is no secret.
        Value::Object(file) => file.get("file").cloned().unwrap_or_default(),
        Value::String(proxy) if key == "dispatcher.proxy" && !proxy.contains('@') => proxy.into(),
        _ if is_secret(key) => "***".into(),
        value => value,
    }
}

fn origin(reading: &Reading, leaf: &Leaf, key: &str) -> String {
    let tag = match &leaf.value {
        figment::value::Value::Dict(_, inner) => {
            inner.values().next().map_or(leaf.value.tag(), figment::value::Value::tag)
        }
        value => value.tag(),
    };
    let Some(metadata) = reading.layers.get_metadata(tag) else { return "unknown".to_owned() };
    let by_file = reading.files.paths.get(key);
    let mut path = leaf.path.clone();
    if let Some(last) = path.last_mut().filter(|_| by_file.is_some()) {
        last.push_str("_file");
    }
    let place = match metadata.source.as_ref().and_then(figment::Source::file_path) {
        Some(file) => in_file(file, &path),
        None => metadata.interpolate(&Profile::Default, &path),
    };
    match by_file.filter(|_| !leaf.path.contains(&"tls".to_owned())) {
        Some(file) => format!("{place} ({})", file.display()),
        None => place,
    }
}

fn in_file(file: &Path, path: &[String]) -> String {
    let line = line_of(file, path).map(|line| format!(":{line}")).unwrap_or_default();
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    format!("{name}{line}")
}

/// Sections stay together, whatever has a default in them.
fn section_order(key: &str) -> usize {
    let section = key.split('.').next().unwrap_or_default();
    let all =
        ["database", "grpc", "http", "log", "traces", "secrets", "shutdown", "ingest", "dispatcher", "admin"];
    all.iter().position(|known| *known == section).unwrap_or(all.len())
}
