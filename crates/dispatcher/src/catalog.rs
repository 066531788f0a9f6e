//! Catalog: the configured mappings as lanes and routes, kept up to date.

use std::collections::HashMap;
use std::sync::Arc;

use signalpost_core::payload::Recipe;
use signalpost_core::secret::Secret;
use signalpost_core::signature::{Signer, Signers, WebhookSigner};
use signalpost_storage::{Catalog, Channel, Destination, MappingRow, SealingKeys, Secrets, Storage};
use signalpost_tls::Part;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::attempt::{Route, Routes, prepared};
use crate::config::Config;
use crate::driver::Input;
use crate::lanes::action::{Batching, LaneSettings};
use crate::outage::Outage;
use crate::overflow::Limit;
use crate::transport::{Egress, Trust};

/// Everything the dispatcher knows of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) lanes: HashMap<i64, LaneSettings>,
    pub(crate) routes: Routes,
    /// The lanes that bury their oldest.
    pub(crate) limits: HashMap<i64, Limit>,
    /// "source/destination/mapping".
    pub(crate) names: HashMap<i64, Arc<str>>,
    /// Mappings that do not compile.
    pub(crate) broken: usize,
    pub(crate) version: i64,
}

/// Loads the catalog whenever it has changed and hands it to the driver, until told to stop.
pub(crate) async fn watch(
    config: Config,
    storage: Storage,
    keys: SealingKeys,
    outage: Arc<Outage>,
    inputs: UnboundedSender<Input>,
    over: CancellationToken,
) {
    let changes = storage.listen(Channel::Catalog);
    let catalog = storage.catalog();
    let mut version = None;
    loop {
        let Some(now) = outage.persist("look up the catalog's version", &over, || catalog.version()).await
        else {
            return;
        };
        if version != Some(now) {
            let Some(loaded) = outage.persist("load the catalog", &over, || catalog.load(&keys)).await else {
                return;
            };
            version = Some(loaded.version);
            if inputs.send(Input::Catalog(compile(&loaded))).is_err() {
                return;
            }
        }
        let wait = tokio::time::timeout(config.catalog_poll, changes.next());
        if over.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}

/// Mappings that do not compile are left out, with an error: what is queued for them waits.
fn compile(catalog: &Catalog) -> Compiled {
    let destinations: HashMap<i64, &Destination> =
        catalog.destinations.iter().map(|one| (one.id, one)).collect();
    let sources: HashMap<i64, &str> =
        catalog.sources.iter().map(|source| (source.id, source.name.as_str())).collect();
    let mut compiled = Compiled { version: catalog.version, ..Compiled::default() };
    for row in &catalog.mappings {
        let Some(destination) = destinations.get(&row.destination_id) else { continue };
        let source = sources.get(&destination.source_id).copied().unwrap_or_default();
        let name: Arc<str> = format!("{source}/{}/{}", destination.name, row.name).into();
        compiled.names.insert(row.id, Arc::clone(&name));
        match compile_mapping(row, destination, &name) {
            Ok((lane, route)) => {
                compiled.lanes.insert(row.id, lane);
                compiled.limits.extend(Limit::of(&destination.delivery).map(|limit| (row.id, limit)));
                compiled.routes.insert(row.id, Arc::new(route));
            }
            Err(reason) => {
                compiled.broken += 1;
                error!(mapping = &*name, reason, "a mapping does not compile, what is queued for it waits");
            }
        }
    }
    compiled
}

fn compile_mapping(
    row: &MappingRow,
    destination: &Destination,
    name: &Arc<str>,
) -> Result<(LaneSettings, Route), String> {
    let recipe = Recipe::compile(&row.fields, destination.numbers)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let delivery = &destination.delivery;
    let batching = recipe.batching().map(|batching| Batching {
        size: batching.size,
        bytes: delivery.batch_bytes,
        wait: delivery.batch_wait,
    });
    let target = match recipe.static_target() {
        Some(target) => prepared(target).map_err(|error| error.to_string()),
        None => Err(String::from(
            "the mapping resolves its target for each event, and this one was queued without",
        )),
    };
    let lane = LaneSettings {
        batching,
        ordered: delivery.ordered,
        max_concurrency: delivery.max_concurrency,
        rate_limit: delivery.rate_limit,
        retry: delivery.retry,
        paused: row.paused,
        purges: row.purges,
        retries: row.retries,
    };
    let route = Route {
        name: Arc::clone(name),
        passes_trace_on: delivery.propagate_traceparent,
        target,
        signers: signers(destination)?,
        egress: egress(destination)?,
    };
    Ok((lane, route))
}

/// What all requests of a destination may do.
pub(crate) fn egress(destination: &Destination) -> Result<Egress, String> {
    let delivery = &destination.delivery;
    let trust = trust(destination)?;
    Ok(Egress { timeout: delivery.timeout, allow: delivery.allow.clone().into(), trust })
}

/// Whom the destination trusts, and what it shows; none: the machine's authorities, and nothing.
fn trust(destination: &Destination) -> Result<Option<Arc<Trust>>, String> {
    let delivery = &destination.delivery;
    let identity = match (&delivery.client_certificate, &destination.secrets.client_key) {
        (None, _) => None,
        (Some(_), None) => return Err("delivery.client_certificate has no delivery.client_key".to_owned()),
        (Some(certificate), Some(key)) => Some((certificate.as_str(), key.expose())),
    };
    Trust::new(delivery.ca.as_deref(), delivery.ca_only, identity).map_err(|error| {
        let setting = match error.part {
            Part::Certificate => "client_certificate",
            Part::Key => "client_key",
            Part::Authorities => "ca",
        };
        format!("delivery.{setting} {}", error.why)
    })
}

/// What all requests of a destination are signed with.
pub(crate) fn signers(destination: &Destination) -> Result<Signers, String> {
    let signer =
        |secret: &Option<Secret>| secret.as_ref().filter(|secret| !secret.is_empty()).map(Signer::new);
    let Secrets { previous_shared_secret, webhook_secret, previous_webhook_secret, client_key: _ } =
        &destination.secrets;
    let webhook = WebhookSigner::new(webhook_secret.iter().chain(previous_webhook_secret))
        .map_err(|error| format!("a webhook secret {error}"))?;
    Ok(Signers {
        shared: signer(&destination.shared_secret),
        previous: signer(previous_shared_secret),
        mode: destination.signature,
        webhook,
    })
}
