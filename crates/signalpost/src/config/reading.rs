//! Reading: the layers put together, with what went wrong on the way and where each value came from.
//!
//! Invariants: reading goes on after a mistake, so that all of them are told; a secret is never part of what is told.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use signalpost_dispatcher::transport::ProxyVariables;

use super::layers::{Flags, FromFiles, Variables};
use super::{Settings, explain, file};
use crate::cli::SettingsArgs;
use crate::exit::Failure;

/// What the `…_file` settings led to.
#[derive(Default)]
pub(super) struct Files {
    /// Setting to the file that holds its value.
    pub(super) paths: BTreeMap<String, PathBuf>,
    pub(super) mistakes: Vec<String>,
}

/// All layers of a process.
pub(super) struct Reading {
    pub(super) layers: Figment,
    pub(super) files: Files,
    proxy_variables: ProxyVariables,
}

impl Reading {
    /// Reads every layer; what can't be read at all is an error.
    pub(super) fn new(
        args: &SettingsArgs,
        variables: impl Iterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let variables: HashMap<String, String> = variables.collect();
        let proxy_variables = ProxyVariables::of(|name| variables.get(name).cloned());
        let variables = Variables::new(variables.into_iter()).map_err(Failure::usage)?;
        let flags = Flags::new(args).map_err(Failure::usage)?;
        let files = RefCell::new(Files::default());
        let mut layers = Figment::new();
        if let Some(file) = file(args)? {
            layers = layers.merge(FromFiles(Toml::file_exact(file), &files));
        }
        let layers = layers
            .merge(FromFiles(variables.database_url(), &files))
            .merge(FromFiles(variables, &files))
            .merge(FromFiles(flags, &files));
        Ok(Self { layers, files: files.into_inner(), proxy_variables })
    }

    /// The settings as far as they can be used, and every mistake.
    pub(super) fn settings(&self) -> (Settings, Vec<String>) {
        let mut mistakes = self.files.mistakes.clone();
        let leaves = self.leaves().unwrap_or_else(|unreadable| {
            mistakes.push(unreadable);
            Vec::new()
        });
        let mut usable = Figment::new();
        for leaf in &leaves {
            let alone = Figment::from(Alone(leaf));
            match alone.extract::<Settings>() {
                Ok(_) => usable = usable.merge(Alone(leaf)),
                Err(error) => mistakes.push(explain::explain(error, &self.layers)),
            }
        }
        let mut settings = usable.extract::<Settings>().unwrap_or_else(|error| {
            mistakes.push(explain::explain(error, &self.layers));
            Settings::default()
        });
        settings.dispatcher.proxy_variables = self.proxy_variables.clone();
        mistakes.extend(settings.mistakes());
        (settings, mistakes)
    }

    /// Everything that is set, with its path.
    pub(super) fn leaves(&self) -> Result<Vec<Leaf>, String> {
        let all = self.layers.data().map_err(|error| explain::explain(error, &self.layers))?;
        let mut leaves = Vec::new();
        for dict in all.into_values() {
            collect(dict, &mut Vec::new(), &mut leaves);
        }
        Ok(leaves)
    }
}

/// A value that is set.
pub(super) struct Leaf {
    pub(super) path: Vec<String>,
    pub(super) value: Value,
}

/// The parts of `tls` only make sense together: it counts as one value.
fn collect(dict: Dict, path: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    for (key, value) in dict {
        path.push(key);
        match value {
            Value::Dict(_, inner) if path.last().is_none_or(|key| key != "tls") => {
                collect(inner, path, leaves);
            }
            value => leaves.push(Leaf { path: path.clone(), value }),
        }
        path.pop();
    }
}

/// One value as a layer of its own.
struct Alone<'a>(&'a Leaf);

impl Provider for Alone<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::default()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut value = self.0.value.clone();
        for key in self.0.path.iter().skip(1).rev() {
            value = Value::from(Dict::from([(key.clone(), value)]));
        }
        let section = self.0.path.first().cloned().unwrap_or_default();
        Ok(Profile::Default.collect(Dict::from([(section, value)])))
    }
}
