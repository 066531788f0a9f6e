//! Purges of what a dispatcher has in memory.

use std::time::Duration;

use signalpost_storage::Purged;
use signalpost_testkit::{Answer, Receiver, eventually, receiver};

use crate::support::{Setup, World, numbers};

const NAME: &str = "shop/warehouse/m0";

async fn purge(world: &World) -> i64 {
    world.storage.operate().purge(world.mappings[0], NAME, Purged::Queued, "token deploy").await.unwrap()
}

/// Waits until this event has arrived; all that did.
async fn arrived(receiver: &Receiver, event: u64) -> Vec<u64> {
    eventually("it arrives", async || {
        let all: Vec<u64> = receiver.requests().iter().flat_map(numbers).collect();
        all.contains(&event).then_some(all)
    })
    .await
}

#[tokio::test]
async fn what_was_purged_is_not_sent_though_it_was_in_memory() {
    let receiver = receiver().await;
    let world = Setup::to(&receiver.url("/"), false).delivery("rate_limit", 20).start().await;
    world.queue(0, 0..100).await;
    world.queue(0, 100..200).await;
    let dispatcher = world.dispatcher();
    receiver.wait_for(2).await;
    assert_eq!(purge(&world).await, 200);
    world.queue(0, 200..203).await;
    let arrived = arrived(&receiver, 202).await;
    assert!(arrived.len() < 50, "{arrived:?}");
    world.empty().await;
    dispatcher.stop().await;
}

#[tokio::test]
async fn what_was_purged_by_a_function_is_not_queued_again_when_its_request_fails() {
    let receiver = receiver().await;
    receiver.script(|request| {
        let is_new = numbers(request)[0] >= 100;
        if is_new { Answer::status(200) } else { Answer::status(500).after(Duration::from_millis(1500)) }
    });
    let world = Setup::to(&receiver.url("/"), false).delivery("max_concurrency", 2).start().await;
    world.queue(0, 0..100).await;
    let dispatcher = world.dispatcher();
    receiver.wait_for(2).await;
    let purged = "SELECT signalpost.purge(id, 'queued', 'shop/warehouse/m0')::text FROM signalpost.mappings";
    assert_eq!(world.text(purged).await.unwrap(), "100");
    world.queue(0, 100..101).await;
    let arrived = arrived(&receiver, 100).await;
    assert_eq!(arrived, [0, 1, 100], "after what was under way, nothing but what is new");
    world.empty().await;
    dispatcher.stop().await;
    assert_eq!(world.count("attempts").await, 3, "what was under way is recorded all the same");
}
