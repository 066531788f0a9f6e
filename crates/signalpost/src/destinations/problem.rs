//! Problem: what is wrong in a user's file, shown at its place with a caret.

use std::io::IsTerminal;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::tree::Place;

/// Whether it can be lived with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Error,
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) severity: Severity,
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) help: Vec<String>,
}

impl Problem {
    pub(crate) fn error(place: Place, message: &str) -> Problem {
        Problem { severity: Severity::Error, place, message: message.to_owned(), help: Vec::new() }
    }

    pub(crate) fn warning(place: Place, message: &str) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(place, message) }
    }

    #[must_use]
    pub(crate) fn help(mut self, text: impl Into<String>) -> Problem {
        self.push_help(text);
        self
    }

    pub(crate) fn push_help(&mut self, text: impl Into<String>) {
        self.help.push(text.into());
    }
}

/// The files that were read, which places speak of by their number.
#[derive(Debug, Default)]
pub(crate) struct Files(Vec<(PathBuf, String)>);

impl Files {
    pub(crate) fn add(&mut self, path: PathBuf, text: String) -> usize {
        self.0.push((path, text));
        self.0.len() - 1
    }

    pub(crate) fn text(&self, file: usize) -> &str {
        &self.0[file].1
    }

    /// What stands at a place.
    pub(crate) fn at(&self, place: &Place) -> &str {
        &self.text(place.file)[place.span.clone()]
    }

    /// All problems as people read them.
    pub(crate) fn render(&self, problems: &[Problem]) -> String {
        let renderer = if std::io::stderr().is_terminal() { Renderer::styled() } else { Renderer::plain() };
        let shown: Vec<String> = problems.iter().map(|problem| self.render_one(&renderer, problem)).collect();
        shown.join("\n\n")
    }

    fn render_one(&self, renderer: &Renderer, problem: &Problem) -> String {
        let (path, text) = &self.0[problem.place.file];
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let annotation = AnnotationKind::Primary.span(one_line(text, &problem.place));
        let snippet = Snippet::source(text.as_str()).path(path.to_string_lossy()).annotation(annotation);
        let mut group: Group<'_> = level.primary_title(problem.message.as_str()).element(snippet);
        for help in &problem.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

/// The first line of a place: a mistake in a table need not show the whole table.
fn one_line(text: &str, place: &Place) -> std::ops::Range<usize> {
    let start = place.span.start.min(text.len());
    let end = place.span.end.clamp(start, text.len());
    let line = text[start..end].lines().next().unwrap_or_default();
    start..start + line.trim_end().len()
}
