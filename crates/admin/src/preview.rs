//! Preview and `SendTest`: what a mapping makes of events, and what its receiver says to one.

use signalpost_core::json::Numbers;
use signalpost_core::outcome::Outcome;
use signalpost_core::payload::Recipe;
use signalpost_core::signature::Signers;
use signalpost_core::trigger::Trigger;
use signalpost_dispatcher::trial::{self, Terms};
use signalpost_proto::v1;
use signalpost_proto::v1::event::Form;
use signalpost_storage::{Destination, TokenRole};
use tonic::Status;

use crate::check::Mistakes;
use crate::convert::elapsed;
use crate::service::Call;
use crate::trying::{self, Trying};
use crate::{mappings, names, status};

const EVENTS_MAX: usize = 1000;

/// What is sent when no event is given.
const EXAMPLE: &str = r#"{"type":"track","event":"Test Event","userId":"signalpost-test","properties":{"total":9.5,"currency":"EUR","products":[{"product_id":"p-1","quantity":2}]},"context":{"ip":"203.0.113.7"}}"#;

pub(crate) async fn preview(
    call: &Call<'_>,
    request: v1::PreviewRequest,
) -> Result<v1::PreviewResponse, Status> {
    let trying = given(call, &request).await?;
    if request.events.is_empty() || request.events.len() > EVENTS_MAX {
        return Err(status::invalid("events", "give 1 to 1000 events"));
    }
    let mut told = Vec::new();
    let mut mapped = Vec::new();
    for (index, event) in (0_u32..).zip(&request.events) {
        match trying::event(event) {
            Err(problem) => {
                let problem = format!("the event itself would be refused: {problem}");
                told.push(v1::PreviewedEvent { problem, ..v1::PreviewedEvent::default() });
            }
            Ok(event) => {
                let tried = trying.one(&event, false);
                told.push(tried.told);
                mapped.extend(tried.mapped.map(|(target, payload)| (index, target, payload)));
            }
        }
    }
    let with_signatures = call.role() >= TokenRole::Operator;
    let mut requests = Vec::new();
    for group in trying.groups(mapped) {
        let request = trying.request(&group).map_err(|error| status::invalid("fields_json/url", error))?;
        requests.push(trying::shown(&request, group.indexes, with_signatures));
    }
    Ok(v1::PreviewResponse { events: told, requests })
}

/// The mapping that is meant: what is configured, with what is given in its stead.
async fn given(call: &Call<'_>, request: &v1::PreviewRequest) -> Result<Trying, Status> {
    let configured = match request.mapping.as_str() {
        "" => None,
        name => Some(configured(call, &names::mapping("mapping", name)?).await?),
    };
    let numbers = configured.as_ref().map_or(Numbers::default(), |one| one.destination.numbers);
    let mut mistakes = Mistakes::default();
    let trigger = request.trigger.clone().or_else(|| configured.as_ref().map(|one| one.trigger.clone()));
    if let Some(trigger) = &trigger {
        let _warnings = mistakes.trigger("trigger", trigger);
    }
    let fields = match (&request.fields_json, &configured) {
        (Some(json), _) => mistakes.fields("fields_json", json, numbers),
        (None, Some(configured)) => configured.fields.clone(),
        (None, None) => return Err(status::invalid("mapping", "name a mapping, or give one in fields_json")),
    };
    mistakes.refuse()?;
    let signers = match configured {
        None => Signers::default(),
        Some(configured) => configured.terms?.signers,
    };
    ready(trigger.as_deref(), &fields, numbers, signers)
}

/// A mapping with what it signs with.
struct Configured {
    destination: Destination,
    terms: Result<Terms, Status>,
    trigger: String,
    fields: serde_json::Value,
}

async fn configured(call: &Call<'_>, name: &[String; 3]) -> Result<Configured, Status> {
    let mapping = mappings::find(call, name).await?;
    let catalog = call.catalog().load(call.keys()).await.map_err(status::storage)?;
    let row = catalog.mappings.iter().find(|row| row.id == mapping.id).map(|row| row.destination_id);
    let destination = catalog.destinations.into_iter().find(|one| Some(one.id) == row);
    let destination = destination.ok_or_else(|| status::not_found(&format!("mapping {}", name.join("/"))))?;
    let terms = Terms::of(&destination).map_err(status::precondition);
    Ok(Configured { terms, destination, trigger: mapping.trigger, fields: mapping.fields })
}

fn ready(
    trigger: Option<&str>,
    fields: &serde_json::Value,
    numbers: Numbers,
    signers: Signers,
) -> Result<Trying, Status> {
    let trigger = trigger.map(Trigger::parse).transpose();
    let trigger =
        trigger.map_err(|error| status::precondition(format!("the trigger cannot be used: {error}")))?;
    let recipe = Recipe::compile(fields, numbers).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        status::precondition(format!("the mapping cannot be used: {}", lines.join("; ")))
    })?;
    Ok(Trying { trigger, recipe, signers })
}

pub(crate) async fn send_test(
    call: &Call<'_>,
    request: v1::SendTestRequest,
) -> Result<v1::SendTestResponse, Status> {
    let name = names::mapping("mapping", &request.mapping)?;
    let configured = configured(call, &name).await?;
    let terms = configured.terms?;
    let numbers = configured.destination.numbers;
    let trying = ready(Some(&configured.trigger), &configured.fields, numbers, terms.signers)?;
    let event = request
        .event
        .unwrap_or_else(|| v1::Event { form: Some(Form::Json(EXAMPLE.into())), ..v1::Event::default() });
    let event = trying::event(&event).map_err(|problem| status::invalid("event", problem))?;
    let tried = trying.one(&event, true);
    let mut answer = v1::SendTestResponse { event: Some(tried.told), ..v1::SendTestResponse::default() };
    let Some((target, payload)) = tried.mapped else {
        "nothing was sent: the mapping cannot map this event".clone_into(&mut answer.error);
        return Ok(answer);
    };
    let Some(group) = trying.groups(vec![(0, target, payload)]).pop() else { return Ok(answer) };
    let mut request = trying.request(&group).map_err(status::precondition)?;
    trial::mark(&mut request);
    answer.request = Some(trying::shown(&request, group.indexes, true));
    call.operations().tested(&name.join("/"), &call.actor()).await.map_err(status::storage)?;
    let tried = trial::send(call.transport(), &terms.egress, request).await;
    let outcome = match tried.outcome {
        Outcome::Delivered => v1::AttemptOutcome::Delivered,
        Outcome::Retryable { .. } => v1::AttemptOutcome::Retryable,
        Outcome::Rejected { .. } => v1::AttemptOutcome::Rejected,
    };
    answer.outcome = outcome.into();
    answer.error = tried.error.unwrap_or_default();
    answer.latency = Some(elapsed(tried.latency));
    if let Some(received) = tried.answer {
        answer.status = u32::from(received.status);
        answer.headers = received.headers.iter().map(header).collect();
        answer.body = received.body;
    }
    Ok(answer)
}

fn header((name, value): (&http::HeaderName, &http::HeaderValue)) -> v1::Header {
    let value = value.as_bytes().iter().map(|&byte| char::from(byte)).collect();
    v1::Header { name: name.as_str().to_owned(), value }
}
