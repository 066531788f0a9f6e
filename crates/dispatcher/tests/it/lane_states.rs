//! What the `queue` view says of a lane while a dispatcher delivers it.

use serde_json::json;
use signalpost_testkit::{Answer, eventually, receiver};

use crate::support::{LEASE, Setup};

#[tokio::test]
async fn a_receiver_that_fails_all_the_time_is_shown_as_open_with_the_reason_until_it_is_back() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(503));
    let world = Setup::to(&receiver.url("/"), false).start().await;
    let dispatcher = world.dispatcher();
    world.queue(0, 0..20).await;
    let why = eventually("it is open", async || {
        world
            .text("SELECT why FROM signalpost.queue WHERE state = 'open' AND next_attempt_at IS NOT NULL")
            .await
    })
    .await;
    assert!(why.contains("503"), "{why}");
    receiver.script(|_| Answer::status(200));
    let is_told = "SELECT state FROM signalpost.queue WHERE state = 'empty' AND delivered_per_second > 0";
    eventually("it is back", async || world.text(is_told).await).await;
    dispatcher.stop().await;
}

#[tokio::test]
async fn what_a_dispatcher_said_that_is_gone_is_not_shown_and_the_next_one_counts_the_backlog() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(503));
    let world = Setup::to(&receiver.url("/"), false).start().await;
    let dispatcher = world.dispatcher();
    for number in 0..30 {
        world.queue(0, number..number + 1).await;
    }
    let open = "SELECT state FROM signalpost.queue WHERE state = 'open'";
    eventually("it is open", async || world.text(open).await).await;
    dispatcher.kill().await;
    let orphaned = "SELECT why FROM signalpost.queue WHERE state = 'no dispatcher' AND in_flight = 0 AND window_size IS NULL";
    let why = eventually("its lease is over", async || world.text(orphaned).await).await;
    assert!(why.contains("did not renew its lease"), "{why} after {LEASE:?}");
    // Few lanes: the view counts thousands of rows itself. What the owner counts is seen in its own words.
    let heir = world.dispatcher();
    let counted = "SELECT events::text FROM signalpost.lane_states WHERE events IS NOT NULL";
    assert_eq!(eventually("it is counted", async || world.text(counted).await).await, "30");
    heir.stop().await;
}

#[tokio::test]
async fn a_full_lane_is_shown_as_full_with_what_happens_then() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::hang());
    let setup = Setup::to(&receiver.url("/"), true).delivery("queue_events_max", json!(10));
    let world = setup.start().await;
    let dispatcher = world.dispatcher();
    world.queue(0, 0..10).await;
    let full = "SELECT why FROM signalpost.queue WHERE state = 'full' AND dispatcher IS NOT NULL";
    let why = eventually("it is full", async || world.text(full).await).await;
    assert_eq!(why, "it holds 10 events and 10 may wait: who sends more is refused");
    dispatcher.abort().await;
}
