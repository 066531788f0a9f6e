//! Layers: the places that settings come from besides the file.
//!
//! Invariant: a setting `x` of any layer may be given as `x_file`, the path of a file that holds it; giving both in one
//! layer is an error.

use std::fs;

use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

use crate::cli::SettingsArgs;

const PREFIX: &str = "SIGNALPOST_";
const SECTIONS: [&str; 9] =
    ["database", "grpc", "http", "log", "traces", "secrets", "shutdown", "ingest", "dispatcher"];

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

/// A layer whose `…_file` settings are read from those files.
pub(super) struct FromFiles<P>(pub(super) P);

impl<P: Provider> Provider for FromFiles<P> {
    fn metadata(&self) -> Metadata {
        self.0.metadata()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut profiles = self.0.data()?;
        for dict in profiles.values_mut() {
            read_files(dict, false)?;
        }
        Ok(profiles)
    }
}

#[expect(clippy::result_large_err, reason = "figment's own error, made once at the start")]
fn read_files(dict: &mut Dict, is_read_by_its_owner: bool) -> Result<(), Error> {
    let named: Vec<String> = dict.keys().filter(|key| key.ends_with("_file")).cloned().collect();
    for key in named {
        let name = key.trim_end_matches("_file").to_owned();
        if dict.contains_key(&name) {
            return Err(Error::from(format!("both `{name}` and `{key}` are given; one is enough")));
        }
        let Some(path) = dict.remove(&key).and_then(Value::into_string) else {
            return Err(Error::from(format!("`{key}` must be the path of a file")));
        };
        if is_read_by_its_owner {
            dict.insert(name, Value::from(Dict::from([("file".to_owned(), Value::from(path))])));
            continue;
        }
        let text = fs::read_to_string(&path)
            .map_err(|error| Error::from(format!("`{key}`: {path} cannot be read: {error}")))?;
        dict.insert(name, Value::from(text.trim_end_matches(['\n', '\r'])));
    }
    // Certificates are read again while the process runs: their owner has to know the file.
    dict.iter_mut().try_for_each(|(key, value)| match value {
        Value::Dict(_, inner) => read_files(inner, key == "tls"),
        _ => Ok(()),
    })
}
