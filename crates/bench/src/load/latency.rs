//! Latency: how soon a call is acknowledged and an event arrives when there is little to do; and the cost of nothing.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde_json::json;

use crate::{
    events::Events,
    ledger::Ledger,
    receiver::Receiver,
    report::{self, Report},
    sender::Sender,
    stand::{self, Process, Role, SECRET, Stand, WRITE_KEY, until},
    usage, yardstick,
};

struct Bench {
    stand: Stand,
    receiver: Receiver,
    process: Process,
    sender: Sender,
    ledger: Arc<Ledger>,
}

async fn bench(events: &Arc<Events>, count: u64, batching: bool) -> Result<Bench> {
    let stand = Stand::start().await?;
    let ledger = Arc::new(Ledger::new(count));
    let receiver = Receiver::start(Arc::clone(&ledger), Some(SECRET)).await?;
    let fields = json!({ "enable_batching": batching, "data": { "@path": "$." } });
    stand.apply(vec![stand::destination("receiver", &receiver.url(), fields)]).await?;
    let process = stand.run(Role::Serve).await?;
    let sender = Sender {
        ingest: process.ingest(),
        write_key: WRITE_KEY.to_owned(),
        events: Arc::clone(events),
        ledger: Arc::clone(&ledger),
    };
    Ok(Bench { stand, receiver, process, sender, ledger })
}

/// One event a call, 1,000 calls a second.
pub(super) async fn acknowledgement(events: &Arc<Events>, report: &mut Report) -> Result<()> {
    const COUNT: u64 = 20_000;
    let bench = bench(events, COUNT, true).await?;
    let (times, _) = bench.sender.steadily(0..COUNT, 1_000.0, 16).await?;
    until("every event arrives", Duration::from_mins(1), async || Ok(bench.ledger.arrived() == COUNT))
        .await?;
    commits(&bench, events, report).await?;
    note(report, "acknowledgement at 1 k events/s, one a call", &times, ("<= 2 ms", "<= 8 ms"));
    Ok(())
}

/// From publishing to arrival, 20 events a second, batching off.
pub(super) async fn arrival(events: &Arc<Events>, report: &mut Report) -> Result<()> {
    const COUNT: u64 = 600;
    let bench = bench(events, COUNT, false).await?;
    bench.receiver.time_arrivals();
    let (_, sent) = bench.sender.steadily(0..COUNT, 20.0, 1).await?;
    until("every event arrives", Duration::from_mins(1), async || Ok(bench.ledger.arrived() == COUNT))
        .await?;
    let arrived: HashMap<_, _> = bench.receiver.take_arrivals().into_iter().collect();
    let mut times = Histogram::new(3)?;
    for (number, at) in sent {
        let took = arrived.get(&number).context("an arrival that was not timed")?.duration_since(at);
        times.record(u64::try_from(took.as_micros())?)?;
    }
    commits(&bench, events, report).await?;
    note(report, "publish to arrival, 20 events/s, batching off", &times, ("<= 2.5 ms", "<= 5 ms"));
    Ok(())
}

/// Nothing to do, for 30 seconds.
pub(super) async fn idle(report: &mut Report) -> Result<()> {
    const SECONDS: u32 = 30;
    let bench = bench(&Arc::new(Events::new(1)), 1, false).await?;
    tokio::time::sleep(Duration::from_secs(5)).await; // what a start takes is over
    let (cpu, statements) = (usage::cpu_seconds(bench.process.pid()), bench.stand.transactions().await?);
    tokio::time::sleep(Duration::from_secs(SECONDS.into())).await;
    let cpu = usage::cpu_seconds(bench.process.pid()) - cpu;
    let statements = i32::try_from(bench.stand.transactions().await? - statements)?;
    report.note("idle: share of a core", format!("{:.2} %", 100.0 * cpu / f64::from(SECONDS)), "<= 1 %");
    report.note("idle: statements/s", format!("{:.2}", f64::from(statements) / f64::from(SECONDS)), "<= 2");
    report.note("idle: memory, MB", format!("{:.0}", usage::peak_mb(bench.process.pid())), "");
    Ok(())
}

/// The yardstick: either figure holds one commit, which is as fast as the disk is at that time.
async fn commits(bench: &Bench, events: &Events, report: &mut Report) -> Result<()> {
    let times = yardstick::commits(bench.stand.storage.pool(), events, Duration::from_secs(10)).await?;
    note(report, "a bare commit of one row, 100/s, in the same database", &times, ("", ""));
    Ok(())
}

fn note(report: &mut Report, what: &str, times: &Histogram<u64>, goals: (&str, &str)) {
    for (quantile, name, goal) in [(0.5, "p50", goals.0), (0.99, "p99", goals.1)] {
        let milliseconds = report::milliseconds(times.value_at_quantile(quantile));
        report.note(format!("{what}: {name}"), format!("{milliseconds:.2} ms"), goal);
    }
}
