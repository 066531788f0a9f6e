//! SIGSTOP to a dispatcher in the middle of deliveries, and SIGCONT after another has taken over.

use std::collections::HashMap;
use std::time::Duration;

use signalpost_testkit::{Answer, event, eventually, postgres, receiver};
use sqlx::PgPool;

use crate::support::{Process, Stand, finished};

const STALE: &str = "signalpost_dispatcher_stale_total";

async fn metric(process: &Process, name: &str) -> u64 {
    let text = process.get("/metrics").await.unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
}

async fn queued(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM signalpost.batches")
        .fetch_one(pool)
        .await
        .expect("it can be asked")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatcher_that_wakes_up_after_another_took_over_settles_nothing_and_goes_on() {
    let database = postgres().await;
    let (stand, receiver) = (Stand::new(&database.url), receiver().await);
    let pool = PgPool::connect(&database.url).await.unwrap();
    // Long enough for some to be under way when the signal arrives, also on a busy machine.
    receiver.script(|_| Answer::status(200).after(Duration::from_secs(1)));
    let fields = format!("{{ url = '{}', enable_batching = true, batch_size = 5 }}", receiver.url("/in"));
    stand.apply(&[("orders", r#"type = "track""#, &fields)]);
    let _ingest = stand.start("ingest").await;
    let sleeper = stand.start("dispatcher").await;
    let orders = |name: &str, count| event::orders(name, count).map(|event| event.json()).collect::<Vec<_>>();
    finished(stand.send(&orders("first", 100), &[])).await;

    receiver.wait_for(8).await;
    sleeper.signal("STOP");
    let heir = stand.start("dispatcher").await;
    eventually("the heir delivers the rest", async || (queued(&pool).await == 0).then_some(())).await;
    assert!(heir.log().contains("taken over"), "{}", heir.log());
    let settled = "SELECT batch_id::text, attempt FROM signalpost.attempts ORDER BY 1, 2";
    let before: Vec<(String, i32)> = sqlx::query_as(settled).fetch_all(&pool).await.unwrap();

    // Its first heartbeat would tell it that nothing is its own any more: that is held up until it has tried to settle what it knows.
    let mut heartbeat = pool.begin().await.unwrap();
    let of_sleeper = "SELECT FROM signalpost.dispatchers ORDER BY seen_at LIMIT 1 FOR UPDATE";
    sqlx::raw_sql(of_sleeper).execute(&mut *heartbeat).await.unwrap();
    sleeper.signal("CONT");
    eventually("what it wants to settle is refused", async || {
        (metric(&sleeper, STALE).await > 0).then_some(())
    })
    .await;
    heartbeat.rollback().await.unwrap();
    let after: Vec<(String, i32)> = sqlx::query_as(settled).fetch_all(&pool).await.unwrap();
    assert_eq!(before, after, "nothing that it settled had an effect");
    let mut once: Vec<_> = after.clone();
    once.dedup();
    assert_eq!(once, after, "nothing is settled twice");

    let mut arrivals: HashMap<String, Vec<Option<String>>> = HashMap::new();
    for request in receiver.requests() {
        let mark = request.header("x-signalpost-maybe-repeated").map(str::to_owned);
        for event in request.events() {
            arrivals.entry(event["messageId"].to_string()).or_default().push(mark.clone());
        }
    }
    assert_eq!(arrivals.len(), 100, "nothing is lost");
    for (event, marks) in arrivals.iter().filter(|(_, marks)| marks.len() > 1) {
        assert!(
            marks.iter().flatten().count() + 1 >= marks.len(),
            "{event} is repeated without a mark: {marks:?}"
        );
    }

    // It goes on: alone, it owns everything again and delivers.
    assert_eq!(heir.terminate().await, Some(0));
    finished(stand.send(&orders("second", 50), &[])).await;
    eventually("the one that slept delivers", async || (queued(&pool).await == 0).then_some(())).await;
    let said = sleeper.log().matches("the lease could not be renewed in time").count();
    assert_eq!(said, 1, "{}", sleeper.log());
    assert_eq!(sleeper.terminate().await, Some(0));
}
