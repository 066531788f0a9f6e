//! `redrive`: dead letters are queued again, by a job of the server's that can be watched, paced and ended.
//!
//! Invariant: the job is the server's: this command ending, for whatever reason, changes nothing about it.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signalpost_proto::v1::{
    ControlRedriveRequest, CreateRedriveRequest, GetRedriveRequest, ListRedrivesRequest, Redrive,
    RedriveControl, RedriveState,
};

use super::dead;
use crate::cli::{self, CreateRedrive, RedriveCommand, RedriveId};
use crate::control::{Control, all};
use crate::json;
use crate::listing::{Listing, facts};
use crate::output::look::Look;
use crate::output::table::Cell;
use crate::output::{self, measure};

/// How often progress is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(300);

const REDRIVES: Listing<Redrive> = Listing {
    name: "redrives",
    item: json::redrive,
    titles: &["id", "made (UTC)", "by", "what", "state", "queued again", "of", "pace"],
    row,
    none: "no such redrives",
};

pub(crate) async fn run(args: &cli::Redrive, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    let (id, change, pace) = match &args.command {
        None => return create(&control, &args.create, is_json).await,
        Some(RedriveCommand::List { live, limit }) => return list(&control, *live, *limit, is_json).await,
        Some(RedriveCommand::Show { redrive: RedriveId { id }, follow }) => {
            let redrive = if *follow { watch(&control, *id).await? } else { get(&control, *id).await? };
            show(&redrive, is_json);
            return Ok(());
        }
        Some(RedriveCommand::Pause(RedriveId { id })) => (*id, RedriveControl::Pause, None),
        Some(RedriveCommand::Resume(RedriveId { id })) => (*id, RedriveControl::Resume, None),
        Some(RedriveCommand::Cancel(RedriveId { id })) => (*id, RedriveControl::Cancel, None),
        Some(RedriveCommand::Pace { redrive: RedriveId { id }, rate }) => {
            (*id, RedriveControl::Unspecified, Some(*rate))
        }
    };
    let request = ControlRedriveRequest { id, control: change.into(), events_per_second: pace };
    let changed = control.answer(control.client().control_redrive(request).await).await?;
    show(&changed.redrive.unwrap_or_default(), is_json);
    Ok(())
}

async fn create(control: &Control, args: &CreateRedrive, is_json: bool) -> anyhow::Result<()> {
    let parent = args.parent.as_deref().unwrap_or_default();
    let mut request = CreateRedriveRequest {
        filter: Some(dead::filter(parent, args.position, &args.filter)),
        events_per_second: args.rate,
        dry_run: true,
    };
    let planned = control.answer(control.client().create_redrive(request.clone()).await).await?;
    let mut redrive = planned.redrive.context("the server counted nothing")?;
    let matched = counted(redrive.events_matched);
    if args.dry_run || redrive.events_matched == 0 {
        if is_json {
            output::document(&json::redrive(&redrive));
        } else if redrive.events_matched == 0 {
            output::line(format_args!(
                "nothing of {parent} is dead, or not so: there is nothing to queue again"
            ));
        } else {
            output::line(format_args!("this would queue {matched} again; nothing was done (--dry-run)"));
        }
        return Ok(());
    }
    request.dry_run = false;
    let made = control.answer(control.client().create_redrive(request).await).await?;
    redrive = made.redrive.context("the server made no redrive")?;
    if !args.detach {
        let id = redrive.id;
        output::aside(format_args!(
            "redrive {id}: {matched}; it goes on without this command (signalpost redrive pause {id})"
        ));
        redrive = watch(control, id).await?;
    }
    show(&redrive, is_json);
    Ok(())
}

async fn get(control: &Control, id: i64) -> anyhow::Result<Redrive> {
    let answer = control.answer(control.client().get_redrive(GetRedriveRequest { id }).await).await?;
    answer.redrive.with_context(|| format!("the server did not tell about redrive {id}"))
}

/// Shows progress until the redrive has ended, or waits for somebody.
async fn watch(control: &Control, id: i64) -> anyhow::Result<Redrive> {
    let bar = bar();
    loop {
        let redrive = get(control, id).await?;
        bar.set_length(u64::try_from(redrive.events_matched).unwrap_or_default());
        bar.set_position(u64::try_from(redrive.events_redriven).unwrap_or_default());
        if redrive.state() != RedriveState::Running {
            bar.finish_and_clear();
            return Ok(redrive);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn bar() -> ProgressBar {
    let is_terminal = std::io::stderr().is_terminal();
    let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} events  {per_sec}  {eta} left");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

async fn list(control: &Control, only_live: bool, limit: usize, is_json: bool) -> anyhow::Result<()> {
    let listed = all(limit, async |page_size, page_token| {
        let request = ListRedrivesRequest { only_live, page_size, page_token };
        let page = control.answer(control.client().list_redrives(request).await).await?;
        Ok((page.redrives, page.next_page_token))
    });
    REDRIVES.show(&listed.await?, is_json);
    Ok(())
}

fn show(redrive: &Redrive, is_json: bool) {
    if is_json {
        output::document(&json::redrive(redrive));
        return;
    }
    let state = json::redrive_state(redrive.state());
    output::line(facts(&[
        ("redrive", redrive.id.to_string()),
        ("what", what(redrive)),
        ("state", look(redrive.state()).paint(state)),
        (
            "queued again",
            format!("{} of {}", count(redrive.events_redriven), counted(redrive.events_matched)),
        ),
        ("pace", pace(redrive)),
        ("made", format!("{} by {}", measure::at(redrive.created_at), output::clean(&redrive.created_by))),
        ("ended", redrive.ended_at.map_or_else(String::new, |at| measure::at(Some(at)))),
    ]));
}

fn count(number: i64) -> String {
    measure::count(number)
}

fn counted(events: i64) -> String {
    measure::counted(events, "event")
}

fn look(state: RedriveState) -> Look {
    match state {
        RedriveState::Done => Look::Good,
        RedriveState::Running => Look::Plain,
        RedriveState::Paused | RedriveState::Cancelled | RedriveState::Unspecified => Look::Odd,
    }
}

fn pace(redrive: &Redrive) -> String {
    if redrive.events_per_second <= 0.0 {
        "as fast as it goes".to_owned()
    } else {
        format!("{} at most", measure::rate(redrive.events_per_second))
    }
}

/// The filter in words: `shop/warehouse, expired, since …`.
fn what(redrive: &Redrive) -> String {
    let Some(filter) = &redrive.filter else { return String::new() };
    let mut parts = vec![filter.parent.clone()];
    parts.extend(filter.position.map(|position| format!("position {position}")));
    if filter.reason != 0 {
        parts.push(json::bury_reason(filter.reason()).to_owned());
    }
    parts.extend(filter.since.map(|since| format!("since {}", measure::at(Some(since)))));
    parts.extend(filter.until.map(|until| format!("until {}", measure::at(Some(until)))));
    parts.join(", ")
}

fn row(redrive: &Redrive) -> Vec<Cell> {
    vec![
        Cell::number(redrive.id.to_string()),
        Cell::new(measure::at(redrive.created_at)),
        Cell::new(&redrive.created_by),
        Cell::new(what(redrive)).look(Look::Strong),
        Cell::new(json::redrive_state(redrive.state())).look(look(redrive.state())),
        Cell::number(count(redrive.events_redriven)),
        Cell::number(count(redrive.events_matched)),
        Cell::new(pace(redrive)),
    ]
}
