//! Check: what core says about a trigger and a mapping's fields, told at its place in the user's file.

use std::ops::Range;

use serde_json::Value;
use signalpost_core::json::Numbers;
use signalpost_core::payload::Recipe;
use signalpost_core::trigger::{self, Severity};

use super::problem::{Files, Problem};
use super::tree::{Place, Tree};

/// Tells what is wrong with a trigger, and where it does not do what it seems to say.
pub(super) fn trigger(text: &str, place: &Place, files: &Files, problems: &mut Vec<Problem>) {
    for lint in trigger::lint(text) {
        let place = within(&lint.span, text, place, files);
        let mut problem = match lint.severity {
            Severity::Error => Problem::error(place, &lint.message),
            Severity::Warning => Problem::warning(place, &lint.message),
            Severity::Note => continue,
        };
        if let Some(help) = lint.help {
            problem.push_help(help);
        }
        problems.push(problem);
    }
}

/// The place of a part of a text, when the text stands in the file as it is; else the text's place.
fn within(span: &Range<usize>, text: &str, place: &Place, files: &Files) -> Place {
    match files.at(place).find(text).filter(|_| !text.is_empty()) {
        Some(at) => {
            let start = place.span.start + at;
            Place { file: place.file, span: start + span.start..start + span.end }
        }
        None => place.clone(),
    }
}

/// The fields with their defaults; tells what is wrong with them.
pub(super) fn fields(tree: &Tree, numbers: Numbers, problems: &mut Vec<Problem>) -> Value {
    let fields = Recipe::with_defaults(tree.to_json());
    if let Err(mistakes) = Recipe::compile(&fields, numbers) {
        problems.extend(
            mistakes.iter().map(|mistake| Problem::error(tree.place_of(&mistake.path), &mistake.message)),
        );
    }
    fields
}
