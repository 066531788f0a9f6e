//! Layers: the places that settings come from besides the file.
//!
//! Invariant: a setting `x` of any layer may be given as `x_file`, the path of a file that holds it; giving both in one
//! layer is an error.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

use super::explain;
use super::reading::Files;
use crate::cli::SettingsArgs;

const PREFIX: &str = "SIGNALPOST_";
const SECTIONS: [&str; 10] =
    ["database", "grpc", "http", "log", "traces", "secrets", "shutdown", "ingest", "dispatcher", "admin"];

/// What flags of commands are read from; no settings of a process, whatever they look like.
const FLAGS: [&str; 2] = ["admin_token", "admin_token_file"];

/// Settings from the environment: `SIGNALPOST_DATABASE__URL` is `database.url`.
pub(super) struct Variables {
    settings: Vec<(Vec<String>, String)>,
    database_url: Option<String>,
}

/// Just `DATABASE_URL`, which many other programs read too: our own variables win over it.
pub(super) struct DatabaseUrl(Option<String>);

impl Variables {
    /// Takes what is ours. Variables without `__` are none of the settings (a cluster makes such by itself); but one
    /// that looks like a setting written with a single `_` is refused, since it would silently do nothing.
    pub(super) fn new(all: impl Iterator<Item = (String, String)>) -> anyhow::Result<Variables> {
        let mut variables = Variables { settings: Vec::new(), database_url: None };
        for (name, value) in all {
            if name == "DATABASE_URL" {
                variables.database_url = Some(value);
            } else if let Some(setting) = name.strip_prefix(PREFIX) {
                let setting = setting.to_lowercase();
                if setting.contains("__") {
                    variables.settings.push((setting.split("__").map(str::to_owned).collect(), value));
                } else if !FLAGS.contains(&setting.as_str())
                    && let Some(meant) = meant(&setting)
                {
                    anyhow::bail!("{name} is no setting; did you mean {PREFIX}{}?", meant.to_uppercase());
                }
            }
        }
        Ok(variables)
    }

    pub(super) fn database_url(&self) -> DatabaseUrl {
        DatabaseUrl(self.database_url.clone())
    }
}

/// `database_url` was meant to be `database__url`, if there is such a setting.
fn meant(setting: &str) -> Option<String> {
    let section = SECTIONS.iter().find(|section| setting.starts_with(&format!("{section}_")))?;
    let key = &setting[section.len() + 1..];
    let known = super::explain::known_keys(section);
    let name = key.strip_suffix("_file").unwrap_or(key);
    known.iter().any(|known| known == name).then(|| format!("{section}__{key}"))
}

impl Provider for Variables {
    fn metadata(&self) -> Metadata {
        Metadata::named("the environment")
            .interpolater(|_, keys| format!("{PREFIX}{}", keys.join("__").to_uppercase()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(nested(self.settings.iter().map(|(path, value)| (&path[..], value.as_str()))))
    }
}

impl Provider for DatabaseUrl {
    fn metadata(&self) -> Metadata {
        Metadata::named("the environment").interpolater(|_, _| "DATABASE_URL".to_owned())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let path = ["database".to_owned(), "url".to_owned()];
        Ok(nested(self.0.iter().filter(|url| !url.is_empty()).map(|url| (&path[..], url.as_str()))))
    }
}

/// Settings from the command line.
pub(super) struct Flags(Vec<(Vec<String>, String)>);

impl Flags {
    pub(super) fn new(args: &SettingsArgs) -> anyhow::Result<Flags> {
        let mut flags = Vec::new();
        for set in &args.set {
            let Some((key, value)) = set.split_once('=') else {
                anyhow::bail!("--set {set}: it reads KEY=VALUE, such as --set ingest.committers=1");
            };
            flags.push((key.trim().split('.').map(str::to_owned).collect(), value.trim().to_owned()));
        }
        let short = [("database", "url", &args.database_url), ("log", "level", &args.log)];
        for (section, key, value) in short {
            flags.extend(value.clone().map(|value| (vec![section.to_owned(), key.to_owned()], value)));
        }
        Ok(Flags(flags))
    }
}

impl Provider for Flags {
    fn metadata(&self) -> Metadata {
        Metadata::named("the command line").interpolater(|_, keys| format!("--set {}", keys.join(".")))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(nested(self.0.iter().map(|(path, value)| (&path[..], value.as_str()))))
    }
}

fn nested<'a>(settings: impl Iterator<Item = (&'a [String], &'a str)>) -> Map<Profile, Dict> {
    let mut all = Dict::new();
    for (path, text) in settings {
        put(&mut all, path, value(text));
    }
    Profile::Default.collect(all)
}

fn put(dict: &mut Dict, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        dict.insert(first.clone(), value);
        return;
    }
    let inner = dict.entry(first.clone()).or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, inner) = inner {
        put(inner, rest, value);
    }
}

/// A text is a number or a truth only when writing that again gives the same text: a secret `007` stays one.
fn value(text: &str) -> Value {
    let same = |written: String| written == text;
    match text.parse::<Value>() {
        Ok(Value::Bool(tag, truth)) if same(truth.to_string()) => Value::Bool(tag, truth),
        Ok(Value::Num(tag, number)) => {
            let whole = number.to_i128().is_some_and(|number| same(number.to_string()))
                || number.to_u128().is_some_and(|number| same(number.to_string()));
            let broken = number.to_f64().is_some_and(|number| same(number.to_string()));
            if whole || broken { Value::Num(tag, number) } else { Value::from(text) }
        }
        Ok(Value::Array(tag, items)) => Value::Array(tag, items),
        _ => Value::from(text),
    }
}

/// A layer whose `…_file` settings are read from those files; what goes wrong is noted.
pub(super) struct FromFiles<'a, P>(pub(super) P, pub(super) &'a RefCell<Files>);

impl<P: Provider> Provider for FromFiles<'_, P> {
    fn metadata(&self) -> Metadata {
        self.0.metadata()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut profiles = self.0.data()?;
        let mut files = self.1.borrow_mut();
        let mut read = Read { metadata: self.0.metadata(), files: &mut files, path: Vec::new() };
        for dict in profiles.values_mut() {
            read.section(dict);
        }
        Ok(profiles)
    }
}

/// Reading the files of one layer.
struct Read<'a> {
    metadata: Metadata,
    files: &'a mut Files,
    /// Of the section at hand.
    path: Vec<String>,
}

impl Read<'_> {
    fn section(&mut self, dict: &mut Dict) {
        for key in dict.keys().cloned().collect::<Vec<_>>() {
            let name = key.strip_suffix("_file").unwrap_or(&key).to_owned();
            let setting = self.path.iter().chain([&name]).cloned().collect::<Vec<_>>().join(".");
            if name == key {
                // A later layer says by value what an earlier one read from a file.
                self.files.paths.remove(&setting);
            } else if let Some(value) = self.file(dict, &key, &name, &setting) {
                dict.insert(name, value);
            }
        }
        for (key, value) in dict.iter_mut() {
            if let Value::Dict(_, inner) = value
                && self.path.last().is_none_or(|section| section != "tls")
            {
                self.path.push(key.clone());
                self.section(inner);
                self.path.pop();
            }
        }
    }

    /// The value that stands for a `…_file`, which is taken out.
    fn file(&mut self, dict: &mut Dict, key: &str, name: &str, setting: &str) -> Option<Value> {
        let given = dict.remove(key)?;
        if dict.contains_key(name) {
            self.mistake(key, &format!("`{name}` is given as well; one is enough"));
            return None;
        }
        let Some(path) = given.into_string() else {
            self.mistake(key, "it must be the path of a file");
            return None;
        };
        self.files.paths.insert(setting.to_owned(), PathBuf::from(&path));
        // Certificates are read again while the process runs: their owner has to know the file.
        if self.path.last().is_some_and(|section| section == "tls") {
            return Some(Value::from(Dict::from([("file".to_owned(), Value::from(path))])));
        }
        match fs::read_to_string(&path) {
            Ok(text) => Some(Value::from(text.trim_end_matches(['\n', '\r']))),
            Err(error) => {
                self.mistake(key, &format!("{path} cannot be read: {error}"));
                None
            }
        }
    }

    fn mistake(&mut self, key: &str, text: &str) {
        let path: Vec<String> = self.path.iter().cloned().chain([key.to_owned()]).collect();
        let place = explain::place_of(&self.metadata, &path);
        self.files.mistakes.push(format!("{}{place}: {text}", path.join(".")));
    }
}
