//! What a mapping says: its trigger, and its fields in one of their three forms.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use signalpost_core::json::Numbers;

use super::super::tree::Tree;
use super::super::{check, formats};
use super::{FIELDS, Reader};

impl Reader<'_> {
    pub(super) fn trigger(&mut self, mapping: &Tree) -> String {
        let Some(trigger) = mapping.get("trigger") else {
            self.refuse(&mapping.place, "this mapping has no `trigger`")
                .push_help("it says which events are wanted: trigger = 'type = \"track\"'");
            return String::new();
        };
        let Some(text) = trigger.as_str() else {
            self.wrong_kind(trigger, "trigger", "a text");
            return String::new();
        };
        check::trigger(text, &trigger.place, self.files, &mut self.problems);
        text.to_owned()
    }

    /// Segment's mapping object, from one of its three forms.
    pub(super) fn fields(&mut self, mapping: &Tree, numbers: Numbers) -> Value {
        let given: Vec<_> =
            mapping.members().iter().filter(|member| FIELDS.contains(&&*member.key)).collect();
        let [given] = given[..] else {
            let place = given.get(1).map_or(&mapping.place, |second| &second.key_place).clone();
            let text = match given.len() {
                0 => "this mapping has no `fields`",
                _ => "the fields of a mapping are given once",
            };
            self.refuse(&place, text).push_help(
                "fields = { url = … }, or fields_json = '''…''', or fields_file = \"mapping.json\"",
            );
            return Value::Null;
        };
        let read = match given.key.as_str() {
            "fields" => Some(given.value.clone()),
            "fields_json" => self.fields_json(&given.value),
            _ => self.fields_file(&given.value),
        };
        let Some(fields) = read else { return Value::Null };
        check::fields(&fields, numbers, &mut self.problems)
    }

    fn fields_json(&mut self, literal: &Tree) -> Option<Tree> {
        let Some(text) = literal.as_str() else {
            self.wrong_kind(literal, "fields_json", "a text that holds JSON");
            return None;
        };
        // Mostly the text stands in the file as it is, and its mistakes can be shown there.
        let span = literal.place.span.clone();
        let whole = self.files.text(literal.place.file);
        let parsed = if let Some(at) = whole[span.clone()].find(text).filter(|_| !text.is_empty()) {
            let start = span.start + at;
            formats::parse_json(literal.place.file, whole, start..start + text.len())
        } else {
            let file = self.files.add(PathBuf::from("fields_json"), text.to_owned());
            formats::parse_json(file, text, 0..text.len())
        };
        parsed.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn fields_file(&mut self, path: &Tree) -> Option<Tree> {
        let Some(name) = path.as_str() else {
            self.wrong_kind(path, "fields_file", "the path of a file");
            return None;
        };
        let found = self.folder.join(name);
        match fs::read_to_string(&found) {
            Err(error) => {
                self.refuse(&path.place, &format!("{} cannot be read: {error}", found.display()));
                None
            }
            Ok(text) => {
                let file = self.files.add(found.clone(), text);
                let parsed = formats::parse(&found, file, self.files.text(file));
                parsed.map_err(|problem| self.problems.push(problem)).ok()
            }
        }
    }
}
