//! `top`: the lanes as they are now, troubled first, with the last failures, until a key ends it.
//!
//! Invariants: the terminal is left as it was found, however this ends; without a terminal nothing is drawn.

mod frame;
mod screen;

use std::io::{self, IsTerminal};

use serde_json::json;
use signalpost_proto::v1::{Attempt, Lane, ListAttemptsRequest};
use tokio::signal::unix::{SignalKind, signal};

use super::queue;
use crate::cli::Top;
use crate::control::Control;
use crate::exit::Failure;
use crate::json;
use crate::output;
use screen::{Key, Screen};

/// More than fit on any screen.
const LANES: usize = 2000;
const FAILURES: u32 = 10;

/// What is shown at a time.
struct Now {
    lanes: Vec<Lane>,
    failures: Vec<Attempt>,
}

pub(crate) async fn run(args: &Top, is_json: bool) -> anyhow::Result<()> {
    let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    if !is_terminal && !is_json {
        return Err(Failure::usage(anyhow::anyhow!(
            "top draws on a terminal, and this is none: `signalpost queue` prints the lanes once, `signalpost top --json` \
             an object a line until it is ended"
        )));
    }
    let control = Control::connect(&args.connection).await?;
    let parent = args.parent.parent.clone().unwrap_or_default();
    // Before the screen is taken: what goes wrong at once is told as by any command.
    let first = look(&control, &parent).await?;
    if is_json {
        stream(&control, args, &parent, first).await
    } else {
        draw(&control, args, &parent, first).await
    }
}

async fn look(control: &Control, parent: &str) -> anyhow::Result<Now> {
    let mut lanes = queue::lanes(control, parent, false, LANES).await?.items;
    lanes.sort_by_key(|lane| (frame::rank(lane), std::cmp::Reverse(lane.events)));
    let request = ListAttemptsRequest {
        parent: parent.to_owned(),
        only_failures: true,
        page_size: FAILURES,
        ..ListAttemptsRequest::default()
    };
    let failures = control.answer(control.client().list_attempts(request).await).await?.attempts;
    Ok(Now { lanes, failures })
}

async fn stream(control: &Control, args: &Top, parent: &str, first: Now) -> anyhow::Result<()> {
    let mut now = first;
    loop {
        let lanes: Vec<_> = now.lanes.iter().map(json::lane).collect();
        let failures: Vec<_> = now.failures.iter().map(json::attempt).collect();
        output::line(json!({ "lanes": lanes, "failures": failures }));
        tokio::time::sleep(args.every).await;
        now = look(control, parent).await?;
    }
}

async fn draw(control: &Control, args: &Top, parent: &str, first: Now) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let _screen = Screen::take()?;
    let mut now = first;
    let mut trouble = None;
    loop {
        let (width, height) = Screen::size();
        Screen::draw(&frame::lines(&now.lanes, &now.failures, trouble.as_deref(), height), width)?;
        let key = tokio::select! {
            key = Screen::key(args.every) => key?,
            _ = terminate.recv() => Key::Quit,
        };
        match key {
            Key::Quit => return Ok(()),
            Key::Redraw => {}
            Key::None => match look(control, parent).await {
                Ok(next) => (now, trouble) = (next, None),
                // The server may come back; what was last seen stays.
                Err(error) => trouble = Some(format!("{error:#}")),
            },
        }
    }
}
