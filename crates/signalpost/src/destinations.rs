//! Destinations: the file in which people say what to deliver, and where it is wrong.
//!
//! Invariants: all mistakes are told at once, each at its place; what is returned can be applied; secrets are read from
//! where the file says they are and stand nowhere else.

mod certificates;
mod check;
mod formats;
pub(crate) mod part;
mod problem;
mod read;
mod remote;
mod tree;
mod write;

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Context;
use signalpost_storage::Wanted;

use crate::exit::Failure;
use problem::{Files, Problem, Severity};
use read::Reader;
pub(crate) use remote::read_json;
pub(crate) use write::to_json;

/// A file that can be applied.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What it wants.
    pub(crate) wanted: Wanted,
    /// What should be looked at all the same, ready to be shown.
    pub(crate) warnings: Option<String>,
}

/// A file that cannot be applied; shows every problem at its place.
#[derive(Debug)]
struct Refused {
    shown: String,
    errors: usize,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mistakes = if self.errors == 1 { "mistake" } else { "mistakes" };
        write!(out, "{} {mistakes} in the file\n\n{}", self.errors, self.shown)
    }
}

impl std::error::Error for Refused {}

/// Reads and checks a destinations file. `variables` is the environment.
pub(crate) fn load(path: &Path, variables: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Loaded> {
    let text = text_of(path)?;
    let name = if is_standard_input(path) { Path::new("standard input") } else { path };
    load_text(name, text, variables)
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// What a file holds, or standard input when it is called `-`.
fn text_of(path: &Path) -> anyhow::Result<String> {
    if is_standard_input(path) {
        std::io::read_to_string(std::io::stdin()).context("reading standard input").map_err(Failure::input)
    } else {
        fs::read_to_string(path)
            .with_context(|| format!("reading {}", path.display()))
            .map_err(Failure::input)
    }
}

/// The same for a text that is already read.
pub(crate) fn load_text(
    path: &Path,
    text: String,
    variables: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<Loaded> {
    let mut files = Files::default();
    let file = files.add(path.to_owned(), text);
    let (wanted, problems) = match formats::parse(path, file, files.text(file)) {
        Err(problem) => (Wanted::default(), vec![problem]),
        Ok(tree) => {
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            let mut reader = Reader::new(&mut files, folder, variables);
            let wanted = reader.wanted(&tree);
            (wanted, reader.problems)
        }
    };
    verdict(&files, &problems, wanted)
}

/// What was read, unless something is wrong with it.
fn verdict(files: &Files, problems: &[Problem], wanted: Wanted) -> anyhow::Result<Loaded> {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let shown = (!problems.is_empty()).then(|| files.render(problems));
    match shown {
        Some(shown) if errors > 0 => Err(Failure::input(Refused { shown, errors })),
        warnings => Ok(Loaded { wanted, warnings }),
    }
}

/// The line of a setting in a file, counted from 1.
pub(crate) fn line_of(file: &Path, setting: &[String]) -> Option<usize> {
    let text = fs::read_to_string(file).ok()?;
    let tree = formats::parse(file, 0, &text).ok()?;
    let mut found = (&tree, 0);
    for key in setting {
        let member = found.0.members().iter().find(|member| member.key == *key)?;
        found = (&member.value, member.key_place.span.start);
    }
    Some(text.get(..found.1)?.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests;
