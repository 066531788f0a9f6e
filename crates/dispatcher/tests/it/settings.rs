//! Settings that change, and operators who want to go on, while something is queued or under way.

use std::time::Duration;

use serde_json::json;
use signalpost_testkit::{Answer, eventually, receiver};

use crate::support::{Dispatcher, Setup, World, numbers};

const BREAKS: &str =
    r#"UPDATE signalpost.mappings SET fields = replace(fields::text, '"url"', '"earl"')::json"#;
const MENDS: &str =
    r#"UPDATE signalpost.mappings SET fields = replace(fields::text, '"earl"', '"url"')::json"#;

async fn change(world: &World, dispatcher: &Dispatcher, statement: &'static str, broken: i64) {
    sqlx::raw_sql(statement).execute(world.storage.pool()).await.unwrap();
    eventually("the dispatcher has heard of it", async || {
        (dispatcher.metric("signalpost_dispatcher_mappings_broken") == broken).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_under_way_when_a_mapping_stops_compiling_is_recorded_and_not_made_again() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(200).after(Duration::from_millis(1500)));
    let world = Setup::to(&receiver.url("/"), false).start().await;
    world.queue(0, 0..2).await;
    let dispatcher = world.dispatcher();
    receiver.wait_for(2).await;
    change(&world, &dispatcher, BREAKS, 1).await;
    world.queue(0, 2..3).await;
    eventually("what is under way is recorded", async || (world.count("attempts").await == 2).then_some(()))
        .await;
    assert_eq!((receiver.requests().len(), world.count("batches").await), (2, 1), "what is new waits");
    change(&world, &dispatcher, MENDS, 0).await;
    world.empty().await;
    let mut arrived: Vec<u64> = receiver.requests().iter().flat_map(numbers).collect();
    arrived.sort_unstable();
    assert_eq!(arrived, [0, 1, 2]);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_lane_that_is_made_ordered_tries_first_what_it_tries_again() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(503));
    let world = Setup::to(&receiver.url("/"), true).delivery("batch_wait", "100ms").start().await;
    world.queue(0, 0..2).await;
    world.queue(0, 2..4).await;
    let dispatcher = world.dispatcher();
    eventually("both rows are one retry", async || {
        let joined =
            "SELECT position::text FROM signalpost.batches WHERE event_count = 4 AND due_at IS NOT NULL";
        world.text(joined).await.filter(|position| position.starts_with('-'))
    })
    .await;
    dispatcher.stop().await;
    world.queue(0, 4..6).await;
    let ordered = r#"UPDATE signalpost.destinations SET delivery = '{"ordered": true, "batch_wait": "100ms", "allow": ["127.0.0.0/8"]}'"#;
    sqlx::raw_sql(ordered).execute(world.storage.pool()).await.unwrap();
    receiver.script(|_| Answer::status(200));
    let before = receiver.requests().len();
    let dispatcher = world.dispatcher();
    world.empty().await;
    let arrived: Vec<u64> = receiver.requests()[before..].iter().flat_map(numbers).collect();
    assert_eq!(arrived, [0, 1, 2, 3, 4, 5]);
    dispatcher.stop().await;
}

#[tokio::test]
async fn what_an_operator_retries_is_tried_at_once_whatever_its_receiver_asked_for() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(503).header("retry-after", "600"));
    let retry = json!({ "base": "10m", "cap": "10m" });
    for is_ordered in [false, true] {
        let setup = Setup::to(&receiver.url("/"), false).delivery("retry", retry.clone());
        let world = setup.delivery("ordered", is_ordered).start().await;
        world.queue(0, 0..1).await;
        let dispatcher = world.dispatcher();
        eventually("it is scheduled", async || {
            (world.count("batches WHERE due_at > now() + interval '9 minutes'").await == 1).then_some(())
        })
        .await;
        let before = receiver.requests().len();
        world.text("SELECT signalpost.retry_now(id)::text FROM signalpost.mappings").await.unwrap();
        eventually("it is tried", async || (receiver.requests().len() > before).then_some(())).await;
        dispatcher.stop().await;
    }
}
