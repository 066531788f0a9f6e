//! Dead letters are delivered when an operator redrives them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signalpost_testkit::{Answer, eventually, receiver};

use crate::support::{Setup, World, numbers};

/// Dead letters of ten events each.
async fn with_dead_letters(world: &World, batches: u32) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "INSERT INTO signalpost.dead_batches (mapping_id, position, event_count, payload, attempts, enqueued_at, reason)
         SELECT {}, p * 10000, 10, (SELECT '[' || string_agg(format('{{\"n\":%s}}', p * 10 + n), ',' ORDER BY n) || ']'
                                    FROM generate_series(0, 9) n), 1, now(), 'rejected'
         FROM generate_series(0, {batches} - 1) p",
        world.mappings[0]
    )))
    .execute(world.storage.pool())
    .await
    .unwrap();
}

#[tokio::test]
async fn redriven_dead_letters_arrive_although_the_dispatcher_that_redrives_is_killed_on_the_way() {
    let receiver = receiver().await;
    let world = Setup::to(&receiver.url("/"), true).start().await;
    with_dead_letters(&world, 30).await;
    let first = world.dispatcher();
    let made = "SELECT redrive_id::text FROM signalpost.redrive('shop', events_per_second => 400)";
    world.text(made).await.unwrap();
    eventually("it has begun", async || {
        let redriven = world.text("SELECT max(events_redriven)::text FROM signalpost.redrives").await;
        redriven.filter(|events| events != "0")
    })
    .await;
    first.kill().await;
    let second = world.dispatcher();
    let is_done = async || (world.count("redrives WHERE state = 'done'").await == 1).then_some(());
    eventually("it is done", is_done).await;
    world.empty().await;
    second.stop().await;
    let redriven = world.text("SELECT events_redriven::text FROM signalpost.redrives").await;
    assert_eq!(redriven.as_deref(), Some("300"), "each once");
    assert_eq!(world.count("dead_batches").await, 0);
    let arrived: BTreeSet<u64> = receiver.requests().iter().flat_map(numbers).collect();
    assert_eq!(arrived, (0..300).collect());
}

#[tokio::test]
async fn an_event_redriven_while_the_row_it_came_from_is_under_way_arrives() {
    let receiver = receiver().await;
    let was_refused = AtomicBool::new(false);
    receiver.script(move |request| match numbers(request)[0] {
        0 if !was_refused.swap(true, Ordering::Relaxed) => Answer::status(404),
        0 => Answer::status(200),
        _ => Answer::status(200).after(Duration::from_secs(2)),
    });
    let world = Setup::to(&receiver.url("/"), false).start().await;
    world.queue(0, 0..2).await;
    let dispatcher = world.dispatcher();
    eventually("one is buried", async || (world.count("dead_batches").await == 1).then_some(())).await;
    world.text("SELECT redrive_id::text FROM signalpost.redrive('shop')").await.unwrap();
    world.empty().await;
    dispatcher.stop().await;
    assert_eq!(world.count("dead_batches").await, 0);
    let arrived: Vec<u64> = receiver.requests().iter().flat_map(numbers).collect();
    assert_eq!(arrived.iter().filter(|number| **number == 0).count(), 2, "{arrived:?}");
}
