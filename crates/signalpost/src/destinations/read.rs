//! Read: from a tree to what is wanted.
//!
//! Invariant: reading goes on after a mistake, so that all of them are told; what is read beside a mistake is never
//! used.

mod delivery;
mod fields;
mod secret;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use signalpost_core::json::Numbers;
use signalpost_core::secret::Secret;
use signalpost_core::signature::WebhookSigner;
use signalpost_storage::{Secrets, Wanted, WantedDestination, WantedMapping, WantedSource};

use super::problem::{Files, Problem};
use super::tree::{Kind, Place, Tree};
use crate::nearest::nearest;

/// How many mappings a destination may have.
const MAPPINGS_MAX: usize = 5;

/// Many of a kind may be written in the singular, as TOML's `[[source]]` reads, or in the plural.
const SOURCES: [&str; 2] = ["source", "sources"];
const DESTINATIONS: [&str; 2] = ["destination", "destinations"];
const MAPPINGS: [&str; 2] = ["mapping", "mappings"];
const FIELDS: [&str; 3] = ["fields", "fields_json", "fields_file"];

pub(super) struct Reader<'a> {
    files: &'a mut Files,
    /// What relative paths in the file start from.
    folder: PathBuf,
    variables: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        files: &'a mut Files,
        folder: PathBuf,
        variables: &'a dyn Fn(&str) -> Option<String>,
    ) -> Self {
        Self { files, folder, variables, problems: Vec::new() }
    }

    pub(super) fn wanted(&mut self, root: &Tree) -> Wanted {
        self.table(root, "the file", &SOURCES);
        let sources = self.many(root, SOURCES);
        if sources.is_empty() {
            self.refuse(&root.place, "no source is listed").push_help("begin with [[source]] and a name");
        }
        self.unique(&sources, "source");
        let wanted = Wanted { sources: sources.iter().map(|tree| self.source(tree)).collect() };
        self.unique_keys(&wanted, &sources);
        wanted
    }

    fn source(&mut self, tree: &Tree) -> WantedSource {
        let known = ["name", "write_keys", DESTINATIONS[0], DESTINATIONS[1]];
        self.table(tree, "a source", &known);
        let destinations = self.many(tree, DESTINATIONS);
        self.unique(&destinations, "destination");
        WantedSource {
            name: self.name(tree, "source"),
            write_keys: self.write_keys(tree),
            destinations: destinations.iter().map(|tree| self.destination(tree)).collect(),
        }
    }

    fn write_keys(&mut self, source: &Tree) -> Vec<Secret> {
        let Some(keys) = source.get("write_keys") else {
            self.refuse(&source.place, "this source has no `write_keys`").push_help(
                "a write key is how its events are recognised: write_keys = [{ env = \"SHOP_WRITE_KEY\" }]",
            );
            return Vec::new();
        };
        let Kind::Array(items) = &keys.kind else {
            self.wrong_kind(keys, "write_keys", "a list");
            return Vec::new();
        };
        if items.is_empty() {
            self.problems.push(Problem::warning(
                keys.place.clone(),
                "without a write key, nobody can send events for this source",
            ));
        }
        items.iter().filter_map(|item| self.secret(item, "a write key")).collect()
    }

    fn destination(&mut self, tree: &Tree) -> WantedDestination {
        let known = [
            "name",
            "enabled",
            "shared_secret",
            "previous_shared_secret",
            "webhook_secret",
            "previous_webhook_secret",
            "signature",
            "numbers",
            "delivery",
            MAPPINGS[0],
            MAPPINGS[1],
        ];
        self.table(tree, "a destination", &known);
        let name = self.name(tree, "destination");
        let numbers = self.choice(tree, "numbers");
        let mappings = self.many(tree, MAPPINGS);
        self.unique(&mappings, "mapping");
        self.at_most_five(&name, &mappings);
        let shared_secret = self.optional_secret(tree, "shared_secret");
        let (delivery, client_key) = self.delivery(tree);
        let secrets = Secrets {
            client_key,
            previous_shared_secret: self.optional_secret(tree, "previous_shared_secret"),
            webhook_secret: self.webhook_secret(tree, "webhook_secret"),
            previous_webhook_secret: self.webhook_secret(tree, "previous_webhook_secret"),
        };
        for (previous, present) in
            [("previous_shared_secret", "shared_secret"), ("previous_webhook_secret", "webhook_secret")]
        {
            if tree.get(previous).is_some() && tree.get(present).is_none() {
                self.refuse(place_of_name(tree), &format!("there is a `{previous}`, but no `{present}`"));
            }
        }
        WantedDestination {
            name,
            enabled: self.enabled(tree),
            shared_secret,
            secrets,
            signature: self.choice(tree, "signature"),
            numbers,
            delivery,
            mappings: mappings.iter().map(|mapping| self.mapping(mapping, numbers)).collect(),
        }
    }

    fn optional_secret(&mut self, destination: &Tree, key: &str) -> Option<Secret> {
        let secret = destination.get(key).and_then(|secret| self.secret(secret, &format!("`{key}`")));
        secret.filter(|secret| !secret.is_empty())
    }

    /// Told at the destination's name: the line of the secret may hold the secret.
    fn webhook_secret(&mut self, destination: &Tree, key: &str) -> Option<Secret> {
        let secret = self.optional_secret(destination, key)?;
        if let Err(error) = WebhookSigner::new([&secret]) {
            self.refuse(place_of_name(destination), &format!("`{key}` {error}"));
        }
        Some(secret)
    }

    fn at_most_five(&mut self, destination: &str, mappings: &[Tree]) {
        if let Some(sixth) = mappings.get(MAPPINGS_MAX) {
            let name = sixth.get("name").and_then(Tree::as_str).unwrap_or("without a name");
            let place = sixth.get("name").map_or(&sixth.place, |name| &name.place);
            let text = format!(
                "destination `{destination}` has {} mappings, at most {MAPPINGS_MAX} are possible: `{name}` is the sixth",
                mappings.len()
            );
            self.refuse(place, &text).push_help("put it into a second destination of the same source");
        }
    }

    fn mapping(&mut self, tree: &Tree, numbers: Numbers) -> WantedMapping {
        let known = ["name", "enabled", "trigger", FIELDS[0], FIELDS[1], FIELDS[2]];
        self.table(tree, "a mapping", &known);
        WantedMapping {
            name: self.name(tree, "mapping"),
            enabled: self.enabled(tree),
            trigger: self.trigger(tree),
            fields: self.fields(tree, numbers),
        }
    }

    fn name(&mut self, tree: &Tree, what: &str) -> String {
        match tree.get("name") {
            None => {
                self.refuse(&tree.place, &format!("this {what} has no `name`"));
                String::new()
            }
            Some(name) => match name.as_str() {
                Some(text) if !text.trim().is_empty() && !text.contains('/') => text.to_owned(),
                _ => {
                    self.refuse(&name.place, "a name is a text that is not empty and holds no `/`");
                    String::new()
                }
            },
        }
    }

    fn enabled(&mut self, tree: &Tree) -> bool {
        match tree.get("enabled") {
            None => true,
            Some(Tree { kind: Kind::Bool(enabled), .. }) => *enabled,
            Some(other) => {
                self.wrong_kind(other, "enabled", "true or false");
                true
            }
        }
    }

    fn choice<T: DeserializeOwned + Default>(&mut self, tree: &Tree, key: &str) -> T {
        let Some(value) = tree.get(key) else { return T::default() };
        serde_json::from_value(value.to_json()).unwrap_or_else(|error| {
            self.refuse(&value.place, &format!("{key}: {error}"));
            T::default()
        })
    }

    /// The list under either of two keys.
    fn many(&mut self, tree: &Tree, keys: [&str; 2]) -> Vec<Tree> {
        let mut all = Vec::new();
        for value in keys.iter().filter_map(|key| tree.get(key)) {
            match &value.kind {
                Kind::Array(items) => all.extend(items.iter().cloned()),
                _ => self.wrong_kind(value, keys[0], "a list"),
            }
        }
        all
    }

    fn table(&mut self, tree: &Tree, what: &str, known: &[&str]) {
        if !matches!(tree.kind, Kind::Object(_)) {
            self.refuse(&tree.place, &format!("{what} is a table, and not {}", tree.kind_name()));
        }
        for member in tree.members().iter().filter(|member| !known.contains(&&*member.key)) {
            let hint = match nearest(&member.key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.refuse(&member.key_place, &format!("`{}` means nothing in {what}", member.key))
                .push_help(hint);
        }
    }

    fn unique(&mut self, trees: &[Tree], what: &str) {
        let mut seen: HashSet<&str> = HashSet::new();
        for name in trees.iter().filter_map(|tree| tree.get("name")) {
            if let Some(text) = name.as_str()
                && !seen.insert(text)
            {
                self.refuse(&name.place, &format!("there is a {what} `{text}` already"));
            }
        }
    }

    fn unique_keys(&mut self, wanted: &Wanted, trees: &[Tree]) {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for (source, tree) in wanted.sources.iter().zip(trees) {
            for key in &source.write_keys {
                if let Some(other) = seen.insert(key.expose(), &source.name) {
                    let place = tree.get("write_keys").map_or(&tree.place, |keys| &keys.place).clone();
                    let text = format!("a write key of `{}` belongs to `{other}` already", source.name);
                    self.problems.push(Problem::error(place, &text));
                }
            }
        }
    }

    fn wrong_kind(&mut self, tree: &Tree, key: &str, wanted: &str) {
        self.refuse(&tree.place, &format!("`{key}` is {wanted}, and not {}", tree.kind_name()));
    }

    pub(super) fn refuse(&mut self, place: &Place, message: &str) -> &mut Problem {
        self.problems.push(Problem::error(place.clone(), message));
        self.problems.last_mut().expect("just pushed")
    }
}

fn place_of_name(tree: &Tree) -> &Place {
    tree.get("name").map_or(&tree.place, |name| &name.place)
}
