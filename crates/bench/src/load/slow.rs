//! Slow: receivers that always take their time, and what of the allowed concurrency they are asked.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde_json::json;

use super::beside::row;
use crate::{
    events::Events,
    ledger::Ledger,
    receiver::{Mood, Receiver},
    report::Report,
    stand::{self, Role, Stand},
    yardstick::per_second,
};

const CONCURRENCY: u32 = 64;

/// Single events, more than can be sent; so many requests at a time at most: the bound is that over the time each takes.
pub(super) async fn measure(
    takes: Duration,
    lasting: Duration,
    events: &Arc<Events>,
    report: &mut Report,
) -> Result<()> {
    let bound = f64::from(CONCURRENCY) / takes.as_secs_f64();
    let stand = Stand::start().await?;
    let ledger = Arc::new(Ledger::new(0));
    let receiver = Receiver::start(ledger, None).await?;
    receiver.set_mood(Mood::Slow(takes));
    let fields = json!({ "enable_batching": false, "data": { "@path": "$." } });
    let mut destination = stand::destination("slow", &receiver.url(), fields);
    destination.delivery.max_concurrency = CONCURRENCY;
    stand.apply(vec![destination]).await?;
    let (_, lane) = stand.lanes().await?.remove(0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive count")]
    let rows = (bound * lasting.as_secs_f64() * 2.0 / 100.0) as u64 + 20;
    for part in 0..rows {
        let row = row(lane, part * 100..part * 100 + 100, events);
        stand.storage.queue().enqueue(&[row], &[]).await?;
    }
    let process = stand.run(Role::Dispatcher(0)).await?;
    tokio::time::sleep(takes * 4 + Duration::from_secs(3)).await; // the window has grown to what it may be
    let (before, begin) = (receiver.requests(), Instant::now());
    tokio::time::sleep(lasting).await;
    let rate = per_second(receiver.requests() - before, begin.elapsed());
    drop(process);
    report.note(
        format!("a receiver that takes {takes:?}: requests/s, of at most {bound:.1}"),
        format!("{rate:.1} ({:.2} of the bound)", rate / bound),
        "",
    );
    report.note(
        format!("a receiver that takes {takes:?}: requests at a time, of at most {CONCURRENCY}"),
        receiver.most_at_a_time().to_string(),
        "",
    );
    Ok(())
}
