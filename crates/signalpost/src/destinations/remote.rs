//! Remote: a destinations file that somebody sent to the control API, as JSON with every value in it.
//!
//! Invariants: nothing of this machine is read for it, neither variables nor files; a mistake is told by its path in the
//! JSON, since there is no file to show.

use std::path::PathBuf;

use serde_json::Value;
use signalpost_storage::Wanted;

use super::formats;
use super::problem::{Files, Problem, Severity};
use super::read::Reader;
use super::tree::{Kind, Place, Tree};

/// What it wants, or every mistake with its path.
pub(crate) fn read_json(json: &str) -> Result<Wanted, Vec<(String, String)>> {
    let mut value: Value = serde_json::from_str(json)
        .map_err(|error| vec![(String::from("destinations_json"), format!("it is no JSON: {error}"))])?;
    unfold_fields(&mut value);
    let text = value.to_string();
    let mut files = Files::default();
    let file = files.add(PathBuf::from("destinations.json"), text.clone());
    let tree = formats::parse_json(file, &text, 0..text.len())
        .map_err(|problem| vec![(String::from("destinations_json"), problem.message)])?;
    let mut problems = Vec::new();
    refuse_references(&tree, &mut problems);
    if problems.is_empty() {
        let mut reader = Reader::new(&mut files, PathBuf::new(), &|_| None);
        let wanted = reader.wanted(&tree);
        problems.append(&mut reader.problems);
        problems.retain(|problem| problem.severity == Severity::Error);
        if problems.is_empty() {
            return Ok(wanted);
        }
    }
    Err(problems.iter().map(|problem| (path(&tree, &problem.place), told(problem))).collect())
}

fn told(problem: &Problem) -> String {
    let mut text = problem.message.clone();
    for help in &problem.help {
        text = format!("{text}; {help}");
    }
    text
}

/// `fields_json` is read as if its JSON stood in its place, so that a mistake in it has a path.
fn unfold_fields(value: &mut Value) {
    for mapping in listed_mut(value, "source")
        .flat_map(|source| listed_mut(source, "destination"))
        .flat_map(|destination| listed_mut(destination, "mapping"))
    {
        let Some(members) = mapping.as_object_mut().filter(|members| !members.contains_key("fields")) else {
            continue;
        };
        let fields = members.get("fields_json").and_then(Value::as_str);
        if let Some(fields) = fields.and_then(|text| serde_json::from_str(text).ok()) {
            members.remove("fields_json");
            members.insert(String::from("fields"), fields);
        }
    }
}

/// The items under a name, in the singular or the plural.
fn listed_mut<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    let members = value.as_object_mut().into_iter().flatten();
    let names = [name.to_owned(), format!("{name}s")];
    let lists = members.filter(move |(key, _)| names.contains(key)).map(|(_, list)| list);
    lists.filter_map(Value::as_array_mut).flatten()
}

/// Values that stand elsewhere cannot be fetched from here.
fn refuse_references(root: &Tree, problems: &mut Vec<Problem>) {
    for source in listed(root, "source") {
        let keys = source.get("write_keys").map(items).unwrap_or_default();
        for key in keys {
            refuse_reference(key, problems);
        }
        for destination in listed(source, "destination") {
            let delivery = destination.get("delivery").map(Tree::members).unwrap_or_default();
            for member in destination.members().iter().chain(delivery) {
                refuse_reference(&member.value, problems);
            }
            let mappings = listed(destination, "mapping");
            for member in mappings.iter().flat_map(|mapping| mapping.members()).chain(delivery) {
                if member.key.ends_with("_file") {
                    let text = "the service reads no files: send what the file holds";
                    problems.push(Problem::error(member.key_place.clone(), text));
                }
            }
        }
    }
}

fn refuse_reference(value: &Tree, problems: &mut Vec<Problem>) {
    if let [member] = value.members()
        && ["env", "file"].contains(&member.key.as_str())
    {
        let text = "the service reads no variables and no files: send the value itself";
        problems.push(Problem::error(value.place.clone(), text));
    }
}

fn listed<'a>(tree: &'a Tree, name: &str) -> Vec<&'a Tree> {
    let plural = format!("{name}s");
    let lists = tree.members().iter().filter(|member| member.key == name || member.key == plural);
    lists.flat_map(|member| items(&member.value)).collect()
}

fn items(tree: &Tree) -> &[Tree] {
    match &tree.kind {
        Kind::Array(items) => items,
        _ => &[],
    }
}

/// Where a place is: `source[0].destination[1].name`.
fn path(tree: &Tree, place: &Place) -> String {
    let mut path = String::new();
    let mut here = tree;
    loop {
        let inside = |value: &Tree| {
            let span = &value.place.span;
            place.file == value.place.file && span.start <= place.span.start && place.span.end <= span.end
        };
        if let Some(member) = here.members().iter().find(|one| one.key_place == *place || inside(&one.value))
        {
            let dot = if path.is_empty() { "" } else { "." };
            path = format!("{path}{dot}{}", member.key);
            if member.key_place == *place {
                return path;
            }
            here = &member.value;
        } else if let Some(index) = items(here).iter().position(inside) {
            path = format!("{path}[{index}]");
            here = &items(here)[index];
        } else {
            return if path.is_empty() { String::from("destinations_json") } else { path };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(json: &str) -> Vec<(String, String)> {
        read_json(json).unwrap_err()
    }

    #[test]
    fn a_mistake_is_told_by_its_path() {
        let told = mistakes(
            r#"{"source":[{"name":"shop","write_keys":["wk_1"],"destination":[{"name":"warehouse","delivery":{"timeout":"1h"},
                "mapping":[{"name":"orders","trigger":"","fields_json":"{\"url\":\"ftp://a\"}"}]}]}]}"#,
        );
        let paths: Vec<&str> = told.iter().map(|(path, _)| path.as_str()).collect();
        let destination = "source[0].destination[0]";
        for wanted in ["delivery.timeout", "mapping[0].trigger", "mapping[0].fields.url"] {
            assert!(paths.contains(&format!("{destination}.{wanted}").as_str()), "{wanted}: {paths:?}");
        }
        assert_eq!(mistakes("{")[0].0, "destinations_json");
    }

    #[test]
    fn nothing_of_this_machine_is_read() {
        let told = mistakes(
            r#"{"source":[{"name":"shop","write_keys":[{"env":"HOME"}],"destination":[{"name":"warehouse",
                "shared_secret":{"file":"/etc/passwd"},"mapping":[{"name":"orders","trigger":"type = \"track\"",
                "fields_file":"/etc/passwd"}]}]}]}"#,
        );
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.iter().all(|(_, text)| text.contains("the service reads no")), "{told:?}");
    }
}
