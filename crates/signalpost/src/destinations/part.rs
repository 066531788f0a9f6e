//! Part: a part of a destinations file that stands alone: the fields of a mapping, a trigger, a table of settings.

use std::path::{Path, PathBuf};

use serde_json::Value;
use signalpost_core::json::Numbers;

use super::problem::{Files, Problem};
use super::tree::{Place, Tree};
use super::{Loaded, check, formats, verdict};

/// A mapping's fields, with their defaults, from a JSON, TOML or YAML file; `-` is JSON on standard input.
pub(crate) fn fields(path: &Path) -> anyhow::Result<Value> {
    let mut files = Files::default();
    let tree = tree(path, &mut files)?;
    let mut problems = Vec::new();
    let fields = check::fields(&tree, Numbers::default(), &mut problems);
    told(&files, &problems)?;
    Ok(fields)
}

/// A table of settings, unchecked: whoever takes it knows what is accepted.
pub(crate) fn table(path: &Path) -> anyhow::Result<Value> {
    Ok(tree(path, &mut Files::default())?.to_json())
}

/// What a file holds, without the line end that editors leave behind.
pub(crate) fn text(path: &Path) -> anyhow::Result<String> {
    let text = super::text_of(path)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Refuses a trigger that cannot be read; warns of one that does something else than it seems to say.
pub(crate) fn trigger(text: &str, path: Option<&Path>) -> anyhow::Result<()> {
    let mut files = Files::default();
    let file = files.add(path.map_or_else(|| PathBuf::from("--trigger"), Path::to_owned), text.to_owned());
    let place = Place { file, span: 0..text.len() };
    let mut problems = Vec::new();
    check::trigger(text, &place, &files, &mut problems);
    told(&files, &problems)
}

fn tree(path: &Path, files: &mut Files) -> anyhow::Result<Tree> {
    let text = super::text_of(path)?;
    let is_standard_input = super::is_standard_input(path);
    let path = if is_standard_input { PathBuf::from("standard-input.json") } else { path.to_owned() };
    let file = files.add(path.clone(), text);
    let parsed = formats::parse(&path, file, files.text(file));
    parsed.or_else(|problem| {
        told(files, &[problem])?;
        anyhow::bail!("{} cannot be read", path.display())
    })
}

/// Warnings go to standard error.
fn told(files: &Files, problems: &[Problem]) -> anyhow::Result<()> {
    let Loaded { warnings, .. } = verdict(files, problems, signalpost_storage::Wanted::default())?;
    if let Some(warnings) = warnings {
        crate::output::aside(warnings);
    }
    Ok(())
}
