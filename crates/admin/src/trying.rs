//! Trying: what a mapping makes of events, without sending or storing anything.
//!
//! Invariant: it goes the way of ingest and dispatcher, by the same functions of core.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use signalpost_core::body::Body;
use signalpost_core::event::{Event, Stamp};
use signalpost_core::json::Limits;
use signalpost_core::payload::Recipe;
use signalpost_core::request::{Identity, OutboundRequest, Prepared};
use signalpost_core::signature::Signers;
use signalpost_core::target::Target;
use signalpost_core::trigger::{Explanation, Step, Trigger, explain};
use signalpost_proto::v1;
use uuid::Uuid;

const EVENT_BYTES_MAX: usize = 16 << 20;

/// A mapping ready to be tried.
pub(crate) struct Trying {
    pub(crate) trigger: Option<Trigger>,
    pub(crate) recipe: Recipe,
    pub(crate) signers: Signers,
}

/// What came of one event.
pub(crate) struct Tried {
    pub(crate) told: v1::PreviewedEvent,
    /// Its payload and where it goes, when it has one.
    pub(crate) mapped: Option<(Target, String)>,
}

/// Payloads that share a request, and the indexes of their events.
pub(crate) struct Group {
    target: Target,
    pub(crate) indexes: Vec<u32>,
    payloads: Vec<String>,
}

/// An event as ingest would take it.
pub(crate) fn event(event: &v1::Event) -> Result<Event, String> {
    let json = signalpost_ingest::event_json(event).map_err(|error| error.to_string())?;
    let mut new_message_id = || Uuid::new_v4().to_string();
    let mut stamp = Stamp { received_at: now(), new_message_id: &mut new_message_id };
    Event::normalise(&json, &Limits::new(EVENT_BYTES_MAX), &mut stamp).map_err(|error| error.to_string())
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is tried is stamped `receivedAt`, and signed, as if it came now"
)]
fn now() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}

impl Trying {
    /// What the mapping makes of an event. `always`: also when its trigger does not want it.
    pub(crate) fn one(&self, event: &Event, always: bool) -> Tried {
        let explanation = self.trigger.as_ref().map(|trigger| explain(trigger, event));
        let is_wanted = explanation.as_ref().is_none_or(|explanation| explanation.matches);
        let mut told = v1::PreviewedEvent {
            is_wanted,
            why: explanation.iter().flat_map(why).collect(),
            ..v1::PreviewedEvent::default()
        };
        if !is_wanted && !always {
            return Tried { told, mapped: None };
        }
        let mut payload = String::new();
        match self.recipe.write_payload(event.document(), &mut payload) {
            Err(rejection) => {
                told.problem = rejection.reason;
                told.problem_path = rejection.path;
                Tried { told, mapped: None }
            }
            Ok(target) => {
                told.payload = Some(payload.clone());
                let target = target.or_else(|| self.recipe.static_target().cloned());
                Tried { told, mapped: target.map(|target| (target, payload)) }
            }
        }
    }

    /// Joins what may share a request; without batching, nothing may.
    pub(crate) fn groups(&self, mapped: Vec<(u32, Target, String)>) -> Vec<Group> {
        let size = self.recipe.batching().map_or(1, |batching| batching.size as usize);
        let mut groups: Vec<Group> = Vec::new();
        for (index, target, payload) in mapped {
            let fits = |group: &&mut Group| group.target == target && group.payloads.len() < size;
            match groups.iter_mut().rev().find(fits) {
                Some(group) => {
                    group.indexes.push(index);
                    group.payloads.push(payload);
                }
                None => groups.push(Group { target, indexes: vec![index], payloads: vec![payload] }),
            }
        }
        groups
    }

    /// The exact request of payloads that share one.
    pub(crate) fn request(&self, group: &Group) -> Result<OutboundRequest, String> {
        let is_batched = self.recipe.batching().is_some();
        let body = if is_batched {
            Some(Body::array(group.payloads.iter().cloned().map(Bytes::from)))
        } else {
            group.payloads.first().filter(|body| *body != "null").cloned().map(Body::from)
        };
        let identity = Identity { batch_id: Uuid::new_v4(), attempt: 1, is_maybe_repeated: false };
        let signatures =
            self.signers.sign(body.as_ref(), is_batched, identity.batch_id, || now().timestamp());
        let Target { url, method, headers, .. } = &group.target;
        let prepared = Prepared::new(method.as_str(), url, headers).map_err(|error| error.to_string())?;
        Ok(prepared.request(body, &signatures, identity))
    }
}

/// A request as it is shown. Whoever may not send does not see what is signed: a signature over any body they like.
pub(crate) fn shown(
    request: &OutboundRequest,
    indexes: Vec<u32>,
    with_signatures: bool,
) -> v1::PreviewedRequest {
    let signs = |name: &str| name.starts_with("x-signature") || name == "webhook-signature";
    let headers = request.header_lines().map(|(name, value)| v1::Header {
        name: name.to_owned(),
        value: if signs(name) && !with_signatures { "***".to_owned() } else { value },
    });
    v1::PreviewedRequest {
        method: request.method.to_string(),
        url: request.uri.to_string(),
        headers: headers.collect(),
        body: request.body.as_ref().map(Body::to_bytes).unwrap_or_default(),
        event_indexes: indexes,
    }
}

/// The trigger's parts, a line each, with what the event has there.
fn why(explanation: &Explanation) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(error) = &explanation.error {
        lines.push(format!("the trigger fails on this event: {error}"));
    }
    describe(&explanation.step, 0, &mut lines);
    lines
}

fn describe(step: &Step, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let verdict = |held: Option<bool>| match held {
        Some(true) => "holds",
        Some(false) => "does not hold",
        None => "fails",
    };
    match step {
        Step::Test(test) => {
            let expected = test.expected.as_ref().map(|expected| format!(" {expected}")).unwrap_or_default();
            let actual = match &test.actual {
                Some(actual) => format!("it is {actual}"),
                None => "it is missing".to_owned(),
            };
            let held = verdict(test.held);
            lines.push(format!("{indent}{} {}{expected}: {held}, {actual}", test.field, test.operator));
        }
        Step::Group { joining, held, steps } => {
            lines.push(format!("{indent}{}: {}", format!("{joining:?}").to_lowercase(), verdict(*held)));
            for step in steps {
                describe(step, depth + 1, lines);
            }
        }
        Step::Empty => lines.push(format!("{indent}(): fails, there is no condition in it")),
    }
}
