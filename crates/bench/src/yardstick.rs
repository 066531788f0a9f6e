//! Yardsticks: what the machine gives to something simpler, in the same run.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use sqlx::PgPool;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::events::Events;

/// Rows a commit of `copy`.
const COPY_ROWS: u64 = 5_000;

/// Events a second that `COPY` stores, one row an event, 5,000 a commit, over one connection.
pub(crate) async fn copy(pool: &PgPool, events: &Events, lasting: Duration) -> Result<f64> {
    create(pool).await?;
    let begin = Instant::now();
    let mut rows = 0;
    while begin.elapsed() < lasting {
        let mut text = Vec::new();
        for number in rows..rows + COPY_ROWS {
            text.extend_from_slice(format!("{number}\t").as_bytes());
            text.extend_from_slice(&events.event(number)); // holds nothing that COPY would need escaped
            text.push(b'\n');
        }
        let mut connection = pool.acquire().await?;
        let mut copy = connection.copy_in_raw("COPY yardstick FROM STDIN").await?;
        copy.send(text).await?;
        rows += copy.finish().await?;
    }
    let rate = per_second(rows, begin.elapsed());
    drop_table(pool).await?;
    Ok(rate)
}

async fn create(pool: &PgPool) -> Result<()> {
    let table =
        "DROP TABLE IF EXISTS yardstick; CREATE TABLE yardstick (id bigint PRIMARY KEY, event text NOT NULL)";
    sqlx::raw_sql(table).execute(pool).await?;
    Ok(())
}

async fn drop_table(pool: &PgPool) -> Result<()> {
    sqlx::raw_sql("DROP TABLE yardstick").execute(pool).await?;
    Ok(())
}

/// What it takes to commit one row of one event, a hundred times a second, over one connection, in microseconds.
pub(crate) async fn commits(pool: &PgPool, events: &Events, lasting: Duration) -> Result<Histogram<u64>> {
    create(pool).await?;
    let mut connection = pool.acquire().await?;
    let mut times = Histogram::new(3)?;
    let (begin, mut ticks) = (Instant::now(), interval(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_i64.. {
        ticks.tick().await;
        if begin.elapsed() >= lasting {
            break;
        }
        let event = events.event(u64::try_from(number)?);
        let at = Instant::now();
        let insert = sqlx::query_scalar("INSERT INTO yardstick VALUES ($1, $2) RETURNING id");
        let stored: i64 =
            insert.bind(number).bind(std::str::from_utf8(&event)?).fetch_one(&mut *connection).await?;
        ensure!(stored == number, "another row came back");
        times.record(u64::try_from(at.elapsed().as_micros())?)?;
    }
    drop_table(pool).await?;
    Ok(times)
}

/// Requests a second of one event each that a bare hyper client makes, `concurrency` at a time.
pub(crate) async fn bare_client(
    url: &str,
    events: &Arc<Events>,
    concurrency: u64,
    lasting: Duration,
) -> Result<f64> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for task in 0..concurrency {
        let (client, events, url) = (client.clone(), Arc::clone(events), url.to_owned());
        tasks.spawn(async move {
            let mut sent = 0;
            while begin.elapsed() < lasting {
                let request = Request::post(&url).body(Full::new(events.event(task + sent * concurrency)))?;
                let answer = client.request(request).await?;
                ensure!(answer.status().is_success(), "the receiver answered {}", answer.status());
                answer.into_body().collect().await?;
                sent += 1;
            }
            anyhow::Ok(sent)
        });
    }
    let mut sent = 0;
    while let Some(one) = tasks.join_next().await {
        sent += one??;
    }
    Ok(per_second(sent, begin.elapsed()))
}

/// A count over a time.
pub(crate) fn per_second(count: u64, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
    let count = count as f64;
    count / time.as_secs_f64()
}
