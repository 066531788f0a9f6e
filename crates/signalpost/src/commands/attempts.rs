//! `attempts`: the delivery log, newest first; or attempts as they are recorded.

use signalpost_proto::v1::{Attempt, AttemptOutcome, ListAttemptsRequest, WatchAttemptsRequest};

use crate::cli::{Attempts, OutcomeChoice};
use crate::control::{Control, all};
use crate::json;
use crate::listing::Listing;
use crate::output::look::Look;
use crate::output::table::Cell;
use crate::output::{self, measure, one_line};

const ATTEMPTS: Listing<Attempt> = Listing {
    name: "attempts",
    item: json::attempt,
    titles: &[
        "started (UTC)",
        "mapping",
        "outcome",
        "status",
        "latency",
        "events",
        "attempt",
        "batch",
        "error",
    ],
    row,
    none: "no such attempts; without --since, those of the last hour are looked at",
};

pub(crate) async fn run(args: &Attempts, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    if args.follow {
        return follow(&control, args, is_json).await;
    }
    let outcome = args.outcome.map_or(AttemptOutcome::Unspecified, outcome);
    let listed = all(args.lately.limit, async |page_size, page_token| {
        let request = ListAttemptsRequest {
            parent: args.parent.parent.clone().unwrap_or_default(),
            batch_id: args.batch.clone().unwrap_or_default(),
            outcome: outcome.into(),
            only_failures: args.failures,
            since: args.lately.since.map(measure::timestamp),
            until: args.until.map(measure::timestamp),
            page_size,
            page_token,
        };
        let page = control.answer(control.client().list_attempts(request).await).await?;
        Ok((page.attempts, page.next_page_token))
    });
    ATTEMPTS.show(&listed.await?, is_json);
    Ok(())
}

/// Until interrupted, or the server ends.
async fn follow(control: &Control, args: &Attempts, is_json: bool) -> anyhow::Result<()> {
    let parent = args.parent.parent.clone().unwrap_or_default();
    let request = WatchAttemptsRequest { parent, only_failures: args.failures };
    let mut answers = control.answer(control.watching().watch_attempts(request).await).await?;
    loop {
        let answer = match answers.message().await {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ok(()),
            Err(status) => return Err(control.refused(&status).await),
        };
        for attempt in &answer.attempts {
            if is_json {
                output::line(json::attempt(attempt));
            } else {
                output::line(as_line(attempt));
            }
        }
        if answer.skipped > 0 {
            output::aside(format_args!("… {} more, too many to show", answer.skipped));
        }
    }
}

fn outcome(choice: OutcomeChoice) -> AttemptOutcome {
    match choice {
        OutcomeChoice::Delivered => AttemptOutcome::Delivered,
        OutcomeChoice::Retryable => AttemptOutcome::Retryable,
        OutcomeChoice::Rejected => AttemptOutcome::Rejected,
    }
}

/// How an outcome looks.
pub(crate) fn look(outcome: AttemptOutcome) -> Look {
    match outcome {
        AttemptOutcome::Delivered => Look::Good,
        AttemptOutcome::Retryable | AttemptOutcome::Unspecified => Look::Odd,
        AttemptOutcome::Rejected => Look::Bad,
    }
}

/// Name of the mapping, also of one that was removed.
fn name(attempt: &Attempt) -> String {
    if attempt.mapping.is_empty() {
        format!("(removed: {})", attempt.mapping_id)
    } else {
        attempt.mapping.clone()
    }
}

fn status(attempt: &Attempt) -> String {
    if attempt.status == 0 { measure::NOTHING.to_owned() } else { attempt.status.to_string() }
}

/// What went wrong, and the beginning of what the receiver said to that.
fn error(attempt: &Attempt) -> String {
    let response = one_line(&attempt.response);
    match (attempt.error.is_empty(), response.is_empty()) {
        (_, true) => one_line(&attempt.error),
        (true, false) => response,
        (false, false) => format!("{}: {response}", one_line(&attempt.error)),
    }
}

/// One attempt on one line.
pub(crate) fn as_line(attempt: &Attempt) -> String {
    let outcome = attempt.outcome();
    let word = look(outcome).paint(format_args!("{:<9}", json::outcome(outcome)));
    let line = format!(
        "{}  {word}  {}  {:>3}  {:>9}  {}  attempt {}  {}",
        measure::at(attempt.started_at),
        Look::Strong.paint(one_line(&name(attempt))),
        status(attempt),
        measure::latency(measure::duration(attempt.latency)),
        measure::counted(attempt.event_count, "event"),
        attempt.attempt,
        error(attempt),
    );
    line.trim_end().to_owned()
}

fn row(attempt: &Attempt) -> Vec<Cell> {
    let outcome = attempt.outcome();
    vec![
        Cell::new(measure::at(attempt.started_at)),
        Cell::new(name(attempt)).look(Look::Strong),
        Cell::new(json::outcome(outcome)).look(look(outcome)),
        Cell::number(status(attempt)),
        Cell::number(measure::latency(measure::duration(attempt.latency))),
        Cell::number(measure::count(attempt.event_count)),
        Cell::number(measure::bytes(attempt.body_bytes)),
        Cell::number(attempt.attempt.to_string()),
        Cell::new(&attempt.batch_id).look(Look::Faint),
        Cell::new(error(attempt)),
    ]
}
