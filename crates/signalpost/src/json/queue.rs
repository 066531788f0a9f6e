//! What waits, what was tried, what was given up.

use serde_json::{Value, json};
use signalpost_proto::v1::{
    Attempt, AttemptOutcome, BuryReason, DeadLetter, EventFate, Explanation, Header, Lane, PreviewedEvent,
    Redrive, RedriveState, RejectedEvent, SendTestResponse,
};

use super::{inner, seconds, time, unless_empty, unless_zero};

pub(crate) fn lane(lane: &Lane) -> Value {
    json!({
        "mapping": lane.mapping,
        "mapping_id": lane.mapping_id,
        "state": lane.state,
        "why": unless_empty(&lane.why),
        "batches": lane.batches,
        "events": lane.events,
        "bytes": lane.bytes,
        "is_estimate": lane.is_estimate,
        "oldest_age_seconds": seconds(lane.oldest_age),
        "in_flight": lane.in_flight,
        "window": lane.window,
        "delivered_per_second": lane.delivered_per_second,
        "retrying_batches": lane.retrying_batches,
        "next_attempt_at": time(lane.next_attempt_at),
        "last_error": unless_empty(&lane.last_error),
        "dead_events": lane.dead_events,
        "enabled": lane.enabled,
        "dispatcher": unless_empty(&lane.dispatcher),
    })
}

pub(crate) fn outcome(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Unspecified => "unknown",
        AttemptOutcome::Delivered => "delivered",
        AttemptOutcome::Retryable => "retryable",
        AttemptOutcome::Rejected => "rejected",
    }
}

pub(crate) fn attempt(attempt: &Attempt) -> Value {
    json!({
        "mapping": unless_empty(&attempt.mapping),
        "mapping_id": attempt.mapping_id,
        "batch_id": attempt.batch_id,
        "attempt": attempt.attempt,
        "started_at": time(attempt.started_at),
        "latency_seconds": seconds(attempt.latency),
        "outcome": outcome(attempt.outcome()),
        "status": unless_zero(attempt.status),
        "error": unless_empty(&attempt.error),
        "response": unless_empty(&attempt.response),
        "event_count": attempt.event_count,
        "body_bytes": attempt.body_bytes,
    })
}

pub(crate) fn bury_reason(reason: BuryReason) -> &'static str {
    match reason {
        BuryReason::Unspecified => "any",
        BuryReason::Rejected => "rejected",
        BuryReason::Expired => "expired",
        BuryReason::Exhausted => "exhausted",
        BuryReason::Overflow => "overflow",
    }
}

pub(crate) fn dead_letter(letter: &DeadLetter) -> Value {
    json!({
        "mapping": letter.mapping,
        "mapping_id": letter.mapping_id,
        "position": letter.position.to_string(),
        "event_count": letter.event_count,
        "reason": bury_reason(letter.reason()),
        "status": unless_zero(letter.status),
        "last_error": unless_empty(&letter.last_error),
        "response": unless_empty(&letter.response),
        "attempts": letter.attempts,
        "batch_id": letter.batch_id,
        "enqueued_at": time(letter.enqueued_at),
        "buried_at": time(letter.buried_at),
        "payload": inner(&letter.payload),
    })
}

pub(crate) fn rejected_event(event: &RejectedEvent) -> Value {
    json!({
        "mapping": event.mapping,
        "id": event.id,
        "message_id": event.message_id,
        "path": event.path,
        "reason": event.reason,
        "event": inner(&event.event_json),
        "rejected_at": time(event.rejected_at),
    })
}

pub(crate) fn redrive_state(state: RedriveState) -> &'static str {
    match state {
        RedriveState::Unspecified => "unknown",
        RedriveState::Running => "running",
        RedriveState::Paused => "paused",
        RedriveState::Done => "done",
        RedriveState::Cancelled => "cancelled",
    }
}

pub(crate) fn redrive(redrive: &Redrive) -> Value {
    let filter = redrive.filter.clone().unwrap_or_default();
    json!({
        "id": (redrive.id != 0).then_some(redrive.id),
        "filter": {
            "parent": unless_empty(&filter.parent),
            "position": filter.position.map(|position| position.to_string()),
            "reason": (filter.reason() != BuryReason::Unspecified).then(|| bury_reason(filter.reason())),
            "since": time(filter.since),
            "until": time(filter.until),
        },
        "events_per_second": redrive.events_per_second,
        "state": redrive_state(redrive.state()),
        "events_matched": redrive.events_matched,
        "events_redriven": redrive.events_redriven,
        "created_at": time(redrive.created_at),
        "created_by": redrive.created_by,
        "ended_at": time(redrive.ended_at),
    })
}

fn fate(fate: EventFate) -> &'static str {
    match fate {
        EventFate::Unspecified => "unknown",
        EventFate::Disabled => "disabled",
        EventFate::Unwanted => "unwanted",
        EventFate::Unmapped => "unmapped",
        EventFate::Queued => "queued",
        EventFate::Dead => "dead",
        EventFate::NotFound => "not_found",
    }
}

pub(crate) fn explanation(explanation: &Explanation) -> Value {
    json!({
        "mapping": explanation.mapping,
        "fate": fate(explanation.fate()),
        "steps": explanation.steps,
        "advice": unless_empty(&explanation.advice),
        "attempts": explanation.attempts.iter().map(attempt).collect::<Vec<_>>(),
    })
}

pub(crate) fn test(test: &SendTestResponse) -> Value {
    let request = test.request.as_ref().map(|request| {
        json!({
            "method": request.method,
            "url": request.url,
            "headers": headers(&request.headers),
            "body": text(&request.body),
        })
    });
    json!({
        "event": test.event.as_ref().map(previewed),
        "request": request,
        "answer": {
            "status": unless_zero(test.status),
            "headers": headers(&test.headers),
            "body": text(&test.body),
        },
        "outcome": outcome(test.outcome()),
        "error": unless_empty(&test.error),
        "latency_seconds": seconds(test.latency),
    })
}

fn previewed(event: &PreviewedEvent) -> Value {
    json!({
        "is_wanted": event.is_wanted,
        "why": event.why,
        "payload": event.payload.as_deref().map(inner),
        "problem": unless_empty(&event.problem),
        "problem_path": unless_empty(&event.problem_path),
    })
}

fn headers(headers: &[Header]) -> Vec<[&str; 2]> {
    headers.iter().map(|header| [header.name.as_str(), header.value.as_str()]).collect()
}

fn text(body: &[u8]) -> Value {
    unless_empty(&String::from_utf8_lossy(body))
}
