//! The difference that an apply made, for people and for programs.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};
use signalpost_proto::v1::{Change, ChangeKind, FieldChange};
use signalpost_storage::Wanted;

use crate::diff;
use crate::output::look::Look;
use crate::output::{self, clean};

/// Longer values are compared line by line.
const SHORT: usize = 60;

/// The database's difference as the contract writes it.
pub(super) fn from_storage(change: signalpost_storage::Change) -> Change {
    let kind = match change.kind {
        signalpost_storage::ChangeKind::Created => ChangeKind::Created,
        signalpost_storage::ChangeKind::Updated => ChangeKind::Updated,
        signalpost_storage::ChangeKind::Removed => ChangeKind::Removed,
        signalpost_storage::ChangeKind::Unlisted => ChangeKind::Unlisted,
    };
    let fields = change.fields.into_iter();
    let fields = fields.map(|field| FieldChange {
        name: field.name.to_string(),
        before: field.before,
        after: field.after,
    });
    Change { kind: kind.into(), what: change.what, fields: fields.collect() }
}

/// A file that can be applied, and what it lists.
pub(super) fn checked(file: &Path, wanted: &Wanted, is_json: bool) {
    if !is_json {
        output::line(format_args!("{} can be applied", file.display()));
        return;
    }
    let destinations = || wanted.sources.iter().flat_map(|source| &source.destinations);
    output::document(&json!({
        "file": file.display().to_string(),
        "can_be_applied": true,
        "sources": wanted.sources.len(),
        "destinations": destinations().count(),
        "mappings": destinations().map(|destination| destination.mappings.len()).sum::<usize>(),
    }));
}

pub(super) fn show(changes: &[Change], is_dry_run: bool, is_json: bool) {
    if is_json {
        let changes: Vec<_> = changes.iter().map(as_json).collect();
        output::document(&json!({ "dry_run": is_dry_run, "changes": changes }));
        return;
    }
    for change in changes {
        output::line(as_text(change));
    }
    let made = changes.iter().filter(|change| change.kind() != ChangeKind::Unlisted).count();
    output::line(match (made, is_dry_run) {
        (0, _) => "nothing to change".to_owned(),
        (made, true) => format!("{made} to change; nothing was changed (--dry-run)"),
        (made, false) => format!("{made} changed; running processes take it up within a second"),
    });
}

/// As a difference is usually written: a sign, what it is about, then the settings that differ.
fn as_text(change: &Change) -> String {
    let (sign, look, remark) = match change.kind() {
        ChangeKind::Created => ('+', Look::Good, ""),
        ChangeKind::Updated | ChangeKind::Unspecified => ('~', Look::Odd, ""),
        ChangeKind::Removed => ('-', Look::Bad, ""),
        ChangeKind::Unlisted => {
            ('?', Look::Faint, "  is configured, but not in the file; --prune removes it")
        }
    };
    let mut text = format!("{}{remark}", look.paint(format_args!("{sign} {}", clean(&change.what))));
    for field in &change.fields {
        text.push_str(&field_text(field));
    }
    text
}

fn field_text(field: &FieldChange) -> String {
    let name = &field.name;
    match (&field.before, &field.after) {
        (Some(before), Some(after)) if before.len() + after.len() > SHORT => {
            let lines = diff::lines(&diff::laid_out(before), &diff::laid_out(after));
            let mut text = format!("\n    {name}:");
            for line in lines.lines() {
                let _ = write!(text, "\n      {line}");
            }
            text
        }
        (Some(before), Some(after)) => {
            format!("\n    {name}: {} → {}", Look::Bad.paint(clean(before)), Look::Good.paint(clean(after)))
        }
        (None, Some(after)) => format!("\n    {name}: {}", Look::Good.paint(clean(after))),
        (Some(before), None) => format!("\n    {name}: {} removed", Look::Bad.paint(clean(before))),
        (None, None) => String::new(),
    }
}

fn as_json(change: &Change) -> Value {
    let kind = match change.kind() {
        ChangeKind::Created => "created",
        ChangeKind::Updated | ChangeKind::Unspecified => "updated",
        ChangeKind::Removed => "removed",
        ChangeKind::Unlisted => "unlisted",
    };
    let fields = change.fields.iter();
    let fields: Vec<_> = fields
        .map(|field| json!({ "name": field.name, "before": field.before, "after": field.after }))
        .collect();
    json!({ "kind": kind, "what": change.what, "fields": fields })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_compared_line_by_line() {
        let before =
            r#"{"url":"https://warehouse.example.com/orders","method":"POST","enable_batching":true}"#;
        let field = FieldChange {
            name: "fields".into(),
            before: Some(before.into()),
            after: Some(before.replace("POST", "PUT")),
        };
        let change =
            Change { kind: ChangeKind::Updated.into(), what: "mapping a/b/c".into(), fields: vec![field] };
        let shown = anstream::adapter::strip_str(&as_text(&change)).to_string();
        assert!(shown.starts_with("~ mapping a/b/c\n    fields:"), "{shown}");
        assert!(
            shown.contains("\n      -   \"method\": \"POST\",\n      +   \"method\": \"PUT\","),
            "{shown}"
        );
    }
}
