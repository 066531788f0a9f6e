//! Backlog: a receiver that is down while millions of events are queued, then comes back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::json;
use signalpost_storage::{PARTITIONS, Storage};

use super::throughput::send;
use crate::{
    events::Events,
    ledger::Ledger,
    receiver::{Mood, Receiver},
    report::{Report, thousands},
    stand::{self, Role, SECRET, Stand, until},
    usage,
    yardstick::per_second,
};

/// Events that tell the rate when nothing else is queued.
const EMPTY: u64 = 1_000_000;
/// How often each fetch is measured.
const FETCHES: u32 = 200;

/// With so many events queued.
pub(super) async fn measure(count: u64, events: &Arc<Events>, report: &mut Report) -> Result<()> {
    let stand = Stand::start().await?;
    let fields = json!({ "enable_batching": true, "batch_size": 1000, "data": { "@path": "$." } });
    let (total, name) = (EMPTY + count, format!("{} M queued", count / 1_000_000));
    let ledger = Arc::new(Ledger::new(total));
    let receiver = Receiver::start(Arc::clone(&ledger), Some(SECRET)).await?;
    stand.apply(vec![stand::destination("receiver", &receiver.url(), fields)]).await?;
    let process = stand.run(Role::Serve).await?;

    let begin = Instant::now();
    send(&process.ingest(), 0..EMPTY, events, &ledger).await?;
    until("every event arrives", Duration::from_mins(5), async || Ok(ledger.arrived() == EMPTY)).await?;
    let empty = per_second(EMPTY, begin.elapsed());
    report.note("nothing queued: events/s end to end", thousands(empty), "");
    fetch("nothing queued", &stand.storage, report).await?;

    receiver.set_mood(Mood::Failing);
    let begin = Instant::now();
    let first = EMPTY + count.min(1_000_000);
    send(&process.ingest(), EMPTY..first, events, &ledger).await?;
    fetch("1 M queued", &stand.storage, report).await?;
    send(&process.ingest(), first..total, events, &ledger).await?;
    report.note(
        format!("{name}, receiver down: accepted/s, measurements included"),
        thousands(per_second(count, begin.elapsed())),
        "",
    );
    fetch(&name, &stand.storage, report).await?;
    bury(&stand.storage).await?;
    fetch(&format!("{name}, 1 M dead batches"), &stand.storage, report).await?;

    receiver.set_mood(Mood::Good);
    let before = ledger.arrived();
    until("the receiver is found to be back", Duration::from_mins(3), async || Ok(ledger.arrived() > before))
        .await?;
    let (begin, before) = (Instant::now(), ledger.arrived());
    until("every event arrives", Duration::from_mins(15), async || Ok(ledger.arrived() == total)).await?;
    let drained = per_second(total - before, begin.elapsed());
    ensure!(ledger.lost().is_empty() && receiver.unverified() == 0, "an event was lost or not verified");
    report.note(format!("{name}: delivered/s when the receiver is back"), thousands(drained), "");
    report.note(
        format!("{name}: ratio to end to end with nothing queued ({}/s)", thousands(empty)),
        format!("{:.2}", drained / empty),
        ">= 0.9",
    );
    let memory = format!("{:.0}", usage::peak_mb(process.pid()));
    report.note(format!("{name}: peak memory, MB"), memory, "<= 200");
    Ok(())
}

/// The three statements by which the dispatcher learns what to send: what is new, the next rows of a lane, and the rows themselves.
async fn fetch(when: &str, storage: &Storage, report: &mut Report) -> Result<()> {
    let (queue, all) = (storage.queue(), (0..PARTITIONS).collect::<Vec<i16>>());
    let lane: i64 =
        sqlx::query_scalar("SELECT id FROM signalpost.mappings LIMIT 1").fetch_one(storage.pool()).await?;
    let (mut new, mut page, mut load) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..FETCHES {
        let since = queue.snapshot().await?;
        let begin = Instant::now();
        queue.arrived(&since, &all).await?;
        new.push(begin.elapsed());
        let begin = Instant::now();
        let rows = queue.page(lane, i64::MIN, 500, false).await?;
        page.push(begin.elapsed());
        let keys: Vec<(i64, i64)> = rows.iter().take(10).map(|row| (lane, row.position)).collect();
        let begin = Instant::now();
        queue.load(&keys).await?;
        load.push(begin.elapsed());
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1000.0
    };
    report.note(
        format!("{when}: a look for new rows, the next 500 rows of a lane, loading 10 of them"),
        format!("{:.2} ms, {:.2} ms, {:.2} ms", median(&mut new), median(&mut page), median(&mut load)),
        "",
    );
    Ok(())
}

async fn bury(storage: &Storage) -> Result<()> {
    sqlx::raw_sql(
        "INSERT INTO signalpost.dead_batches (mapping_id, position, event_count, payload, attempts, enqueued_at, reason)
         SELECT m.id, n, 1, '[{\"n\":1}]', 1, now(), 'rejected'
         FROM generate_series(1, 1000000) AS n, (SELECT id FROM signalpost.mappings LIMIT 1) AS m",
    )
    .execute(storage.pool())
    .await?;
    Ok(())
}
