//! Transaction: one that is held open by somebody else, so that no dead row can be removed, while events flow.
//!
//! The rate without it is measured before and after, for the machine is not the same ten minutes later.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde_json::json;

use super::throughput::send;
use crate::{
    events::Events,
    ledger::Ledger,
    receiver::Receiver,
    report::{Report, thousands},
    stand::{self, Role, SECRET, Stand, until},
    yardstick::per_second,
};

/// Events that tell the rate.
const SAMPLE: u64 = 1_000_000;
/// Events a second meanwhile, each commit of which leaves dead rows.
const MEANWHILE: u64 = 5_000;

/// Held open for so long before the rate is measured.
pub(super) async fn measure(held: Duration, events: &Arc<Events>, report: &mut Report) -> Result<()> {
    let stand = Stand::start().await?;
    let meanwhile = held.as_secs() * MEANWHILE;
    let total = 3 * SAMPLE + meanwhile;
    let ledger = Arc::new(Ledger::new(total));
    let receiver = Receiver::start(Arc::clone(&ledger), Some(SECRET)).await?;
    let fields = json!({ "enable_batching": true, "batch_size": 1000, "data": { "@path": "$." } });
    stand.apply(vec![stand::destination("receiver", &receiver.url(), fields)]).await?;
    let process = stand.run(Role::Serve).await?;
    let rate = async |numbers: std::ops::Range<u64>| {
        let (begin, end) = (Instant::now(), numbers.end);
        send(&process.ingest(), numbers, events, &ledger).await?;
        until("every event arrives", Duration::from_mins(5), async || Ok(ledger.arrived() == end)).await?;
        anyhow::Ok(begin.elapsed())
    };

    let before = per_second(SAMPLE, rate(0..SAMPLE).await?);
    let mut transaction = stand.storage.pool().begin().await?;
    sqlx::raw_sql(
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL idle_in_transaction_session_timeout = 0;
         SELECT pg_current_xact_id(); SELECT count(*) FROM signalpost.batches",
    )
    .execute(&mut *transaction)
    .await?;
    let begin = Instant::now();
    for second in 0..held.as_secs() {
        let from = SAMPLE + second * MEANWHILE;
        rate(from..from + MEANWHILE).await?;
        tokio::time::sleep_until((begin + Duration::from_secs(second + 1)).into()).await;
    }
    let held = begin.elapsed();
    let beside = per_second(SAMPLE, rate(total - 2 * SAMPLE..total - SAMPLE).await?);
    transaction.rollback().await?;
    sqlx::raw_sql("VACUUM signalpost.batches").execute(stand.storage.pool()).await?;
    let after = per_second(SAMPLE, rate(total - SAMPLE..total).await?);
    report.note(
        "no transaction held open, before and after: events/s end to end",
        format!("{}, {}", thousands(before), thousands(after)),
        "",
    );
    report.note(
        format!("a transaction held open for {:.0} s: events/s end to end", held.as_secs_f64()),
        thousands(beside),
        "",
    );
    let ratio = beside / f64::midpoint(before, after);
    report.note("a transaction held open: ratio to the mean of the two", format!("{ratio:.2}"), ">= 0.9");
    Ok(())
}
