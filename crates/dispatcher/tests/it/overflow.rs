//! A lane that may bury its oldest holds no more than it may.

use signalpost_testkit::{Answer, eventually, receiver};

use crate::support::{Setup, numbers};

#[tokio::test]
async fn a_full_lane_buries_its_oldest_rows_but_none_that_is_under_way() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::hang());
    let world = Setup::to(&receiver.url("/"), false)
        .delivery("max_concurrency", 2)
        .delivery("timeout", "6s")
        .delivery("queue_events_max", 10)
        .delivery("when_full", "bury_oldest")
        .start()
        .await;
    let dispatcher = world.dispatcher();
    world.queue(0, 0..5).await;
    receiver.wait_for(2).await;
    for row in 1..6 {
        world.queue(0, row * 5..row * 5 + 5).await;
    }
    eventually("what is too much is buried", async || (world.count("dead_batches").await == 4).then_some(()))
        .await;
    let dead = "SELECT string_agg(payload || reason, '' ORDER BY position) FROM signalpost.dead_batches";
    let dead = world.text(dead).await.unwrap();
    assert!(dead.starts_with(r#"[{"n":5},"#) && dead.ends_with(r#"{"n":24}]overflow"#), "{dead}");

    receiver.script(|_| Answer::status(200));
    world.empty().await;
    let mut arrived: Vec<u64> = receiver.requests().iter().flat_map(numbers).collect();
    arrived.sort_unstable();
    arrived.dedup();
    assert_eq!(arrived, [0, 1, 2, 3, 4, 25, 26, 27, 28, 29]);
    assert_eq!(world.count("dead_batches").await, 4);
    dispatcher.stop().await;
}
