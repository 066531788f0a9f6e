//! `pause`, `resume`, `retry`: what is done to lanes at once.
//!
//! Invariant: a name that stands for several mappings is done for all of them, or the first refusal is told with what was
//! done before.

use serde_json::{Value, json};
use signalpost_proto::v1::{PauseRequest, ResumeRequest, RetryNowRequest};

use crate::cli::{Lanes, OnLanes, Pause};
use crate::control::{Control, mappings_of};
use crate::output::{self, measure};

pub(crate) async fn pause(args: &Pause, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    for_each(&control, &args.names, is_json, async |mapping| {
        let request = PauseRequest { mapping: mapping.to_owned(), why: args.why.clone() };
        control.answer(control.client().pause(request).await).await?;
        let text = format!("{mapping} is paused: its events are queued and not sent");
        Ok((json!({ "mapping": mapping, "paused": true }), text))
    })
    .await
}

pub(crate) async fn resume(args: &OnLanes, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    for_each(&control, &args.names, is_json, async |mapping| {
        let request = ResumeRequest { mapping: mapping.to_owned() };
        control.answer(control.client().resume(request).await).await?;
        Ok((json!({ "mapping": mapping, "paused": false }), format!("{mapping} goes on")))
    })
    .await
}

pub(crate) async fn retry(args: &OnLanes, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    for_each(&control, &args.names, is_json, async |mapping| {
        let request = RetryNowRequest { mapping: mapping.to_owned() };
        let batches = control.answer(control.client().retry_now(request).await).await?.batches;
        let batch = if batches == 1 { "batch is" } else { "batches are" };
        let text = format!("{mapping}: {} {batch} due now", measure::count(batches));
        Ok((json!({ "mapping": mapping, "batches": batches }), text))
    })
    .await
}

async fn for_each(
    control: &Control,
    names: &Lanes,
    is_json: bool,
    mut act: impl AsyncFnMut(&str) -> anyhow::Result<(Value, String)>,
) -> anyhow::Result<()> {
    let mut done = Vec::new();
    for name in &names.names {
        for mapping in mappings_of(control, name).await? {
            let (value, text) = act(&mapping).await?;
            if is_json {
                done.push(value);
            } else {
                output::line(text);
            }
        }
    }
    if is_json {
        output::document(&json!({ "lanes": done }));
    }
    Ok(())
}
