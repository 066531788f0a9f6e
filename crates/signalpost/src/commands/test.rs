//! `test`: one real request to a receiver, past the queue, and its answer.
//!
//! Invariant: the exit status is 0 only when the receiver took it.

use std::fmt::Write;

use signalpost_proto::v1::{AttemptOutcome, Header, SendTestRequest, SendTestResponse};

use super::attempts;
use crate::cli::Test;
use crate::control::Control;
use crate::event_file;
use crate::exit::{Failure, Status};
use crate::json;
use crate::output::look::Look;
use crate::output::{self, clean, measure};

pub(crate) async fn run(args: &Test, is_json: bool) -> anyhow::Result<()> {
    let event = args.event.as_deref().map(event_file::read).transpose()?.map(|file| file.event);
    let control = Control::connect(&args.connection).await?;
    let request = SendTestRequest { mapping: args.mapping.clone(), event };
    let answer = control.answer(control.client().send_test(request).await).await?;
    if is_json {
        output::document(&json::test(&answer));
    } else {
        output::line(text(&answer));
    }
    if answer.outcome() == AttemptOutcome::Delivered { Ok(()) } else { Err(Failure::shown(Status::Failed)) }
}

fn text(answer: &SendTestResponse) -> String {
    let mut out = String::new();
    if let Some(event) = &answer.event {
        let (look, verdict) =
            if event.is_wanted { (Look::Good, "wants it") } else { (Look::Odd, "does not want it") };
        let _ = writeln!(out, "trigger: {}", look.paint(verdict));
        for why in &event.why {
            let _ = writeln!(out, "  {}", clean(why));
        }
        if !event.problem.is_empty() {
            let at = if event.problem_path.is_empty() {
                String::new()
            } else {
                format!("{}: ", event.problem_path)
            };
            let problem = Look::Bad.paint(format_args!("{at}{}", clean(&event.problem)));
            let _ = writeln!(out, "mapping: {problem}");
        }
    }
    if let Some(request) = &answer.request {
        let _ = writeln!(
            out,
            "\n{}",
            Look::Strong.paint(format_args!("{} {}", request.method, clean(&request.url)))
        );
        write_headers(&mut out, &request.headers);
        let _ = writeln!(out, "\n{}", clean(&String::from_utf8_lossy(&request.body)));
        let _ = writeln!(out, "\n{}", answered(answer));
        write_headers(&mut out, &answer.headers);
        if !answer.body.is_empty() {
            let _ = writeln!(out, "\n{}", clean(&String::from_utf8_lossy(&answer.body)));
        }
    }
    let outcome = answer.outcome();
    let word = attempts::look(outcome).paint(json::outcome(outcome));
    let _ = write!(out, "\noutcome: {word}");
    if !answer.error.is_empty() {
        let _ = write!(out, ": {}", clean(&answer.error));
    }
    out
}

fn answered(answer: &SendTestResponse) -> String {
    let latency = measure::latency(measure::duration(answer.latency));
    let text = if answer.status == 0 {
        format!("no answer after {latency}")
    } else {
        format!("answer {} after {latency}", answer.status)
    };
    Look::Strong.paint(text)
}

fn write_headers(out: &mut String, headers: &[Header]) {
    for header in headers {
        let _ = writeln!(out, "{}: {}", clean(&header.name), clean(&header.value));
    }
}
