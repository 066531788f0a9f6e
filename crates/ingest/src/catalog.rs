//! Catalog: what is configured, compiled: the triggers and recipes of every source's enabled mappings.
//!
//! Invariants: readers see one version whole; a mapping that does not compile is kept, and fails for every event it
//! might have wanted, so that nothing is dropped silently.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use signalpost_core::delivery::{Delivery, WhenFull};
use signalpost_core::event::Event;
use signalpost_core::json::Numbers;
use signalpost_core::payload::{Recipe, Rejection};
use signalpost_core::target::Target;
use signalpost_core::trigger::Trigger;
use signalpost_storage::{Catalog, Destination, MappingRow};

use crate::auth::{AuthError, Credential, KeyHash};
use crate::depth::Limit;
use crate::rows::Capacity;

/// How many events a row of a mapping without batching holds: bounds what a dispatcher that dies can send twice.
const UNBATCHED_EVENTS: u32 = 25;
/// How many bytes a row holds, however many its requests may: what is copied and compressed a few times on its way
/// then stays in the processor's cache, and little is sent twice when a dispatcher dies.
const ROW_BYTES: usize = 128 * 1024;

/// One version of the configuration, ready to be used.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) version: i64,
    keys: HashMap<KeyHash, Granted>,
    tokens: HashMap<KeyHash, Until>,
    sources: HashMap<String, Arc<Source>>,
    mappings: HashMap<i64, Arc<Mapping>>,
}

/// When a key or token ends; none: not by itself.
type Until = Option<Instant>;

/// What a write key opens.
#[derive(Debug)]
struct Granted {
    source: Arc<Source>,
    until: Until,
}

/// A source and the enabled mappings of its enabled destinations.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) mappings: Vec<Arc<Mapping>>,
}

/// A mapping, compiled.
#[derive(Debug)]
pub(crate) struct Mapping {
    pub(crate) id: i64,
    /// "destination/mapping".
    pub(crate) name: String,
    /// "source/destination/mapping".
    pub(crate) full_name: String,
    pub(crate) capacity: Capacity,
    /// Its rows have to be committed in the order of arrival.
    pub(crate) is_ordered: bool,
    /// What is refused when as much of it is queued as may be; none when its oldest is buried instead.
    pub(crate) limit: Limit,
    /// Its receiver is told where events come from, also when we don't record it.
    pub(crate) passes_trace_on: bool,
    made_from: MadeFrom,
    parts: Result<Parts, Rejection>,
}

/// Everything that compiling a mapping depends on.
#[derive(Debug, PartialEq)]
struct MadeFrom {
    full_name: String,
    trigger: String,
    fields: serde_json::Value,
    numbers: Numbers,
    batch_bytes: usize,
    is_ordered: bool,
    limit: Limit,
    passes_trace_on: bool,
}

#[derive(Debug)]
struct Parts {
    trigger: Trigger,
    recipe: Recipe,
}

impl Compiled {
    /// Compiles what changed since `previous` and takes the rest from there.
    pub(crate) fn new(catalog: Catalog, previous: &Self) -> Self {
        let destinations: HashMap<i64, &Destination> =
            catalog.destinations.iter().filter(|one| one.enabled).map(|one| (one.id, one)).collect();
        let names: HashMap<i64, &str> =
            catalog.sources.iter().map(|source| (source.id, source.name.as_str())).collect();
        let mut rows: Vec<&MappingRow> = catalog.mappings.iter().filter(|row| row.enabled).collect();
        rows.sort_by_key(|row| (row.destination_id, row.position));

        let mut mappings = HashMap::new();
        let mut of_source: HashMap<i64, Vec<Arc<Mapping>>> = HashMap::new();
        for row in rows {
            let Some(destination) = destinations.get(&row.destination_id) else { continue };
            let Some(source) = names.get(&destination.source_id) else { continue };
            let mapping = previous.reuse(row, MadeFrom::new(source, destination, row));
            mappings.insert(row.id, Arc::clone(&mapping));
            of_source.entry(destination.source_id).or_default().push(mapping);
        }
        let now = Instant::now();
        let until = |valid_for: Option<Duration>| valid_for.and_then(|left| now.checked_add(left));
        let mut keys = HashMap::new();
        let mut sources = HashMap::new();
        for source in catalog.sources {
            let compiled = Arc::new(Source { mappings: of_source.remove(&source.id).unwrap_or_default() });
            for key in source.write_keys {
                let granted = Granted { source: Arc::clone(&compiled), until: until(key.valid_for) };
                keys.insert(key.hash, granted);
            }
            sources.insert(source.name, compiled);
        }
        let tokens = catalog.publish_tokens.iter().map(|token| (token.hash, until(token.valid_for)));
        Self { version: catalog.version, keys, tokens: tokens.collect(), sources, mappings }
    }

    fn reuse(&self, row: &MappingRow, made_from: MadeFrom) -> Arc<Mapping> {
        match self.mappings.get(&row.id) {
            Some(mapping) if mapping.made_from == made_from => Arc::clone(mapping),
            _ => Arc::new(Mapping::compile(row, made_from)),
        }
    }

    /// The source that this credential lets in for, now.
    pub(crate) fn source(&self, credential: &Credential) -> Result<&Arc<Source>, AuthError> {
        let is_good = |until: &Until| until.is_none_or(|until| Instant::now() < until);
        match &credential.source {
            None => {
                let key = self.keys.get(&credential.hash).filter(|key| is_good(&key.until));
                key.map(|key| &key.source).ok_or(AuthError::Unknown)
            }
            Some(source) => {
                let token = self.tokens.get(&credential.hash).filter(|until| is_good(until));
                token.ok_or(AuthError::Unknown)?;
                self.sources.get(source).ok_or(AuthError::UnknownSource)
            }
        }
    }

    /// "source/destination/mapping"; the number of one that is not enabled, or not known here yet.
    pub(crate) fn name(&self, mapping_id: i64) -> String {
        self.mappings
            .get(&mapping_id)
            .map_or_else(|| mapping_id.to_string(), |mapping| mapping.full_name.clone())
    }

    /// The mappings that do not compile, and why.
    pub(crate) fn broken(&self) -> impl Iterator<Item = (&Mapping, &Rejection)> {
        self.mappings.values().filter_map(|mapping| mapping.parts.as_ref().err().map(|why| (&**mapping, why)))
    }
}

impl MadeFrom {
    fn new(source: &str, destination: &Destination, row: &MappingRow) -> Self {
        Self {
            full_name: format!("{source}/{}/{}", destination.name, row.name),
            trigger: row.trigger.clone(),
            fields: row.fields.clone(),
            numbers: destination.numbers,
            batch_bytes: destination.delivery.batch_bytes,
            is_ordered: destination.delivery.ordered,
            limit: limit(&destination.delivery),
            passes_trace_on: destination.delivery.propagate_traceparent,
        }
    }
}

impl Mapping {
    fn compile(row: &MappingRow, made_from: MadeFrom) -> Self {
        let parts = Parts::compile(&made_from);
        let batching = parts.as_ref().ok().and_then(|parts| parts.recipe.batching());
        let events = batching.map_or(UNBATCHED_EVENTS, |batching| batching.size);
        let full_name = made_from.full_name.clone();
        Self {
            id: row.id,
            name: full_name.split_once('/').map_or(full_name.as_str(), |(_, name)| name).to_owned(),
            full_name,
            capacity: Capacity { events, bytes: made_from.batch_bytes.min(ROW_BYTES) },
            is_ordered: made_from.is_ordered,
            limit: made_from.limit,
            passes_trace_on: made_from.passes_trace_on,
            made_from,
            parts,
        }
    }

    /// Whether this mapping wants the event.
    pub(crate) fn wants(&self, event: &Event) -> Result<bool, Rejection> {
        let parts = self.parts.as_ref().map_err(Clone::clone)?;
        parts
            .trigger
            .matches(event)
            .map_err(|error| Rejection { path: String::from("/trigger"), reason: error.to_string() })
    }

    /// Appends the event's payload; nothing is appended on an error. The target is there when it is not static.
    pub(crate) fn write(&self, event: &Event, out: &mut String) -> Result<Option<Target>, Rejection> {
        self.parts.as_ref().map_err(Clone::clone)?.recipe.write_payload(event.document(), out)
    }

    /// Whether every payload goes to the same target.
    pub(crate) fn has_static_target(&self) -> bool {
        self.parts.as_ref().is_ok_and(|parts| parts.recipe.static_target().is_some())
    }
}

fn limit(delivery: &Delivery) -> Limit {
    match delivery.when_full {
        WhenFull::Refuse => Limit { events: delivery.queue_events_max, bytes: delivery.queue_bytes_max },
        WhenFull::BuryOldest => Limit::default(),
    }
}

impl Parts {
    fn compile(from: &MadeFrom) -> Result<Self, Rejection> {
        let trigger = Trigger::parse(&from.trigger).map_err(|error| Rejection {
            path: String::from("/trigger"),
            reason: format!("the trigger does not compile: {error}"),
        })?;
        let recipe = Recipe::compile(&from.fields, from.numbers).map_err(|problems| {
            let first = problems.into_iter().next();
            let (path, message) = first.map(|one| (one.path, one.message)).unwrap_or_default();
            Rejection { path, reason: format!("the mapping does not compile: {message}") }
        })?;
        Ok(Self { trigger, recipe })
    }
}
