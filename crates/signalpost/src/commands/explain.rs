//! `explain`: why an event did not arrive, mapping by mapping.

use serde_json::json;
use signalpost_proto::v1::{EventFate, ExplainRequest, ExplainResponse, Explanation};

use super::attempts;
use crate::cli::Explain;
use crate::control::Control;
use crate::event_file;
use crate::json;
use crate::output::look::Look;
use crate::output::{self, clean};

/// How many mappings in which nothing was found are named.
const NAMED: usize = 3;

pub(crate) async fn run(args: &Explain, is_json: bool) -> anyhow::Result<()> {
    let file = args.event.as_deref().map(event_file::read).transpose()?;
    let (event, in_event) = file.map_or((None, None), |file| (Some(file.event), file.message_id));
    // An event without one is looked at all the same: its triggers and mappings are tried.
    let message_id = args.message_id.clone().or(in_event).unwrap_or_default();
    let control = Control::connect(&args.connection).await?;
    let request = ExplainRequest {
        message_id: message_id.clone(),
        source: args.source.clone().unwrap_or_default(),
        mapping: args.mapping.clone().unwrap_or_default(),
        event,
    };
    let answer = control.answer(control.client().explain(request).await).await?;
    if is_json {
        let explanations: Vec<_> = answer.explanations.iter().map(json::explanation).collect();
        output::document(&json!({
            "message_id": message_id,
            "summary": answer.summary,
            "explanations": explanations,
        }));
    } else {
        output::line(text(&answer));
    }
    Ok(())
}

fn text(answer: &ExplainResponse) -> String {
    let is_nowhere = |one: &&Explanation| one.fate() == EventFate::NotFound;
    let (nowhere, mut found): (Vec<_>, Vec<_>) = answer.explanations.iter().partition(is_nowhere);
    found.sort_by_key(|one| rank(one.fate()));
    let summary = Look::Strong.paint(clean(&answer.summary));
    let mut parts = vec![summary];
    parts.extend(found.into_iter().map(one));
    match nowhere.as_slice() {
        few @ ([] | [_]) => parts.extend(few.iter().map(|explanation| one(explanation))),
        many => parts.push(together(many)),
    }
    parts.join("\n\n")
}

/// Where most is to be done first.
fn rank(fate: EventFate) -> u8 {
    match fate {
        EventFate::Dead => 0,
        EventFate::Unmapped => 1,
        EventFate::Queued => 2,
        EventFate::Disabled => 3,
        EventFate::Unwanted => 4,
        EventFate::Unspecified | EventFate::NotFound => 5,
    }
}

/// Mappings in which nothing was found: what is to be said of one is to be said of all.
fn together(explanations: &[&Explanation]) -> String {
    let names: Vec<String> =
        explanations.iter().take(NAMED).map(|one| clean(&one.mapping).into_owned()).collect();
    let more = match explanations.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let mut text = format!("{}{more}: {}", Look::Strong.paint(names.join(", ")), word(EventFate::NotFound));
    if let Some(advice) = explanations.first().map(|one| &one.advice).filter(|advice| !advice.is_empty()) {
        text = format!("{text}\n  → {}", clean(advice));
    }
    text
}

fn one(explanation: &Explanation) -> String {
    let fate = explanation.fate();
    let mut lines = vec![format!(
        "{}: {}",
        Look::Strong.paint(clean(&explanation.mapping)),
        look(fate).paint(word(fate))
    )];
    lines.extend(explanation.steps.iter().map(|step| format!("  · {}", clean(step).replace('\n', "\n    "))));
    if !explanation.advice.is_empty() {
        lines.push(format!("  → {}", clean(&explanation.advice)));
    }
    lines.extend(explanation.attempts.iter().map(|attempt| format!("    {}", attempts::as_line(attempt))));
    lines.join("\n")
}

fn word(fate: EventFate) -> &'static str {
    match fate {
        EventFate::Unspecified => "cannot be known",
        EventFate::Disabled => "takes no events",
        EventFate::Unwanted => "not wanted by the trigger",
        EventFate::Unmapped => "could not be mapped",
        EventFate::Queued => "waits",
        EventFate::Dead => "was given up",
        EventFate::NotFound => "not queued, not dead, not rejected",
    }
}

fn look(fate: EventFate) -> Look {
    match fate {
        EventFate::Unmapped | EventFate::Dead => Look::Bad,
        EventFate::Queued | EventFate::Disabled => Look::Odd,
        EventFate::Unwanted | EventFate::NotFound | EventFate::Unspecified => Look::Plain,
    }
}
