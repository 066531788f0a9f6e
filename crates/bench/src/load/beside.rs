//! Beside: how soon events of healthy lanes arrive, alone and beside lanes whose receiver hangs.
//!
//! Rows are put into the queue as ingest does, with their hint, so that the figure is the dispatcher's; every event is
//! timed from there to its arrival.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde_json::json;
use signalpost_storage::NewBatch;

use crate::{
    events::Events,
    ledger::Ledger,
    receiver::{Mood, Receiver},
    report::{self, Report},
    stand::{self, Role, Stand, until},
    usage,
};

/// Between two commits.
const COMMIT_EVERY: Duration = Duration::from_millis(10);

/// What runs beside what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    name: &'static str,
    healthy: usize,
    hanging: usize,
    /// Of all healthy lanes, and of all that hang, a second.
    healthy_events: usize,
    hanging_events: usize,
    /// What every lane that hangs has queued to begin with, in rows of 150 events; those are sent in batches.
    backlog_rows: usize,
    mood: Mood,
    /// Of the lanes that hang.
    max_concurrency: u32,
    lasting: Duration,
}

/// 1,000 lanes, of which 10 % hang with 4.6 MB queued each: 460 MB, seven times what may be in memory.
pub(super) fn lanes(lasting: Duration) -> Shape {
    Shape {
        name: "1,000 lanes, 100 hanging",
        healthy: 900,
        hanging: 100,
        healthy_events: 900,
        hanging_events: 100,
        backlog_rows: 40,
        mood: Mood::Hanging,
        max_concurrency: 8,
        lasting,
    }
}

/// One receiver that answers after 10 s, asked as often as events come: 2,000 requests under way.
pub(super) fn receiver(lasting: Duration) -> Shape {
    Shape {
        name: "one receiver hanging for 10 s at 200 events/s",
        healthy: 1,
        hanging: 1,
        healthy_events: 100,
        hanging_events: 200,
        backlog_rows: 0,
        mood: Mood::Slow(Duration::from_secs(10)),
        max_concurrency: 1000,
        lasting,
    }
}

/// In turn, so that what else goes on on the machine meets both alike.
pub(super) async fn measure(
    shape: Shape,
    rounds: u32,
    events: &Arc<Events>,
    report: &mut Report,
) -> Result<()> {
    let (mut alone, mut beside) = (Run::new()?, Run::new()?);
    for _ in 0..rounds {
        alone.add(&once(Shape { hanging_events: 0, backlog_rows: 0, ..shape }, events).await?)?;
        beside.add(&once(shape, events).await?)?;
    }
    let name = shape.name;
    for (quantile, text) in [(0.5, "p50"), (0.99, "p99")] {
        let [one, two] = [&alone, &beside].map(|run| milliseconds(&run.times, quantile));
        let goal = if quantile > 0.9 { "<= 1.1 x" } else { "" };
        report.note(
            format!("{name}: {text} of a healthy lane, alone and beside them"),
            format!("{one:.2} ms, {two:.2} ms ({:.2} x)", two / one),
            goal,
        );
    }
    report.note(format!("{name}: requests hanging at a time"), beside.hanging.to_string(), "");
    let memory = format!("{:.0}, {:.0}", alone.memory, beside.memory);
    report.note(format!("{name}: peak memory of the dispatcher, MB"), memory, "<= 200");
    Ok(())
}

/// One run, or several together.
struct Run {
    times: Histogram<u64>,
    hanging: u64,
    memory: f64,
}

impl Run {
    fn new() -> Result<Self> {
        Ok(Self { times: Histogram::new(3)?, hanging: 0, memory: 0.0 })
    }

    fn add(&mut self, other: &Self) -> Result<()> {
        self.times.add(&other.times)?;
        self.hanging = self.hanging.max(other.hanging);
        self.memory = self.memory.max(other.memory);
        Ok(())
    }
}

async fn once(shape: Shape, events: &Arc<Events>) -> Result<Run> {
    let seconds = usize::try_from(shape.lasting.as_secs())?;
    let count = seconds * shape.healthy_events;
    let stand = Stand::start().await?;
    let ledger = Arc::new(Ledger::new(count as u64));
    let works = Receiver::start(Arc::clone(&ledger), None).await?;
    let hangs = Receiver::start(Arc::new(Ledger::new(0)), None).await?;
    hangs.set_mood(shape.mood);
    works.time_arrivals();
    let (healthy, hanging) = apply(&stand, shape, &works, &hangs).await?;
    let process = stand.run(Role::Dispatcher(0)).await?;
    for lane in &hanging {
        let rows: Vec<NewBatch> = (0..shape.backlog_rows).map(|_| row(*lane, 0..150, events)).collect();
        stand.storage.queue().enqueue(&rows, &[]).await?;
    }
    // So that what was just queued is not written out while the lanes are measured.
    sqlx::raw_sql("CHECKPOINT").execute(stand.storage.pool()).await?;

    let queued = flow(&stand, shape, &healthy, &hanging, events).await?;
    let all = queued.len() as u64;
    until("every event of a healthy lane arrives", Duration::from_mins(2), async || {
        Ok(ledger.arrived() >= all)
    })
    .await?;
    let mut times = Histogram::new(3)?;
    for (number, at) in works.take_arrivals() {
        let since = queued.get(&number).context("an arrival that was not queued")?;
        times.record(u64::try_from(at.duration_since(*since).as_micros())?)?;
    }
    Ok(Run { times, hanging: hangs.most_at_a_time(), memory: usage::peak_mb(process.pid()) })
}

/// Queues what the lanes get, and says when each event of a healthy lane was.
async fn flow(
    stand: &Stand,
    shape: Shape,
    healthy: &[i64],
    hanging: &[i64],
    events: &Events,
) -> Result<HashMap<u64, Instant>> {
    let begin = Instant::now();
    let due = |a_second: usize| {
        let millis = begin.elapsed().min(shape.lasting).as_millis();
        usize::try_from(millis).unwrap_or(usize::MAX) * a_second / 1000
    };
    let mut queued = HashMap::new();
    let (mut next, mut next_hanging) = (0, 0);
    while begin.elapsed() < shape.lasting {
        let (ours, theirs) = (next..due(shape.healthy_events), next_hanging..due(shape.hanging_events));
        (next, next_hanging) = (ours.end, theirs.end);
        let rows: Vec<NewBatch> = ours
            .clone()
            .map(|number| row(healthy[number % healthy.len()], number as u64..number as u64 + 1, events))
            .chain(theirs.map(|number| row(hanging[number % hanging.len()], 0..1, events)))
            .collect();
        let at = Instant::now();
        stand.storage.queue().enqueue(&rows, &[]).await?;
        stand.storage.queue().wake().await?;
        queued.extend(ours.map(|number| (number as u64, at)));
        tokio::time::sleep(COMMIT_EVERY).await;
    }
    Ok(queued)
}

/// One destination a lane; the ids of the healthy lanes, and of the others.
async fn apply(
    stand: &Stand,
    shape: Shape,
    works: &Receiver,
    hangs: &Receiver,
) -> Result<(Vec<i64>, Vec<i64>)> {
    let single = json!({ "enable_batching": false, "data": { "@path": "$." } });
    let fields = json!({ "enable_batching": shape.backlog_rows > 0, "data": { "@path": "$." } });
    let mut destinations = Vec::new();
    for number in 0..shape.healthy {
        destinations.push(stand::destination(&format!("healthy-{number}"), &works.url(), single.clone()));
    }
    for number in 0..shape.hanging {
        let mut destination = stand::destination(&format!("hanging-{number}"), &hangs.url(), fields.clone());
        destination.delivery.max_concurrency = shape.max_concurrency;
        destination.delivery.timeout = Duration::from_secs(15);
        destinations.push(destination);
    }
    stand.apply(destinations).await?;
    let lanes = stand.lanes().await?;
    let of =
        |kind: &str| lanes.iter().filter(|(name, _)| name.starts_with(kind)).map(|(_, id)| *id).collect();
    Ok((of("healthy"), of("hanging")))
}

/// A row of these events, as ingest queues it.
pub(super) fn row(mapping_id: i64, numbers: std::ops::Range<u64>, events: &Events) -> NewBatch {
    let event_count = i32::try_from(numbers.end - numbers.start).unwrap_or(i32::MAX);
    let texts: Vec<String> =
        numbers.map(|number| String::from_utf8_lossy(&events.event(number)).into_owned()).collect();
    NewBatch {
        mapping_id,
        event_count,
        payload: format!("[{}]", texts.join(",")),
        target: None,
        traces: None,
    }
}

fn milliseconds(times: &Histogram<u64>, quantile: f64) -> f64 {
    report::milliseconds(times.value_at_quantile(quantile))
}
