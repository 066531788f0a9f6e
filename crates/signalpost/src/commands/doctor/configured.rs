//! What is configured: whether its secrets open, its mappings can be used, and its receivers may be reached.

use std::time::Duration;

use signalpost_core::address;
use signalpost_core::delivery::Delivery;
use signalpost_core::payload::Recipe;
use signalpost_storage::{Catalog, Storage, StorageError};
use tokio::net::lookup_host;
use url::Url;

use super::check::Check;
use crate::config::Settings;
use crate::process;

const LOOK_UP_WITHIN: Duration = Duration::from_secs(3);
/// Of many mappings, only so many are looked at: each costs a look-up.
const RECEIVERS: usize = 200;

pub(super) async fn look(storage: &Storage, settings: &Settings) -> Vec<Check> {
    let catalog = storage.catalog();
    let secrets = match process::sealing_keys(settings) {
        Err(error) => Check::problem("sealing keys", format!("{error:#}"), "mend secrets.sealing_keys"),
        Ok(keys) => secrets(catalog.load(&keys).await),
    };
    match catalog.load_without_secrets().await {
        Err(error) => {
            let found = format!("{:#}", anyhow::Error::from(error));
            vec![secrets, Check::problem("receivers", found, "apply what is configured again")]
        }
        Ok(catalog) => vec![secrets, receivers(&catalog).await],
    }
}

fn secrets(loaded: Result<Catalog, StorageError>) -> Check {
    let name = "sealing keys";
    match loaded {
        Ok(_) => Check::good(name, "every stored secret opens"),
        Err(error @ StorageError::Sealed { .. }) => Check::problem(
            name,
            format!("{:#}", anyhow::Error::from(error)),
            "add the key it was sealed with to secrets.sealing_keys (after the first, which seals), or give the \
             destination its secret anew: without it nothing is sent",
        ),
        Err(error) => {
            Check::unknown(name, format!("{:#}", anyhow::Error::from(error)), "look at the database first")
        }
    }
}

/// Every receiver that can be known before an event names it.
async fn receivers(catalog: &Catalog) -> Check {
    let mut troubles = Vec::new();
    let mut count = 0;
    for mapping in catalog.mappings.iter().filter(|mapping| mapping.enabled) {
        let destination = catalog.destinations.iter().find(|one| one.id == mapping.destination_id);
        let Some(destination) = destination.filter(|destination| destination.enabled) else { continue };
        let source = catalog.sources.iter().find(|source| source.id == destination.source_id);
        let source = source.map(|source| source.name.as_str()).unwrap_or_default();
        let name = format!("{source}/{}/{}", destination.name, mapping.name);
        let url = match Recipe::compile(&mapping.fields, destination.numbers) {
            Err(_) => {
                troubles.push(format!("{name}: its fields cannot be used; apply it again"));
                continue;
            }
            Ok(recipe) => recipe.static_target().map(|target| target.url.clone()),
        };
        let Some(url) = url else { continue };
        count += 1;
        if count > RECEIVERS {
            break;
        }
        if let Err(trouble) = receiver(&url, &destination.delivery).await {
            troubles.push(format!("{name}: {trouble}"));
        }
    }
    if troubles.is_empty() {
        return Check::good("receivers", format!("{count} addresses may be reached"));
    }
    Check::problem(
        "receivers",
        troubles.join("\n"),
        "a refused address is allowed by the destination's delivery.allow: \
         `signalpost destinations update NAME --delivery 'allow=[\"10.0.0.0/8\"]'`",
    )
}

/// Whether the host has an address, and only such as may be dialled.
async fn receiver(url: &str, delivery: &Delivery) -> Result<(), String> {
    let url = Url::parse(url).map_err(|error| format!("{error}"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let found = tokio::time::timeout(LOOK_UP_WITHIN, lookup_host((host.as_str(), port))).await;
    let found = found.map_err(|_| format!("the name {host} could not be looked up in time"))?;
    let mut addresses = found.map_err(|error| format!("the name {host} could not be looked up: {error}"))?;
    addresses.try_for_each(|address| {
        address::check(address.ip(), &delivery.allow).map_err(|refused| refused.to_string())
    })
}
