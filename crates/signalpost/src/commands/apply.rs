//! `apply`: makes what is configured what a file says, and shows what that changes.

use serde_json::json;
use signalpost_storage::{Change, ChangeKind, FieldChange, StorageError};

use crate::cli::Apply;
use crate::config::Settings;
use crate::destinations;
use crate::exit::Failure;
use crate::output;
use crate::process::{self, Role};

pub(crate) async fn run(settings: &Settings, args: &Apply, is_json: bool) -> anyhow::Result<()> {
    let variables = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let loaded = destinations::load(&args.file, &variables)?;
    if let Some(warnings) = &loaded.warnings {
        eprintln!("{warnings}\n");
    }
    if args.check {
        output::line(format_args!("{} can be applied", args.file.display()));
        return Ok(());
    }
    let keys = process::sealing_keys(settings)?;
    let storage = process::storage(settings, Role::Both)?;
    storage.ready().await.map_err(unready)?;
    let changes = storage.catalog().apply(&loaded.wanted, &keys, args.prune, args.dry_run).await;
    let changes = changes.map_err(|error| match &error {
        signalpost_storage::ApplyError::Storage(inner) if inner.is_transient() => Failure::unavailable(error),
        signalpost_storage::ApplyError::Seal { .. } => Failure::usage(anyhow::Error::from(error).context(
            "set secrets.sealing_keys, or SIGNALPOST_SECRETS__SEALING_KEYS_FILE in the environment",
        )),
        signalpost_storage::ApplyError::Storage(_) => error.into(),
        _ => Failure::input(error),
    })?;
    show(&changes, args, is_json);
    Ok(())
}

fn unready(error: StorageError) -> anyhow::Error {
    Failure::unavailable(error)
}

fn show(changes: &[Change], args: &Apply, is_json: bool) {
    if is_json {
        let changes: Vec<_> = changes.iter().map(as_json).collect();
        output::document(&json!({ "dry_run": args.dry_run, "changes": changes }));
        return;
    }
    for change in changes {
        output::line(as_text(change));
    }
    let made = changes.iter().filter(|change| change.kind != ChangeKind::Unlisted).count();
    output::line(match (made, args.dry_run) {
        (0, _) => "nothing to change".to_owned(),
        (made, true) => format!("{made} to change; nothing was changed (--dry-run)"),
        (made, false) => format!("{made} changed; running processes take it up within a second"),
    });
}

/// As a difference is usually written: a sign, what it is about, then the settings that differ.
pub(crate) fn as_text(change: &Change) -> String {
    let (sign, remark) = match change.kind {
        ChangeKind::Created => ('+', ""),
        ChangeKind::Updated => ('~', ""),
        ChangeKind::Removed => ('-', ""),
        ChangeKind::Unlisted => ('?', "  is configured, but not in the file; --prune removes it"),
    };
    let mut text = format!("{sign} {}{remark}", change.what);
    for FieldChange { name, before, after } in &change.fields {
        let line = match (before, after) {
            (Some(before), Some(after)) => format!("\n    {name}: {before} → {after}"),
            (None, Some(after)) => format!("\n    {name}: {after}"),
            (Some(before), None) => format!("\n    {name}: {before} removed"),
            (None, None) => String::new(),
        };
        text.push_str(&line);
    }
    text
}

fn as_json(change: &Change) -> serde_json::Value {
    let kind = match change.kind {
        ChangeKind::Created => "created",
        ChangeKind::Updated => "updated",
        ChangeKind::Removed => "removed",
        ChangeKind::Unlisted => "unlisted",
    };
    let fields = change.fields.iter();
    let fields: Vec<_> = fields
        .map(|field| json!({ "name": field.name, "before": field.before, "after": field.after }))
        .collect();
    json!({ "kind": kind, "what": change.what, "fields": fields })
}
