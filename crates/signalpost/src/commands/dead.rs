//! `dead`: dead letters, why each was given up, and what was sent.

use signalpost_proto::v1::{BuryReason, DeadLetter, DeadLetterFilter, ListDeadLettersRequest};

use crate::cli::{Dead, DeadCommand, DeadFilter, ReasonChoice};
use crate::control::{Control, Listed, all};
use crate::json;
use crate::listing::{Listing, facts};
use crate::output::look::Look;
use crate::output::table::Cell;
use crate::output::{self, clean, measure};

const DEAD: Listing<DeadLetter> = Listing {
    name: "dead_letters",
    item: json::dead_letter,
    titles: &["given up (UTC)", "mapping", "position", "events", "reason", "status", "attempts", "error"],
    row,
    none: "no such dead letters",
};

pub(crate) async fn run(args: &Dead, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    match &args.command {
        DeadCommand::List { parent, filter, payload, limit } => {
            let filter = self::filter(parent.parent.as_deref().unwrap_or_default(), None, filter);
            let listed = letters(&control, &filter, *payload && is_json, *limit).await?;
            DEAD.show(&listed, is_json);
        }
        DeadCommand::Show { mapping, position } => {
            let filter = DeadLetterFilter {
                parent: mapping.clone(),
                position: Some(*position),
                ..DeadLetterFilter::default()
            };
            let listed = letters(&control, &filter, true, 1).await?;
            let Some(letter) = listed.items.first() else {
                anyhow::bail!(
                    "{mapping} has no dead letter at position {position}: `signalpost dead list {mapping}`"
                );
            };
            show(letter, is_json);
        }
    }
    Ok(())
}

/// The filter as the contract has it.
pub(crate) fn filter(parent: &str, position: Option<i64>, args: &DeadFilter) -> DeadLetterFilter {
    let reason = match args.reason {
        None => BuryReason::Unspecified,
        Some(ReasonChoice::Rejected) => BuryReason::Rejected,
        Some(ReasonChoice::Expired) => BuryReason::Expired,
        Some(ReasonChoice::Exhausted) => BuryReason::Exhausted,
        Some(ReasonChoice::Overflow) => BuryReason::Overflow,
    };
    DeadLetterFilter {
        parent: parent.to_owned(),
        position,
        reason: reason.into(),
        since: args.since.map(measure::timestamp),
        until: args.until.map(measure::timestamp),
    }
}

async fn letters(
    control: &Control,
    filter: &DeadLetterFilter,
    with_payload: bool,
    limit: usize,
) -> anyhow::Result<Listed<DeadLetter>> {
    all(limit, async |page_size, page_token| {
        // Payloads have up to 1 MB each.
        let page_size = if with_payload { page_size.min(50) } else { page_size };
        let request =
            ListDeadLettersRequest { filter: Some(filter.clone()), with_payload, page_size, page_token };
        let page = control.answer(control.client().list_dead_letters(request).await).await?;
        Ok((page.dead_letters, page.next_page_token))
    })
    .await
}

fn status(letter: &DeadLetter) -> String {
    if letter.status == 0 { measure::NOTHING.to_owned() } else { letter.status.to_string() }
}

fn show(letter: &DeadLetter, is_json: bool) {
    if is_json {
        output::document(&json::dead_letter(letter));
        return;
    }
    let payload = serde_json::from_str::<serde_json::Value>(&letter.payload);
    output::line(facts(&[
        ("mapping", letter.mapping.clone()),
        ("position", letter.position.to_string()),
        ("events", letter.event_count.to_string()),
        ("accepted", measure::at(letter.enqueued_at)),
        ("given up", measure::at(letter.buried_at)),
        ("reason", json::bury_reason(letter.reason()).to_owned()),
        ("attempts", letter.attempts.to_string()),
        ("batch", letter.batch_id.clone()),
        ("status", status(letter)),
        ("error", clean(&letter.last_error).into_owned()),
        ("answer", clean(&letter.response).into_owned()),
        (
            "payload",
            payload.map_or_else(|_| clean(&letter.payload).into_owned(), |payload| format!("{payload:#}")),
        ),
    ]));
    let DeadLetter { mapping, position, .. } = letter;
    output::aside(format_args!("\nto queue it again: signalpost redrive {mapping} --position {position}"));
}

fn row(letter: &DeadLetter) -> Vec<Cell> {
    vec![
        Cell::new(measure::at(letter.buried_at)),
        Cell::new(&letter.mapping).look(Look::Strong),
        Cell::number(letter.position.to_string()),
        Cell::number(measure::count(letter.event_count)),
        Cell::new(json::bury_reason(letter.reason())),
        Cell::number(status(letter)),
        Cell::number(letter.attempts.to_string()),
        Cell::new(&letter.last_error),
    ]
}
