//! Throughput: as many events as it takes, from the first call to the last arrival, with what they cost.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{
    events::Events,
    ledger::Ledger,
    receiver::Receiver,
    report::{Report, thousands},
    sender::Sender,
    stand::{self, Role, SECRET, Stand, WRITE_KEY, until},
    usage,
    yardstick::{self, per_second},
};

/// What is made of each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The whole event, in batches.
    Whole,
    /// Twelve fields of it, in batches.
    Mapped,
    /// The whole event, each a request.
    Singles,
}

impl Shape {
    fn fields(self) -> Value {
        match self {
            Self::Whole => json!({ "enable_batching": true, "batch_size": 1000, "data": { "@path": "$." } }),
            Self::Mapped => json!({ "enable_batching": true, "batch_size": 1000, "data": twelve_fields() }),
            Self::Singles => json!({ "enable_batching": false, "data": { "@path": "$." } }),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Whole => "batches of 1000, whole event",
            Self::Mapped => "batches of 1000, 12-field mapping",
            Self::Singles => "single-event requests",
        }
    }

    fn goal(self) -> &'static str {
        match self {
            Self::Whole => ">= 150 k/s",
            Self::Mapped => ">= 110 k/s",
            Self::Singles => ">= 30 k/s",
        }
    }
}

/// The mapping of a usual warehouse table.
fn twelve_fields() -> Value {
    json!({
        "messageId": { "@path": "$.messageId" },
        "event": { "@path": "$.event" },
        "user": { "@path": "$.userId" },
        "anonymous": { "@path": "$.anonymousId" },
        "at": { "@path": "$.timestamp" },
        "order": { "@path": "$.properties.orderId" },
        "total": { "@path": "$.properties.total" },
        "currency": { "@path": "$.properties.currency" },
        "products": { "@arrayPath": ["$.properties.products", { "sku": { "@path": "$.sku" }, "quantity": { "@path": "$.quantity" } }] },
        "page": { "@template": "{{context.page.path}}?title={{context.page.title}}" },
        "coupon": { "@if": { "exists": { "@path": "$.properties.coupon" }, "then": { "@path": "$.properties.coupon" }, "else": "none" } },
        "source": "web",
    })
}

pub(super) async fn measure(
    shape: Shape,
    count: u64,
    lasting: Duration,
    events: &Arc<Events>,
    report: &mut Report,
) -> Result<()> {
    let stand = Stand::start().await?;
    let ledger = Arc::new(Ledger::new(count));
    let receiver = Receiver::start(Arc::clone(&ledger), Some(SECRET)).await?;
    stand.apply(vec![stand::destination("receiver", &receiver.url(), shape.fields())]).await?;
    let process = stand.run(Role::Serve).await?;
    let before = yardstick(shape, &stand, events, lasting).await?;

    let (wal, cpu) = (stand.wal_bytes().await?, usage::cpu_seconds(process.pid()));
    let postgres = usage::tree_cpu_seconds(stand.postgres_pid());
    let begin = Instant::now();
    send(&process.ingest(), 0..count, events, &ledger).await?;
    let sent = begin.elapsed();
    until("every event arrives", Duration::from_mins(5), async || Ok(ledger.arrived() == count)).await?;
    let took = begin.elapsed();
    let cpu = usage::cpu_seconds(process.pid()) - cpu;
    let postgres = usage::tree_cpu_seconds(stand.postgres_pid()) - postgres;
    let wal = stand.wal_bytes().await? - wal;

    let after = yardstick(shape, &stand, events, lasting).await?;
    ensure!(ledger.lost().is_empty() && receiver.unverified() == 0, "an event was lost or not verified");
    let (rate, yardstick) = (per_second(count, took), f64::midpoint(before, after));
    let name = shape.name();
    report.note(format!("{name}: events/s end to end"), thousands(rate), shape.goal());
    match shape {
        Shape::Singles => report.note(
            format!("{name}: ratio to a bare hyper client ({}/s)", thousands(yardstick)),
            format!("{:.2}", rate / yardstick),
            ">= 0.33",
        ),
        _ => report.note(
            format!("{name}: ratio to COPY, one row an event ({}/s)", thousands(yardstick)),
            format!("{:.2}", rate / yardstick),
            ">= 1.7",
        ),
    }
    #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
    let each = 1e6 / count as f64;
    report.note(format!("{name}: accepted/s"), thousands(per_second(count, sent)), "");
    report.note(
        format!("{name}: CPU of ingest and dispatcher, µs an event"),
        format!("{:.2}", cpu * each),
        if shape == Shape::Whole { "<= 6" } else { "" },
    );
    report.note(format!("{name}: CPU of Postgres, µs an event"), format!("{:.2}", postgres * each), "");
    report.note(
        format!("{name}: WAL, bytes an event"),
        format!("{:.0}", wal * each / 1e6),
        if shape == Shape::Whole { "<= 200" } else { "" },
    );
    report.note(
        format!("{name}: peak memory, MB"),
        format!("{:.0}", usage::peak_mb(process.pid())),
        "<= 200",
    );
    report.note(
        format!("{name}: requests, arrivals of the same event"),
        format!("{}, {}", receiver.requests(), ledger.repeated()),
        "-, 0",
    );
    Ok(())
}

async fn yardstick(shape: Shape, stand: &Stand, events: &Arc<Events>, lasting: Duration) -> Result<f64> {
    if shape != Shape::Singles {
        return yardstick::copy(stand.storage.pool(), events, lasting).await;
    }
    let receiver = Receiver::start(Arc::new(Ledger::new(0)), None).await?;
    yardstick::bare_client(&receiver.url(), events, 8, lasting).await
}

/// Two streams of 500 events a message, 16 messages unacknowledged at most.
pub(super) async fn send(
    ingest: &str,
    numbers: Range<u64>,
    events: &Arc<Events>,
    ledger: &Arc<Ledger>,
) -> Result<()> {
    let sender = Sender {
        ingest: ingest.to_owned(),
        write_key: WRITE_KEY.to_owned(),
        events: Arc::clone(events),
        ledger: Arc::clone(ledger),
    };
    let half = numbers.start.midpoint(numbers.end);
    let (first, second) = (numbers.start..half, half..numbers.end);
    tokio::try_join!(sender.stream(first, 500, 16), sender.stream(second, 500, 16))?;
    Ok(())
}
