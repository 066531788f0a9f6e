//! Configuration: the whole of it, as a destinations file, in and out.
//!
//! Invariants: what is exported can be applied, and then changes nothing; no secret is exported.

mod export;

use signalpost_proto::v1;
use signalpost_storage::{Change, ChangeKind, NameKey, Scope};
use tonic::Status;

use crate::service::Call;
use crate::{names, status};

/// So many of each are read at a time.
const STEP: i64 = 500;

pub(crate) async fn apply(call: &Call<'_>, request: v1::ApplyRequest) -> Result<v1::ApplyResponse, Status> {
    let wanted = call.read_destinations(&request.destinations_json).map_err(status::violations)?;
    let catalog = call.catalog();
    let changes = catalog.apply_as(&call.actor(), &wanted, call.keys(), request.prune, request.dry_run).await;
    let changes = changes.map_err(status::apply)?.into_iter().map(shown);
    Ok(v1::ApplyResponse { changes: changes.collect() })
}

fn shown(change: Change) -> v1::Change {
    let kind = match change.kind {
        ChangeKind::Created => v1::ChangeKind::Created,
        ChangeKind::Updated => v1::ChangeKind::Updated,
        ChangeKind::Removed => v1::ChangeKind::Removed,
        ChangeKind::Unlisted => v1::ChangeKind::Unlisted,
    };
    let fields = change.fields.into_iter().map(|field| v1::FieldChange {
        name: field.name.to_owned(),
        before: field.before,
        after: field.after,
    });
    v1::Change { kind: kind.into(), what: change.what, fields: fields.collect() }
}

pub(crate) async fn export(
    call: &Call<'_>,
    request: v1::ExportRequest,
) -> Result<v1::ExportResponse, Status> {
    let only = match request.source.as_str() {
        "" => None,
        name => Some(names::source("source", name)?),
    };
    let catalog = call.catalog();
    let scope = Scope { source: only.clone(), ..Scope::default() };
    let mut all = export::Everything::default();
    let mut after = String::new();
    loop {
        let page = catalog.sources(only.as_deref(), &after, STEP).await.map_err(status::storage)?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.name);
        all.sources.extend(page);
    }
    if let (Some(name), true) = (&only, all.sources.is_empty()) {
        return Err(status::not_found(&format!("source {name}")));
    }
    let mut after = NameKey::default();
    loop {
        let page = catalog.destinations(&scope, &after, STEP).await.map_err(status::storage)?;
        let Some(last) = page.last() else { break };
        after = [last.source.clone(), last.name.clone(), String::new()];
        all.destinations.extend(page);
    }
    let mut after = NameKey::default();
    loop {
        let page = catalog.mappings(&scope, &after, STEP).await.map_err(status::storage)?;
        let Some(last) = page.last() else { break };
        after = [last.source.clone(), last.destination.clone(), last.name.clone()];
        all.mappings.extend(page);
    }
    Ok(v1::ExportResponse { destinations_toml: all.to_toml() })
}
