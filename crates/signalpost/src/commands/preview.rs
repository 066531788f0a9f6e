//! `preview`: what a mapping makes of events, down to the bytes of the request. Needs no database.

mod mapping;
mod show;

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;
use signalpost_core::body::Body;
use signalpost_core::event::{Event, Stamp};
use signalpost_core::json::Limits;
use signalpost_core::payload::Recipe;
use signalpost_core::request::{Identity, Prepared};
use signalpost_core::target::Target;
use signalpost_core::trigger::{Explanation, Trigger, explain};
use uuid::Uuid;

use crate::cli::Preview;
use crate::exit::{Failure, Status};
use crate::output;
use mapping::Mapping;

const EVENT_BYTES_MAX: usize = 16 << 20;

/// What became of one event.
#[derive(Debug, Serialize)]
pub(crate) struct Previewed {
    /// Its place among the events, from 1.
    number: usize,
    message_id: String,
    /// Why the event itself would be refused.
    refused: Option<String>,
    trigger: Option<Explanation>,
    payload: Option<serde_json::Value>,
    /// Why the mapping fails for it.
    failed: Option<String>,
}

/// A request as it would be sent.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    /// The events in it, by number.
    events: Vec<usize>,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    signature: Option<String>,
    body: Option<String>,
}

/// What is waiting to become one request.
struct Group {
    target: Target,
    numbers: Vec<usize>,
    payloads: Vec<String>,
}

pub(crate) fn run(args: &Preview, is_json: bool) -> anyhow::Result<()> {
    let mapping = mapping::read(args)?;
    let recipe = Recipe::compile(&mapping.fields, mapping.numbers).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::input(anyhow::anyhow!("the mapping cannot be used:\n{}", lines.join("\n")))
    })?;
    let trigger = mapping
        .trigger
        .as_deref()
        .map(Trigger::parse)
        .transpose()
        .map_err(|error| Failure::input(anyhow::anyhow!("the trigger cannot be used: {error}")))?;
    let mut groups = Vec::new();
    let mut previewed = Vec::new();
    for (index, text) in events(&args.event)?.iter().enumerate() {
        previewed.push(one(index + 1, text, args.raw, trigger.as_ref(), &recipe, &mut groups));
    }
    let requests = requests(&mapping, recipe.batching().is_some(), groups)?;
    if is_json {
        output::document(&serde_json::json!({ "events": previewed, "requests": requests }));
    } else {
        output::line(show::text(&previewed, &requests, mapping.trigger.as_deref()));
    }
    let is_bad = previewed.iter().any(|event| event.refused.is_some() || event.failed.is_some());
    if is_bad { Err(Failure::shown(Status::Input)) } else { Ok(()) }
}

/// One JSON value, or one on each line.
fn events(path: &Path) -> anyhow::Result<Vec<String>> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
    } else {
        text = fs::read_to_string(path)
            .with_context(|| format!("reading {}", path.display()))
            .map_err(Failure::input)?;
    }
    let is_one = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
    let lines = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned);
    Ok(if is_one { vec![text] } else { lines.collect() })
}

fn one(
    number: usize,
    text: &str,
    is_raw: bool,
    trigger: Option<&Trigger>,
    recipe: &Recipe,
    groups: &mut Vec<Group>,
) -> Previewed {
    let mut previewed = Previewed {
        number,
        message_id: String::new(),
        refused: None,
        trigger: None,
        payload: None,
        failed: None,
    };
    let event = match event(text, is_raw) {
        Ok(event) => event,
        Err(why) => {
            previewed.refused = Some(why);
            return previewed;
        }
    };
    event.message_id().clone_into(&mut previewed.message_id);
    previewed.trigger = trigger.map(|trigger| explain(trigger, &event));
    if previewed.trigger.as_ref().is_some_and(|explanation| !explanation.matches) {
        return previewed;
    }
    let mut payload = String::new();
    match recipe.write_payload(event.document(), &mut payload) {
        Err(rejection) => {
            let at = if rejection.path.is_empty() { "" } else { ": " };
            previewed.failed = Some(format!("{}{at}{}", rejection.path, rejection.reason));
        }
        Ok(target) => {
            previewed.payload = serde_json::from_str(&payload).ok();
            let target = target.or_else(|| recipe.static_target().cloned());
            group(recipe, target.expect("static when not resolved"), number, payload, groups);
        }
    }
    previewed
}

fn event(text: &str, is_raw: bool) -> Result<Event, String> {
    let limits = Limits::new(EVENT_BYTES_MAX);
    let event = if is_raw {
        Event::parse(text, &limits)
    } else {
        let mut new_message_id = || Uuid::new_v4().to_string();
        let mut stamp = Stamp { received_at: now(), new_message_id: &mut new_message_id };
        Event::normalise(text.trim().as_bytes(), &limits, &mut stamp)
    };
    event.map_err(|error| error.to_string())
}

#[expect(clippy::disallowed_methods, reason = "a preview stamps `receivedAt` as ingest would")]
fn now() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}

/// Joins what may share a request; without batching, nothing may.
fn group(recipe: &Recipe, target: Target, number: usize, payload: String, groups: &mut Vec<Group>) {
    let size = recipe.batching().map_or(1, |batching| batching.size as usize);
    let fits = |group: &&mut Group| group.target == target && group.payloads.len() < size;
    match groups.iter_mut().rev().find(fits) {
        Some(group) => {
            group.numbers.push(number);
            group.payloads.push(payload);
        }
        None => groups.push(Group { target, numbers: vec![number], payloads: vec![payload] }),
    }
}

fn requests(mapping: &Mapping, is_batched: bool, groups: Vec<Group>) -> anyhow::Result<Vec<Shown>> {
    let request = |group: Group| {
        let body = if is_batched {
            Some(Body::array(group.payloads.into_iter().map(Bytes::from)))
        } else {
            group.payloads.into_iter().next().filter(|body| body != "null").map(Body::from)
        };
        let identity = Identity { batch_id: Uuid::nil(), attempt: 1, is_maybe_repeated: false };
        let signatures =
            mapping.signers.sign(body.as_ref(), is_batched, identity.batch_id, || now().timestamp());
        let Target { url, method, headers, .. } = &group.target;
        let prepared = Prepared::new(method.as_str(), url, headers).map_err(Failure::input)?;
        let request = prepared.request(body, &signatures, identity);
        Ok(Shown {
            events: group.numbers,
            method: request.method.to_string(),
            url: request.uri.to_string(),
            headers: request.header_lines().map(|(name, value)| (name.to_owned(), value)).collect(),
            signature: signatures.shared,
            body: request.body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()),
        })
    };
    groups.into_iter().map(request).collect()
}
