//! Explain: why an event did not arrive, as far as what is stored still says it.
//!
//! Invariants: what cannot be known is said, and not guessed; each look is one bounded statement, and a look that takes
//! too long is told as one that was not finished.

use signalpost_core::event::Event;
use signalpost_core::json::write_string;
use signalpost_core::payload::Recipe;
use signalpost_core::signature::Signers;
use signalpost_core::trigger::Trigger;
use signalpost_proto::v1;
use signalpost_storage::{AttemptFilter, FoundBatch, MappingView, NameKey, StorageError};
use tonic::Status;

use crate::scope::Lanes;
use crate::service::Call;
use crate::trying::{self, Trying};
use crate::{attempts, destinations, names, status};

/// So many mappings are looked at: a source has few, and each costs a look at its queue.
const MAPPINGS_MAX: i64 = 50;
/// So many attempts of a batch are shown.
const ATTEMPTS_MAX: i64 = 20;

pub(crate) async fn explain(
    call: &Call<'_>,
    request: v1::ExplainRequest,
) -> Result<v1::ExplainResponse, Status> {
    let event = request.event.as_ref().map(trying::event).transpose();
    let event = event.map_err(|problem| status::invalid("event", problem))?;
    let message_id = match (&event, request.message_id.as_str()) {
        (Some(event), "") => event.message_id().to_owned(),
        (None, "") => {
            return Err(status::invalid("message_id", "give the event's messageId, or the event itself"));
        }
        (_, given) => given.to_owned(),
    };
    let parent = if request.mapping.is_empty() { &request.source } else { &request.mapping };
    let scope = names::parent(if request.mapping.is_empty() { "source" } else { "mapping" }, parent)?;
    let mappings = call.catalog().mappings(&scope, &NameKey::default(), MAPPINGS_MAX + 1).await;
    let mut mappings = mappings.map_err(status::storage)?;
    if mappings.is_empty() && !call.inspection().is_there(&scope).await.map_err(status::storage)? {
        return Err(status::not_found(&format!("source, destination or mapping {parent}")));
    }
    let is_cut = i64::try_from(mappings.len()).is_ok_and(|count| count > MAPPINGS_MAX);
    mappings.truncate(usize::try_from(MAPPINGS_MAX).unwrap_or_default());
    let mut explanations = Vec::new();
    for mapping in &mappings {
        explanations.push(of_mapping(call, mapping, &message_id, event.as_ref()).await?);
    }
    let mut summary = summary(&message_id, &explanations);
    if is_cut {
        summary.push_str(" Only the first 50 mappings were looked at: name the source or the mapping.");
    }
    Ok(v1::ExplainResponse { summary, explanations })
}

/// What became of the event in one mapping, step by step.
async fn of_mapping(
    call: &Call<'_>,
    mapping: &MappingView,
    message_id: &str,
    event: Option<&Event>,
) -> Result<v1::Explanation, Status> {
    let name = format!("{}/{}/{}", mapping.source, mapping.destination, mapping.name);
    let mut told =
        Told { explanation: v1::Explanation { mapping: name, ..v1::Explanation::default() }, holds_id: None };
    let destination = destinations::find(call, &mapping.source, &mapping.destination).await?;
    if let Some(event) = event {
        told.try_on(mapping, destination.numbers, event, message_id);
    }
    told.look(call, mapping, message_id).await?;
    if told.is_open() && !(mapping.enabled && destination.enabled) {
        let what = if mapping.enabled { "its destination" } else { "it" };
        told.end(
            v1::EventFate::Disabled,
            format!("{what} is disabled: new events are not queued for it"),
            "enable it, and send the event again",
        );
    }
    told.conclude(mapping);
    Ok(told.explanation)
}

struct Told {
    explanation: v1::Explanation,
    /// Whether the payload would hold the message id, so that it can be found; none: not known.
    holds_id: Option<bool>,
}

impl Told {
    fn is_open(&self) -> bool {
        self.explanation.fate() == v1::EventFate::Unspecified
    }

    fn say(&mut self, step: impl Into<String>) {
        self.explanation.steps.push(step.into());
    }

    fn end(&mut self, fate: v1::EventFate, step: impl Into<String>, advice: &str) {
        self.say(step);
        self.explanation.set_fate(fate);
        advice.clone_into(&mut self.explanation.advice);
    }

    /// Tries trigger and mapping, as they are now, on the event.
    fn try_on(
        &mut self,
        mapping: &MappingView,
        numbers: signalpost_core::json::Numbers,
        event: &Event,
        message_id: &str,
    ) {
        let trigger = Trigger::parse(&mapping.trigger);
        let recipe = Recipe::compile(&mapping.fields, numbers);
        let (Ok(trigger), Ok(recipe)) = (trigger, recipe) else {
            self.end(
                v1::EventFate::Unmapped,
                "its trigger or its fields cannot be used as they are",
                "correct the mapping: `mappings check` says what is wrong",
            );
            return;
        };
        let trying = Trying { trigger: Some(trigger), recipe, signers: Signers::default() };
        let tried = trying.one(event, false);
        for line in &tried.told.why {
            self.say(format!("trigger: {line}"));
        }
        if !tried.told.is_wanted {
            self.end(
                v1::EventFate::Unwanted,
                "the trigger, as it is now, does not want the event",
                "if it should, change the trigger; the event has to be sent again",
            );
        } else if tried.told.problem.is_empty() {
            self.say("the trigger wants the event and the mapping, as it is now, can map it");
            let needle = quoted(message_id);
            self.holds_id = Some(tried.mapped.is_some_and(|(_, payload)| payload.contains(&needle)));
        } else {
            let at = &tried.told.problem_path;
            let step =
                format!("the mapping, as it is now, cannot map the event: {at} {}", tried.told.problem);
            self.end(
                v1::EventFate::Unmapped,
                step,
                "correct the mapping at that place, and send the event again",
            );
        }
    }

    /// Looks for the event among what was rejected, is dead, and waits.
    async fn look(&mut self, call: &Call<'_>, mapping: &MappingView, message_id: &str) -> Result<(), Status> {
        let inspection = call.inspection();
        let found = inspection.find_rejected(mapping.id, message_id).await;
        if let Some(rejected) = self.looked("rejected_events", found)? {
            let at = rejected.rejected_at.to_rfc3339();
            let step = format!("at {at} it could not be mapped: {} {}", rejected.path, rejected.reason);
            self.end(
                v1::EventFate::Unmapped,
                step,
                "correct the mapping at that place, and send the event again",
            );
            return Ok(());
        }
        if self.holds_id == Some(false) {
            self.say("its payload does not hold the messageId, so it cannot be found in the queue or among dead letters");
            return Ok(());
        }
        let needle = quoted(message_id);
        let found = inspection.find_dead(mapping.id, &needle).await;
        if let Some(dead) = self.looked("dead_batches", found)? {
            let reason = dead.reason.as_deref().unwrap_or_default();
            let error = dead.last_error.as_deref().unwrap_or("no error is known");
            let step = format!("it was given up ({reason}) after {} attempts: {error}", dead.attempts);
            let mend = if error.starts_with("address:") {
                "allow the address in the destination's setting delivery.allow"
            } else {
                "mend the receiver"
            };
            let name = &self.explanation.mapping;
            let advice = format!("{mend}, then: signalpost redrive {name} --position {}", dead.position);
            self.end(v1::EventFate::Dead, step, &advice);
            self.say(format!("it is in the dead letter at position {}", dead.position));
            return self.attempts(call, mapping, &dead).await;
        }
        let found = inspection.find_queued(mapping.id, &needle).await;
        if let Some(queued) = self.looked("batches", found)? {
            self.waits(mapping, &queued);
            return self.attempts(call, mapping, &queued).await;
        }
        Ok(())
    }

    fn waits(&mut self, mapping: &MappingView, queued: &FoundBatch) {
        let since = queued.enqueued_at.to_rfc3339();
        let advice = match (&mapping.paused_at, queued.attempts) {
            (Some(_), _) => "its mapping is paused: resume it",
            (None, 0) => "it waits for its turn: the lane says why it is slow, if it is",
            (None, _) => "its receiver failed: mend it; `retry now` does not wait for the next attempt",
        };
        self.end(v1::EventFate::Queued, format!("it waits in the queue since {since}"), advice);
        if let Some(why) = mapping.paused_at.and(mapping.paused_why.as_ref()) {
            self.say(format!("the mapping is paused: {why}"));
        }
        if queued.attempts > 0 {
            let error = queued.last_error.as_deref().unwrap_or("no error is known");
            self.say(format!("{} attempts failed, the last one: {error}", queued.attempts));
        }
        if let Some(due) = queued.due_at {
            self.say(format!("the next attempt is due at {}", due.to_rfc3339()));
        }
    }

    /// The attempts that carried a batch.
    async fn attempts(
        &mut self,
        call: &Call<'_>,
        mapping: &MappingView,
        batch: &FoundBatch,
    ) -> Result<(), Status> {
        let Some(batch_id) = batch.batch_id else { return Ok(()) };
        let filter = AttemptFilter {
            batch_id: Some(batch_id),
            since: Some(batch.enqueued_at),
            ..AttemptFilter::default()
        };
        let found = call.inspection().attempts(&[mapping.id], &filter, None, ATTEMPTS_MAX).await;
        let found = self.looked("attempts", found.map(Some))?.unwrap_or_default();
        let lanes = Lanes::named(mapping.id, &self.explanation.mapping);
        self.explanation.attempts = found.into_iter().map(|one| attempts::shown(&lanes, one)).collect();
        Ok(())
    }

    /// What a look found; one that took too long found nothing, and says so.
    fn looked<T>(
        &mut self,
        table: &str,
        found: Result<Option<T>, StorageError>,
    ) -> Result<Option<T>, Status> {
        match found {
            Ok(found) => Ok(found),
            Err(error) if error.is_timeout() => {
                self.say(format!(
                    "{table} could not be searched in the time that operators have: there is too much"
                ));
                Ok(None)
            }
            Err(error) => Err(status::storage(error)),
        }
    }

    /// What is left when nothing was found.
    fn conclude(&mut self, mapping: &MappingView) {
        if !self.is_open() {
            return;
        }
        if self.holds_id == Some(false) {
            self.explanation.advice = format!(
                "look at the attempts of {} around the time at which it was sent; or map $.messageId into the payload",
                self.explanation.mapping
            );
            return;
        }
        self.end(
            v1::EventFate::NotFound,
            "it is neither queued nor dead nor rejected: delivered, or never accepted, or not wanted, or purged",
            "the attempts around the time at which it was sent show whether it was delivered; what the sender was \
             answered shows whether it was accepted",
        );
        if let Some(why) = mapping.paused_at.and(mapping.paused_why.as_ref()) {
            self.say(format!("the mapping is paused now: {why}"));
        }
    }
}

fn summary(message_id: &str, explanations: &[v1::Explanation]) -> String {
    let count = |fate: v1::EventFate| explanations.iter().filter(|one| one.fate() == fate).count();
    let words = [
        (v1::EventFate::Queued, "waits"),
        (v1::EventFate::Dead, "was given up"),
        (v1::EventFate::Unmapped, "could not be mapped"),
        (v1::EventFate::Unwanted, "is not wanted by the trigger"),
        (v1::EventFate::Disabled, "met a mapping that is disabled"),
        (v1::EventFate::NotFound, "is nowhere any more: delivered, never accepted, or purged"),
        (v1::EventFate::Unspecified, "left no trace that could be followed"),
    ];
    let told: Vec<String> = words
        .iter()
        .filter_map(|(fate, words)| match count(*fate) {
            0 => None,
            1 if explanations.len() == 1 => Some((*words).to_owned()),
            number => Some(format!("in {number} of {} mappings it {words}", explanations.len())),
        })
        .collect();
    if told.is_empty() {
        format!("Event {message_id}: there is no mapping that could have sent it.")
    } else {
        format!("Event {message_id}: {}.", told.join("; "))
    }
}

/// As the id stands in a payload.
fn quoted(message_id: &str) -> String {
    let mut text = String::new();
    write_string(message_id, &mut text);
    text
}
