//! `receive`: a receiver for trying things.

use std::time::{Duration, Instant};

use anyhow::Context;
use axum::http::StatusCode;
use serde_json::{Value, json};
use signalpost_core::secret::Secret;
use signalpost_core::signature::SignatureMode;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::cli::{self, Receive, given};
use crate::exit::Failure;
use crate::lifecycle::Lifecycle;
use crate::output;
use crate::receiver::{Arrival, Behaviour, Counts, Receiver, Verdict};

/// How much of a payload is shown.
const SHOWN_CHARS: usize = 160;
/// How many payloads of a request are shown.
const SHOWN_EVENTS: usize = 5;
const COUNT_EVERY: Duration = Duration::from_secs(1);

impl From<cli::Signature> for SignatureMode {
    fn from(signature: cli::Signature) -> Self {
        match signature {
            cli::Signature::Body => SignatureMode::Body,
            cli::Signature::FirstEvent => SignatureMode::FirstEvent,
        }
    }
}

pub(crate) async fn run(args: &Receive, is_json: bool) -> anyhow::Result<()> {
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}; choose another with --listen", args.listen))
        .map_err(Failure::usage)?;
    let secret = given(args.secret.as_deref(), args.secret_file.as_deref())?;
    let checks = if secret.is_some() { "verifying signatures" } else { "not verifying (no --secret)" };
    let behaviour = Behaviour {
        secret: secret.map(Secret::new),
        signature: args.signature.into(),
        status: StatusCode::from_u16(args.status).context("--status").map_err(Failure::usage)?,
        delay: args.delay,
        fail_rate: args.fail_rate,
    };
    let tasks = TaskTracker::new();
    let lifecycle = Lifecycle::listen(&tasks, Duration::from_secs(5))?;
    let is_shown = !args.count;
    let receiver = Receiver::new(behaviour, move |arrival| match (is_shown, is_json) {
        (true, true) => output::line(request(arrival)),
        (true, false) => output::line(describe(arrival)),
        (false, _) => {}
    });
    eprintln!("receiving on http://{}, {checks}; Ctrl-C ends", listener.local_addr()?);
    let began = Instant::now();
    if args.count {
        tasks.spawn(count(receiver.clone(), lifecycle.clone(), is_json));
    }
    let served = receiver.clone().serve(listener, lifecycle.stop.clone());
    tokio::select! {
        served = served => served.context("receiving")?,
        () = lifecycle.abort.cancelled() => {}
    }
    lifecycle.stop.cancel();
    lifecycle.abort.cancel();
    tasks.close();
    tasks.wait().await;
    let (counts, elapsed) = (receiver.counts(), began.elapsed());
    if is_json {
        output::line(so_far(&counts, elapsed, true));
    } else {
        output::line(summary(&counts, elapsed));
    }
    Ok(())
}

async fn count(receiver: Receiver, lifecycle: Lifecycle, is_json: bool) {
    let began = Instant::now();
    let mut before = 0;
    while lifecycle.stop.run_until_cancelled(tokio::time::sleep(COUNT_EVERY)).await.is_some() {
        let counts = receiver.counts();
        if counts.requests == before {
            continue;
        }
        before = counts.requests;
        if is_json {
            output::line(so_far(&counts, began.elapsed(), false));
        } else {
            output::line(format_args!("{} events in {} requests", counts.events, counts.requests));
        }
    }
}

/// A request for programs.
fn request(arrival: &Arrival) -> Value {
    let verdict = match arrival.verdict {
        Verdict::Verified => "verified",
        Verdict::Wrong => "wrong",
        Verdict::Unsigned => "unsigned",
        Verdict::Unchecked => "unchecked",
    };
    let payload = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    json!({ "request": {
        "method": arrival.method.as_str(),
        "uri": arrival.uri.to_string(),
        "payloads": arrival.payloads().into_iter().map(payload).collect::<Vec<_>>(),
        "body_bytes": arrival.body.len(),
        "signature": verdict,
        "attempt": arrival.attempt,
        "answer": arrival.answer.as_u16(),
    }})
}

/// The counts for programs.
fn so_far(counts: &Counts, elapsed: Duration, is_final: bool) -> Value {
    json!({ "counts": {
        "events": counts.events,
        "distinct": counts.distinct(),
        "repeated": counts.repeated,
        "requests": counts.requests,
        "verified": counts.verified,
        "unverified": counts.unverified,
        "refused": counts.refused,
        "elapsed_seconds": elapsed.as_secs_f64(),
        "is_final": is_final,
    }})
}

/// A request as one line, and its payloads below.
pub(crate) fn describe(arrival: &Arrival) -> String {
    let verdict = match arrival.verdict {
        Verdict::Verified => "verified",
        Verdict::Wrong => "WRONG SIGNATURE",
        Verdict::Unsigned => "NOT SIGNED",
        Verdict::Unchecked => "not checked",
    };
    let events = if arrival.events == 1 { "event" } else { "events" };
    let attempt = arrival.attempt.as_deref().filter(|attempt| *attempt != "1");
    let attempt = attempt.map(|attempt| format!(", attempt {attempt}")).unwrap_or_default();
    let mut text = format!(
        "{} {}  {} {events}, {} bytes, {verdict}{attempt} → {}",
        arrival.method,
        arrival.uri,
        arrival.events,
        arrival.body.len(),
        arrival.answer.as_u16()
    );
    let payloads = arrival.payloads();
    for payload in payloads.iter().take(SHOWN_EVENTS) {
        text.push_str("\n    ");
        text.extend(payload.chars().take(SHOWN_CHARS));
        if payload.chars().nth(SHOWN_CHARS).is_some() {
            text.push('…');
        }
    }
    if payloads.len() > SHOWN_EVENTS {
        text.push_str("\n    …");
    }
    text
}

fn summary(counts: &Counts, elapsed: Duration) -> String {
    format!(
        "{} events in {} requests over {}: {} distinct, {} repeated; {} requests verified, {} not; {} answered with an error",
        counts.events,
        counts.requests,
        humantime::format_duration(Duration::from_secs(elapsed.as_secs())),
        counts.distinct(),
        counts.repeated,
        counts.verified,
        counts.unverified,
        counts.refused,
    )
}
