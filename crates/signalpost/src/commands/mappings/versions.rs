//! What a mapping was before each change, what differs, and the way back.

use std::fmt::Write;

use anyhow::Context;
use serde_json::json;
use signalpost_proto::v1::{ListMappingVersionsRequest, Mapping, MappingVersion, RestoreMappingRequest};

use crate::control::{Control, Listed, all};
use crate::diff;
use crate::json;
use crate::listing::Listing;
use crate::output::look::Look;
use crate::output::table::Cell;
use crate::output::{self, measure};

/// Far more than anybody changes a mapping.
const VERSIONS_MAX: usize = 100_000;

const VERSIONS: Listing<MappingVersion> = Listing {
    name: "versions",
    item: json::mapping_version,
    titles: &["version", "since (UTC)", "by", "", "trigger"],
    row,
    none: "no versions are kept of it",
};

pub(super) async fn list(control: &Control, name: &str, limit: usize, is_json: bool) -> anyhow::Result<()> {
    VERSIONS.show(&versions(control, name, limit).await?, is_json);
    Ok(())
}

async fn versions(control: &Control, name: &str, limit: usize) -> anyhow::Result<Listed<MappingVersion>> {
    all(limit, async |page_size, page_token| {
        let request = ListMappingVersionsRequest { name: name.to_owned(), page_size, page_token };
        let page = control.answer(control.client().list_mapping_versions(request).await).await?;
        Ok((page.versions, page.next_page_token))
    })
    .await
}

pub(super) async fn diff(
    control: &Control,
    name: &str,
    old: Option<i64>,
    new: Option<i64>,
    is_json: bool,
) -> anyhow::Result<()> {
    let all = versions(control, name, VERSIONS_MAX).await?.items;
    let of = |version: &MappingVersion| version.mapping.clone().unwrap_or_default();
    let place = |wanted: i64| {
        let place = all.iter().position(|version| of(version).version == wanted);
        place
            .with_context(|| format!("{name} has no version {wanted}: `signalpost mappings versions {name}`"))
    };
    // Newest first: what was before is the next.
    let newer = new.map_or(Ok(0), place)?;
    let older = old.map_or(Ok(newer + 1), place)?;
    let (Some(before), Some(after)) = (all.get(older).map(of), all.get(newer).map(of)) else {
        anyhow::bail!("{name} has no version before this one");
    };
    if is_json {
        output::document(&json!({ "old": json::mapping(&before), "new": json::mapping(&after) }));
    } else {
        output::line(difference(&before, &after));
    }
    Ok(())
}

pub(super) async fn restore(
    control: &Control,
    name: &str,
    version: i64,
    is_json: bool,
) -> anyhow::Result<()> {
    let before = super::get(control, name).await?;
    let request = RestoreMappingRequest { name: name.to_owned(), version };
    let restored = control.answer(control.client().restore_mapping(request).await).await?;
    let after = restored.mapping.unwrap_or_default();
    if is_json {
        output::document(&json::mapping(&after));
    } else {
        output::line(difference(&before, &after));
    }
    Ok(())
}

/// What differs between two states of a mapping, in words and lines.
pub(super) fn difference(before: &Mapping, after: &Mapping) -> String {
    let mut out = format!(
        "{} {}",
        Look::Strong.paint(&after.name),
        Look::Faint.paint(format_args!("version {} → {}", before.version, after.version))
    );
    let is_enabled = |mapping: &Mapping| if mapping.enabled { "enabled" } else { "disabled" };
    for (was, is) in [(before.name.as_str(), after.name.as_str()), (is_enabled(before), is_enabled(after))] {
        if was != is {
            let _ = write!(
                out,
                "\n{}\n{}",
                Look::Bad.paint(format_args!("- {was}")),
                Look::Good.paint(format_args!("+ {is}"))
            );
        }
    }
    for (title, was, is) in
        [("trigger", &before.trigger, &after.trigger), ("fields", &before.fields_json, &after.fields_json)]
    {
        let lines = diff::lines(&diff::laid_out(was), &diff::laid_out(is));
        if !lines.is_empty() {
            let _ = write!(out, "\n{title}\n{lines}");
        }
    }
    if !out.contains('\n') {
        out.push_str("\nnothing differs");
    }
    out
}

fn row(version: &MappingVersion) -> Vec<Cell> {
    let mapping = version.mapping.clone().unwrap_or_default();
    let (word, look) = if mapping.enabled { ("enabled", Look::Plain) } else { ("disabled", Look::Odd) };
    vec![
        Cell::number(mapping.version.to_string()),
        Cell::new(measure::at(version.changed_at)),
        Cell::new(&version.changed_by).look(Look::Strong),
        Cell::new(word).look(look),
        Cell::new(&mapping.trigger),
    ]
}
