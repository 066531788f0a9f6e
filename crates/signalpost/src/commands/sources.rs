//! `sources`: whoever sends events.

use serde_json::json;
use signalpost_proto::v1::{
    CreateSourceRequest, DeleteSourceRequest, GetSourceRequest, ListSourcesRequest, Source,
    UpdateSourceRequest,
};

use super::keys;
use crate::cli::{SourceName, Sources, SourcesCommand};
use crate::confirm::confirm;
use crate::control::{Control, all};
use crate::json;
use crate::listing::{Listing, facts};
use crate::output::look::Look;
use crate::output::table::Cell;
use crate::output::{self, measure};

const SOURCES: Listing<Source> = Listing {
    name: "sources",
    item: json::source,
    titles: &["source", "write keys", "made (UTC)"],
    row,
    none: "there are no sources yet: `signalpost sources create NAME`, or `signalpost apply`",
};

pub(crate) async fn run(args: &Sources, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    match &args.command {
        SourcesCommand::List(limit) => {
            let listed = all(limit.limit, async |page_size, page_token| {
                let request = ListSourcesRequest { page_size, page_token };
                let page = control.answer(control.client().list_sources(request).await).await?;
                Ok((page.sources, page.next_page_token))
            });
            SOURCES.show(&listed.await?, is_json);
        }
        SourcesCommand::Show(SourceName { name }) => show(&get(&control, name).await?, is_json),
        SourcesCommand::Create { name } => {
            let request = CreateSourceRequest { name: name.clone() };
            let made = control.answer(control.client().create_source(request).await).await?;
            show(&made.source.unwrap_or_default(), is_json);
            output::aside(format_args!("its senders need a write key: signalpost keys create {name}"));
        }
        SourcesCommand::Update { name, rename } => {
            let request = UpdateSourceRequest { name: name.clone(), new_name: rename.clone() };
            let changed = control.answer(control.client().update_source(request).await).await?;
            show(&changed.source.unwrap_or_default(), is_json);
        }
        SourcesCommand::Delete { name: SourceName { name }, confirm: given } => {
            confirm(given, name, &format!("this removes source {name} and all below it"))?;
            let request = DeleteSourceRequest { name: name.clone() };
            control.answer(control.client().delete_source(request).await).await?;
            gone("source", name, is_json);
        }
    }
    Ok(())
}

/// A source with its write keys.
pub(crate) async fn get(control: &Control, name: &str) -> anyhow::Result<Source> {
    let request = GetSourceRequest { name: name.to_owned() };
    let answer = control.answer(control.client().get_source(request).await).await?;
    Ok(answer.source.unwrap_or_default())
}

/// Says that something was removed.
pub(crate) fn gone(kind: &str, name: &str, is_json: bool) {
    if is_json {
        output::document(&json!({ "removed": { "kind": kind, "name": name } }));
    } else {
        output::line(format_args!("{kind} {name} is removed"));
    }
}

fn show(source: &Source, is_json: bool) {
    if is_json {
        output::document(&json::source(source));
        return;
    }
    output::line(facts(&[("source", source.name.clone()), ("made", measure::at(source.created_at))]));
    if !source.write_keys.is_empty() {
        output::line(format_args!("\n{}", keys::table(&source.write_keys)));
    }
}

fn row(source: &Source) -> Vec<Cell> {
    let valid = source.write_keys.iter().filter(|key| keys::is_valid(key)).count();
    let look = if valid == 0 { Look::Odd } else { Look::Plain };
    vec![
        Cell::new(&source.name).look(Look::Strong),
        Cell::number(valid.to_string()).look(look),
        Cell::new(measure::at(source.created_at)),
    ]
}
