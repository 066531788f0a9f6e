//! Export: what is configured, written as a destinations file in TOML.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::Value;
use signalpost_core::delivery::Delivery;
use signalpost_core::json::Numbers;
use signalpost_core::signature::SignatureMode;
use signalpost_storage::{DestinationView, MappingView, SourceView};

const HEAD: &str = "\
# Exported by Signalpost. Secrets and write keys are not told: each stands here as the environment variable to put it
# into before `signalpost apply`. With the values that are in use, applying this changes nothing.
";

/// The secret that is written among the delivery settings.
const CLIENT_KEY: &str = "client_key";

/// All that is configured.
#[derive(Default)]
pub(super) struct Everything {
    pub(super) sources: Vec<SourceView>,
    pub(super) destinations: Vec<DestinationView>,
    pub(super) mappings: Vec<MappingView>,
}

impl Everything {
    pub(super) fn to_toml(&self) -> String {
        let mut file = File { out: HEAD.to_owned(), variables: HashSet::new() };
        for source in &self.sources {
            file.source(source);
            for destination in self.destinations.iter().filter(|one| one.source == source.name) {
                file.destination(destination);
                let of_it = |one: &&MappingView| {
                    one.source == destination.source && one.destination == destination.name
                };
                let mut mappings: Vec<&MappingView> = self.mappings.iter().filter(of_it).collect();
                mappings.sort_by_key(|one| one.position);
                for mapping in mappings {
                    file.mapping(mapping);
                }
            }
        }
        file.out
    }
}

struct File {
    out: String,
    /// Names that are taken.
    variables: HashSet<String>,
}

impl File {
    fn line(&mut self, line: impl AsRef<str>) {
        self.out.push_str(line.as_ref());
        self.out.push('\n');
    }

    fn source(&mut self, source: &SourceView) {
        self.line("\n[[source]]");
        self.line(format!("name = {}", text(&source.name)));
        // One that ends at a time is left out: listing it would make it good for ever.
        let mut keys: Vec<_> = source.write_keys.iter().filter(|key| key.revoked_at.is_none()).collect();
        keys.reverse();
        if keys.is_empty() {
            self.line("write_keys = []");
            return;
        }
        self.line("write_keys = [");
        for key in keys {
            let variable = self.variable(&[&source.name, "write_key"]);
            self.line(format!("    {{ env = \"{variable}\" }}, # begins with {}", one_line(&key.prefix)));
        }
        self.line("]");
    }

    fn destination(&mut self, one: &DestinationView) {
        self.line("\n[[source.destination]]");
        self.line(format!("name = {}", text(&one.name)));
        if !one.enabled {
            self.line("enabled = false");
        }
        for (purpose, _) in one.secrets.iter().filter(|(purpose, _)| purpose != CLIENT_KEY) {
            let variable = self.variable(&[&one.source, &one.name, purpose]);
            self.line(format!("{purpose} = {{ env = \"{variable}\" }}"));
        }
        if one.signature != SignatureMode::default() {
            self.line(format!("signature = {}", word(&one.signature)));
        }
        if one.numbers != Numbers::default() {
            self.line(format!("numbers = {}", word(&one.numbers)));
        }
        let has_client_key = one.secrets.iter().any(|(purpose, _)| purpose == CLIENT_KEY);
        let client_key = has_client_key.then(|| self.variable(&[&one.source, &one.name, CLIENT_KEY]));
        self.delivery(&one.delivery, client_key);
    }

    /// What differs from the defaults.
    fn delivery(&mut self, delivery: &Delivery, client_key: Option<String>) {
        let (is, usual) = (as_json(delivery), as_json(&Delivery::default()));
        let differing = |is: &Value, usual: &Value| {
            let members = is.as_object().cloned().unwrap_or_default();
            members.into_iter().filter(|(key, value)| usual.get(key) != Some(value)).collect::<Vec<_>>()
        };
        let settings = differing(&is, &usual);
        if settings.is_empty() && client_key.is_none() {
            return;
        }
        self.line("[source.destination.delivery]");
        if let Some(variable) = client_key {
            self.line(format!("{CLIENT_KEY} = {{ env = \"{variable}\" }}"));
        }
        let (tables, plain): (Vec<_>, Vec<_>) =
            settings.into_iter().partition(|(_, value)| value.is_object());
        for (key, value) in plain {
            self.line(format!("{key} = {}", inline(&value)));
        }
        for (key, value) in tables {
            self.line(format!("[source.destination.delivery.{key}]"));
            for (inner, value) in differing(&value, usual.get(&key).unwrap_or(&Value::Null)) {
                self.line(format!("{inner} = {}", inline(&value)));
            }
        }
    }

    fn mapping(&mut self, one: &MappingView) {
        self.line("\n[[source.destination.mapping]]");
        self.line(format!("name = {}", text(&one.name)));
        if !one.enabled {
            self.line("enabled = false");
        }
        self.line(format!("trigger = {}", text(&one.trigger)));
        let fields = serde_json::to_string_pretty(&one.fields).unwrap_or_default();
        self.line(format!("fields_json = {}", long_text(&fields)));
    }

    /// A variable's name that nothing else in the file has.
    fn variable(&mut self, parts: &[&str]) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric();
        let name = parts.join("_");
        let name: String =
            name.chars().map(|c| if is_plain(c) { c.to_ascii_uppercase() } else { '_' }).collect();
        let mut unique = name.clone();
        let mut number = 2;
        while !self.variables.insert(unique.clone()) {
            unique.clone_from(&name);
            let _ = write!(unique, "_{number}");
            number += 1;
        }
        unique
    }
}

/// A TOML string.
fn text(value: &str) -> String {
    let mut out = String::from("\"");
    for character in value.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A text of several lines: as it is, where TOML takes it so; that is what people can read.
fn long_text(value: &str) -> String {
    let is_plain = |c: char| !c.is_control() || c == '\n';
    let is_literal = !value.contains("'''") && !value.ends_with('\'') && value.chars().all(is_plain);
    if is_literal { format!("'''\n{value}'''") } else { text(value) }
}

/// A plain value or a list of such as TOML.
fn inline(value: &Value) -> String {
    match value {
        Value::String(value) if value.contains('\n') => long_text(value),
        Value::String(value) => text(value),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn as_json(delivery: &Delivery) -> Value {
    serde_json::to_value(delivery).expect("settings are plain values")
}

/// An enum's word as TOML.
fn word(value: &impl serde::Serialize) -> String {
    inline(&serde_json::to_value(value).expect("an enum of words"))
}

/// What may stand in a comment.
fn one_line(value: &str) -> String {
    value.chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variables_name_is_plain_and_its_own() {
        let mut file = File { out: String::new(), variables: HashSet::new() };
        assert_eq!(file.variable(&["my shop", "write_key"]), "MY_SHOP_WRITE_KEY");
        assert_eq!(file.variable(&["my-shop", "write_key"]), "MY_SHOP_WRITE_KEY_2");
    }

    #[test]
    fn a_text_survives_toml() {
        assert_eq!(text("a\"b\\c\n\u{7f}é"), "\"a\\\"b\\\\c\\u000A\\u007Fé\"");
    }
}
