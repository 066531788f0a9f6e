//! Mapping: what is previewed, from a mapping alone or from a destinations file.

use std::fs;

use anyhow::Context;
use serde_json::Value;
use signalpost_core::json::Numbers;
use signalpost_core::payload::Recipe;
use signalpost_core::secret::Secret;
use signalpost_core::signature::{SignatureMode, Signer, Signers, WebhookSigner};
use signalpost_storage::{Secrets, WantedDestination, WantedMapping};

use crate::cli::Preview;
use crate::destinations;
use crate::exit::Failure;

pub(super) struct Mapping {
    pub(super) fields: Value,
    pub(super) trigger: Option<String>,
    pub(super) numbers: Numbers,
    pub(super) signers: Signers,
}

pub(super) fn read(args: &Preview) -> anyhow::Result<Mapping> {
    let path = &args.mapping;
    let text = fs::read_to_string(path)
        .with_context(|| format!("reading {}", path.display()))
        .map_err(Failure::input)?;
    let given = args.secret.clone().filter(|secret| !secret.is_empty()).map(Secret::new);
    let signature = SignatureMode::from(args.signature);
    // A mapping has a `url`; a destinations file has sources.
    if let Ok(fields @ Value::Object(_)) = serde_json::from_str::<Value>(&text)
        && ["source", "sources"].iter().all(|key| fields.get(key).is_none())
    {
        return Ok(Mapping {
            fields: Recipe::with_defaults(fields),
            trigger: args.trigger.clone(),
            numbers: Numbers::Ecmascript,
            signers: Signers {
                shared: given.as_ref().map(Signer::new),
                mode: signature,
                ..Signers::default()
            },
        });
    }
    let variables = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let loaded = destinations::load_text(path, text, &variables)?;
    let mut all = Vec::new();
    for source in &loaded.wanted.sources {
        for destination in &source.destinations {
            let name =
                |mapping: &WantedMapping| format!("{}/{}/{}", source.name, destination.name, mapping.name);
            all.extend(destination.mappings.iter().map(|mapping| (name(mapping), destination, mapping)));
        }
    }
    let (_, destination, mapping) = choose(&all, args.name.as_deref())?;
    Ok(Mapping {
        fields: mapping.fields.clone(),
        trigger: args.trigger.clone().or_else(|| Some(mapping.trigger.clone())),
        numbers: destination.numbers,
        signers: signers(given.as_ref(), destination)?,
    })
}

fn signers(given: Option<&Secret>, destination: &WantedDestination) -> anyhow::Result<Signers> {
    let Secrets { previous_shared_secret, webhook_secret, previous_webhook_secret, .. } =
        &destination.secrets;
    let webhook = WebhookSigner::new(webhook_secret.iter().chain(previous_webhook_secret));
    Ok(Signers {
        shared: given.or(destination.shared_secret.as_ref()).map(Signer::new),
        previous: previous_shared_secret.as_ref().map(Signer::new),
        mode: destination.signature,
        webhook: webhook.context("a webhook secret").map_err(Failure::input)?,
    })
}

type Named<'a> = (String, &'a WantedDestination, &'a WantedMapping);

fn choose<'a>(all: &'a [Named<'a>], wanted: Option<&str>) -> anyhow::Result<&'a Named<'a>> {
    let fits = |(full, _, mapping): &&Named<'_>| {
        wanted.is_none_or(|wanted| wanted == full || wanted == mapping.name)
    };
    let found: Vec<&Named<'_>> = all.iter().filter(fits).collect();
    if let [one] = found[..] {
        return Ok(one);
    }
    let names: Vec<&str> = all.iter().map(|(full, ..)| full.as_str()).collect();
    let names = names.join(", ");
    Err(Failure::usage(match wanted {
        None => anyhow::anyhow!("say which mapping with --name; the file has {names}"),
        Some(wanted) => anyhow::anyhow!("--name {wanted} is not one of {names}"),
    }))
}
