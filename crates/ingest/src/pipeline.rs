//! Pipeline: events in, rows for the queue and a receipt out: normalise, then trigger and map for each mapping.
//!
//! Invariants: every event is accepted or refused, and the receipt says which; a mapping that fails for an event is
//! recorded and touches neither other mappings nor other events; the work is done in slices, between which other
//! calls get their turn.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use signalpost_core::event::{Event, Stamp};
use signalpost_core::json::Limits;
use signalpost_core::payload::Rejection;
use signalpost_core::target::Target;
use signalpost_proto::v1::{self, Problem, Receipt, problem};
use signalpost_storage::NewRejected;
use tokio::task;
use uuid::Uuid;

use crate::catalog::{Mapping, Source};
use crate::committer::Wanted;
use crate::decode::{self, Refusal};
use crate::depth::{Amount, Share};
use crate::metrics::Metrics;
use crate::rows::Row;
use crate::trace::Origin;

/// How many bytes of events are worked on before other calls get their turn: some 200 µs.
const SLICE_BYTES: usize = 64 * 1024;
/// How many failed mappings a receipt lists; all of them are in `rejected_events`.
const UNMAPPED_LISTED: u32 = 1_000;
const REASON_BYTES_MAX: usize = 500;

/// Takes the events of one request through the source's mappings.
pub(crate) async fn run(
    source: &Source,
    events: &[v1::Event],
    limits: &Limits,
    metrics: &Metrics,
    origin: Option<Origin>,
) -> Mapped {
    let mut request = Request::new(source, limits, metrics);
    let mut slice = 0;
    for (index, event) in events.iter().enumerate() {
        slice += request.event(u32::try_from(index).unwrap_or(u32::MAX), event);
        if slice >= SLICE_BYTES {
            slice = 0;
            task::yield_now().await;
        }
    }
    request.finish(origin)
}

/// What became of the events of one request, not committed yet.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) wanted: Wanted,
    /// What `wanted` adds to which lanes.
    pub(crate) shares: Vec<Share>,
    pub(crate) receipt: Receipt,
}

impl Mapped {
    /// The problems of the events that were refused.
    pub(crate) fn refused(&self) -> Vec<Problem> {
        let refused = |one: &&Problem| one.kind() == problem::Kind::Refused;
        self.receipt.problems.iter().filter(refused).cloned().collect()
    }
}

/// A request being worked on.
struct Request<'a> {
    lanes: Vec<Lane<'a>>,
    limits: &'a Limits,
    metrics: &'a Metrics,
    received_at: DateTime<Utc>,
    message_ids: MessageIds,
    rejected: Vec<NewRejected>,
    receipt: Receipt,
}

impl<'a> Request<'a> {
    fn new(source: &'a Source, limits: &'a Limits, metrics: &'a Metrics) -> Self {
        Self {
            lanes: source.mappings.iter().map(Lane::new).collect(),
            limits,
            metrics,
            received_at: now(),
            message_ids: MessageIds::default(),
            rejected: Vec::new(),
            receipt: Receipt::default(),
        }
    }

    /// Works on one event; returns roughly how much work it was, in bytes.
    fn event(&mut self, index: u32, event: &v1::Event) -> usize {
        match self.normalise(event) {
            Ok(event) => {
                self.receipt.accepted += 1;
                self.map(index, &event);
                event.document().text().len() * (1 + self.lanes.len())
            }
            Err(error) => {
                self.receipt.refused += 1;
                self.metrics.event_refused(&error);
                self.receipt.problems.push(refusal(index, event, &error, self.limits));
                1024
            }
        }
    }

    fn normalise(&mut self, event: &v1::Event) -> Result<Event, Refusal> {
        let json = decode::json(event)?;
        let mut new_message_id = || self.message_ids.next();
        let mut stamp = Stamp { received_at: self.received_at, new_message_id: &mut new_message_id };
        Ok(Event::normalise(&json, self.limits, &mut stamp)?)
    }

    fn map(&mut self, index: u32, event: &Event) {
        let mut wanted = false;
        for lane in &mut self.lanes {
            match lane.take(event) {
                Ok(false) => {}
                Ok(true) => {
                    wanted = true;
                    self.receipt.queued += 1;
                }
                Err(rejection) => {
                    wanted = true;
                    self.metrics.unmapped(&lane.mapping.full_name);
                    self.receipt.unmapped += 1;
                    if self.receipt.unmapped <= UNMAPPED_LISTED {
                        self.receipt.problems.push(unmapped(index, event, lane.mapping, &rejection));
                    }
                    self.rejected.push(record(event, lane.mapping, &rejection));
                }
            }
        }
        if !wanted {
            self.receipt.unwanted += 1;
        }
    }

    fn finish(mut self, origin: Option<Origin>) -> Mapped {
        if let Some(Origin { traceparent, is_recorded }) = origin {
            let traceparent = traceparent.to_string();
            for lane in self.lanes.iter_mut().filter(|lane| is_recorded || lane.mapping.passes_trace_on) {
                lane.rows.iter_mut().for_each(|row| row.trace(&traceparent));
            }
        }
        let shares: Vec<Share> = self.lanes.iter().filter_map(Lane::share).collect();
        let ordered = shares.iter().filter(|share| share.mapping.is_ordered);
        let ordered = ordered.map(|share| share.mapping.id).collect();
        let rows = self.lanes.into_iter().flat_map(Lane::into_rows).collect();
        Mapped { wanted: Wanted { rows, rejected: self.rejected, ordered }, shares, receipt: self.receipt }
    }
}

/// One mapping's share of a request.
struct Lane<'a> {
    mapping: &'a Arc<Mapping>,
    rows: Vec<Row>,
    /// The last row of each resolved target; a static target has its last row at the end.
    open: HashMap<String, usize>,
    scratch: String,
}

impl<'a> Lane<'a> {
    fn new(mapping: &'a Arc<Mapping>) -> Self {
        Self { mapping, rows: Vec::new(), open: HashMap::new(), scratch: String::new() }
    }

    /// Queues the event's payload, if the mapping wants the event.
    fn take(&mut self, event: &Event) -> Result<bool, Rejection> {
        if !self.mapping.wants(event)? {
            return Ok(false);
        }
        if self.mapping.has_static_target() {
            self.append(event)?;
        } else {
            self.append_by_target(event)?;
        }
        Ok(true)
    }

    /// Every payload has the same target: it is written where it stays.
    fn append(&mut self, event: &Event) -> Result<(), Rejection> {
        if self.rows.last().is_none_or(Row::is_full) {
            self.rows.push(Row::new(self.mapping.id, None, self.mapping.capacity));
        }
        let row = self.rows.last_mut().expect("a row was just made");
        let (_, next) = row.append(|out| self.mapping.write(event, out))?;
        self.rows.extend(next);
        Ok(())
    }

    /// The target is known only once the payload is written.
    fn append_by_target(&mut self, event: &Event) -> Result<(), Rejection> {
        self.scratch.clear();
        let target = self.mapping.write(event, &mut self.scratch)?;
        let target = target.as_ref().map(Target::to_json).unwrap_or_default();
        let index = *self.open.entry(target.clone()).or_insert_with(|| {
            self.rows.push(Row::new(self.mapping.id, Some(target.clone()), self.mapping.capacity));
            self.rows.len() - 1
        });
        let Ok(((), next)) = self.rows[index].append(|out| {
            out.push_str(&self.scratch);
            Ok::<(), std::convert::Infallible>(())
        });
        if let Some(next) = next {
            self.open.insert(target, self.rows.len());
            self.rows.push(next);
        }
        Ok(())
    }

    /// What it adds to its queue, if anything.
    fn share(&self) -> Option<Share> {
        let mut amount = Amount::default();
        for row in self.rows.iter().filter(|row| !row.is_empty()) {
            amount.events += u64::from(row.events());
            amount.bytes += row.bytes() as u64;
        }
        (amount.events > 0).then(|| Share { mapping: Arc::clone(self.mapping), amount })
    }

    fn into_rows(self) -> impl Iterator<Item = Row> {
        self.rows.into_iter().filter(|row| !row.is_empty())
    }
}

/// Ids for events that came without: one random number a request, counted up.
#[derive(Default)]
struct MessageIds {
    last: Option<u128>,
}

impl MessageIds {
    fn next(&mut self) -> String {
        let next = self.last.map_or_else(|| Uuid::new_v4().as_u128(), |last| last.wrapping_add(1));
        self.last = Some(next);
        uuid::Builder::from_random_bytes(next.to_be_bytes()).into_uuid().to_string()
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where receivedAt is stamped")]
fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

fn refusal(index: u32, event: &v1::Event, error: &Refusal, limits: &Limits) -> Problem {
    Problem {
        index,
        message_id: message_id(event, limits).unwrap_or_default(),
        kind: problem::Kind::Refused.into(),
        mapping: String::new(),
        path: error.field().unwrap_or_default().to_owned(),
        reason: bounded(&error.to_string()),
    }
}

/// The message id of an event that was refused, where it can be read.
fn message_id(event: &v1::Event, limits: &Limits) -> Option<String> {
    let json = decode::json(event).ok()?;
    let text = std::str::from_utf8(&json).ok()?;
    let event = Event::parse(text, limits).ok()?;
    event.root().get("messageId")?.as_str().map(|id| bounded(&id))
}

fn unmapped(index: u32, event: &Event, mapping: &Mapping, rejection: &Rejection) -> Problem {
    Problem {
        index,
        message_id: event.message_id().to_owned(),
        kind: problem::Kind::Unmapped.into(),
        mapping: mapping.name.clone(),
        path: rejection.path.clone(),
        reason: bounded(&rejection.reason),
    }
}

fn record(event: &Event, mapping: &Mapping, rejection: &Rejection) -> NewRejected {
    NewRejected {
        mapping_id: mapping.id,
        message_id: storable(event.message_id()),
        path: storable(&rejection.path),
        reason: storable(&rejection.reason),
        event: event.document().text().to_owned(),
    }
}

/// Postgres keeps no NUL in a text. JSON text holds none, but what was unescaped may.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(REASON_BYTES_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_message_ids_differ_and_are_uuids() {
        let mut ids = MessageIds::default();
        let made: std::collections::HashSet<_> = (0..1_000).map(|_| ids.next()).collect();
        assert_eq!(made.len(), 1_000);
        assert!(made.iter().all(|id| Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 4)));
    }
}
