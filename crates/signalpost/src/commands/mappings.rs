//! `mappings`: what a destination sends, and what each was before.

mod versions;

use std::fs;

use anyhow::Context;
use serde_json::json;
use signalpost_proto::v1::{
    CreateMappingRequest, DeleteMappingRequest, GetMappingRequest, ListMappingsRequest, Mapping,
    UpdateMappingRequest,
};

use super::sources::gone;
use crate::cli::{CreateMapping, MappingArgs, MappingName, Mappings, MappingsCommand, UpdateMapping};
use crate::confirm::confirm;
use crate::control::{Control, all};
use crate::destinations::part;
use crate::exit::Failure;
use crate::json;
use crate::listing::{Listing, facts};
use crate::output::look::Look;
use crate::output::table::Cell;
use crate::output::{self, measure};

const MAPPINGS: Listing<Mapping> = Listing {
    name: "mappings",
    item: json::mapping,
    titles: &["mapping", "", "sends to", "trigger", "version"],
    row,
    none: "there are no mappings there: `signalpost mappings create SOURCE/DESTINATION/NAME`, or `signalpost apply`",
};

pub(crate) async fn run(args: &Mappings, is_json: bool) -> anyhow::Result<()> {
    let given = match &args.command {
        MappingsCommand::Create(args) => given(&args.mapping)?,
        MappingsCommand::Update(args) => given(&args.mapping)?,
        _ => Given::default(),
    };
    let control = Control::connect(&args.connection).await?;
    match &args.command {
        MappingsCommand::List { parent, limit } => {
            let listed = all(limit.limit, async |page_size, page_token| {
                let parent = parent.clone().unwrap_or_default();
                let request = ListMappingsRequest { parent, page_size, page_token };
                let page = control.answer(control.client().list_mappings(request).await).await?;
                Ok((page.mappings, page.next_page_token))
            });
            MAPPINGS.show(&listed.await?, is_json);
        }
        MappingsCommand::Show(MappingName { name }) => show(&get(&control, name).await?, is_json),
        MappingsCommand::Create(args) => create(&control, args, given, is_json).await?,
        MappingsCommand::Update(args) => update(&control, args, given, is_json).await?,
        MappingsCommand::Delete { name: MappingName { name }, confirm: given } => {
            confirm(given, name, &format!("this removes mapping {name}"))?;
            let request = DeleteMappingRequest { name: name.clone() };
            control.answer(control.client().delete_mapping(request).await).await?;
            gone("mapping", name, is_json);
        }
        MappingsCommand::Enable(names) => enable(&control, &names.names, true, is_json).await?,
        MappingsCommand::Disable(names) => enable(&control, &names.names, false, is_json).await?,
        MappingsCommand::Versions { name: MappingName { name }, limit } => {
            versions::list(&control, name, limit.limit, is_json).await?;
        }
        MappingsCommand::Diff { name: MappingName { name }, old, new } => {
            versions::diff(&control, name, *old, *new, is_json).await?;
        }
        MappingsCommand::Restore { name: MappingName { name }, version } => {
            versions::restore(&control, name, *version, is_json).await?;
        }
    }
    Ok(())
}

async fn get(control: &Control, name: &str) -> anyhow::Result<Mapping> {
    let request = GetMappingRequest { name: name.to_owned() };
    let answer = control.answer(control.client().get_mapping(request).await).await?;
    answer.mapping.context("the server told nothing about it")
}

/// The texts that were given.
#[derive(Default)]
struct Given {
    trigger: Option<String>,
    fields_json: Option<String>,
}

/// The trigger and the fields as given; mistakes and warnings are told at their place before anything is asked of the
/// server, which would only say them again.
fn given(args: &MappingArgs) -> anyhow::Result<Given> {
    let trigger = match (&args.trigger, &args.trigger_file) {
        (Some(trigger), _) => Some(trigger.clone()),
        (None, Some(file)) => {
            let text = fs::read_to_string(file)
                .with_context(|| format!("reading {}", file.display()))
                .map_err(Failure::input)?;
            Some(text.trim().to_owned())
        }
        (None, None) => None,
    };
    if let Some(trigger) = &trigger {
        part::trigger(trigger, args.trigger_file.as_deref())?;
    }
    let fields = args.fields.as_deref().map(part::fields).transpose()?;
    Ok(Given { trigger, fields_json: fields.map(|fields| fields.to_string()) })
}

async fn create(control: &Control, args: &CreateMapping, given: Given, is_json: bool) -> anyhow::Result<()> {
    let Given { trigger: Some(trigger), fields_json: Some(fields_json) } = given else {
        return Err(Failure::usage(anyhow::anyhow!(
            "a mapping needs a trigger and fields: --trigger 'type = \"track\"' (or --trigger-file) and --fields FILE, \
             which says at least where to: {{\"url\": \"https://…\"}}"
        )));
    };
    let enabled = args.disabled.then_some(false);
    let request = CreateMappingRequest { name: args.name.clone(), trigger, fields_json, enabled };
    let made = control.answer(control.client().create_mapping(request).await).await?;
    show(&made.mapping.unwrap_or_default(), is_json);
    Ok(())
}

async fn update(control: &Control, args: &UpdateMapping, given: Given, is_json: bool) -> anyhow::Result<()> {
    let Given { trigger, fields_json } = given;
    let before = get(control, &args.name).await?;
    let request = UpdateMappingRequest {
        name: args.name.clone(),
        // What is shown as the difference must be the difference.
        expected_version: if args.expect == 0 { before.version } else { args.expect },
        new_name: args.rename.clone(),
        enabled: None,
        trigger,
        fields_json,
    };
    let changed = control.answer(control.client().update_mapping(request).await).await?;
    let after = changed.mapping.unwrap_or_default();
    if is_json {
        output::document(&json::mapping(&after));
    } else {
        output::line(versions::difference(&before, &after));
    }
    Ok(())
}

async fn enable(control: &Control, names: &[String], enabled: bool, is_json: bool) -> anyhow::Result<()> {
    let mut changed = Vec::new();
    for name in names {
        let request =
            UpdateMappingRequest { name: name.clone(), enabled: Some(enabled), ..Default::default() };
        let answer = control.answer(control.client().update_mapping(request).await).await?;
        if is_json {
            changed.extend(answer.mapping.as_ref().map(json::mapping));
        } else {
            output::line(format_args!("mapping {name} is {}", if enabled { "enabled" } else { "disabled" }));
        }
    }
    if is_json {
        output::document(&json!({ "mappings": changed }));
    }
    Ok(())
}

/// The texts of a mapping, for people.
pub(super) fn show(mapping: &Mapping, is_json: bool) {
    let value = json::mapping(mapping);
    if is_json {
        output::document(&value);
        return;
    }
    let paused = mapping.paused_at.map(|at| {
        let why = if mapping.paused_why.is_empty() {
            String::new()
        } else {
            format!(": {}", output::clean(&mapping.paused_why))
        };
        Look::Odd.paint(format_args!("since {}{why}", measure::at(Some(at))))
    });
    output::line(facts(&[
        ("mapping", Look::Strong.paint(&mapping.name)),
        ("number", format!("{} ({} of its destination)", mapping.mapping_id, mapping.position)),
        ("enabled", if mapping.enabled { "yes".to_owned() } else { Look::Odd.paint("no") }),
        ("paused", paused.unwrap_or_default()),
        ("trigger", output::clean(&mapping.trigger).into_owned()),
        ("fields", format!("{:#}", value["fields"])),
        ("version", mapping.version.to_string()),
    ]));
}

fn row(mapping: &Mapping) -> Vec<Cell> {
    let (word, look) = match (mapping.enabled, mapping.paused_at.is_some()) {
        (true, false) => ("enabled", Look::Good),
        (true, true) => ("paused", Look::Odd),
        (false, false) => ("disabled", Look::Odd),
        (false, true) => ("disabled, paused", Look::Odd),
    };
    let fields = serde_json::from_str::<serde_json::Value>(&mapping.fields_json).unwrap_or_default();
    let url = fields["url"].as_str().map_or_else(|| fields["url"].to_string(), str::to_owned);
    vec![
        Cell::new(&mapping.name).look(Look::Strong),
        Cell::new(word).look(look),
        Cell::new(url),
        Cell::new(&mapping.trigger),
        Cell::number(mapping.version.to_string()),
    ]
}
