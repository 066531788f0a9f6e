//! Two dispatchers and one queue.

use std::collections::HashSet;
use std::time::Duration;

use signalpost_testkit::{Answer, Recorded, eventually, receiver};

use crate::support::{LEASE, Setup, mapping, numbers};

#[tokio::test]
async fn two_dispatchers_share_the_work_and_deliver_everything_once() {
    let receiver = receiver().await;
    let mut setup = Setup::to(&receiver.url("/"), false);
    for _ in 0..4 {
        setup = setup.and(mapping(&receiver.url("/"), false));
    }
    let world = setup.start().await;
    let (one, two) = (world.dispatcher(), world.dispatcher());
    let owners = "SELECT count(DISTINCT owner)::text FROM signalpost.partitions WHERE owner IS NOT NULL";
    eventually("both own partitions", async || {
        (world.text(owners).await.as_deref() == Some("2")).then_some(())
    })
    .await;
    for row in 0..50_u32 {
        world.queue(row as usize % 5, row * 20..row * 20 + 20).await;
    }
    world.empty().await;
    let mut all: Vec<u64> = receiver.requests().iter().flat_map(numbers).collect();
    all.sort_unstable();
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn when_one_dies_the_other_takes_over_after_the_lease_and_says_so() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::hang());
    let world = Setup::to(&receiver.url("/"), true).start().await;
    let dead = world.dispatcher();
    world.queue(0, 0..10).await;
    receiver.wait_for(1).await;
    dead.kill().await;
    receiver.script(|_| Answer::status(200));
    let heir = world.dispatcher();
    let requests = receiver.wait_for(2).await;
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(requests[0].header("x-signalpost-batch-id"), requests[1].header("x-signalpost-batch-id"));
    assert_eq!(requests[1].header("x-signalpost-maybe-repeated"), Some("true"));
    world.empty().await;
    heir.stop().await;
}

#[tokio::test]
async fn while_one_that_stops_waits_for_a_slow_receiver_another_goes_on_with_the_other_lanes() {
    let (slow, works) = (receiver().await, receiver().await);
    slow.script(|_| Answer::status(200).after(Duration::from_secs(4)));
    let world = Setup::to(&slow.url("/"), false).and(mapping(&works.url("/"), false)).start().await;
    let old = world.dispatcher();
    world.queue(0, 0..1).await;
    slow.wait_for(1).await;
    let stopping = async {
        old.stop().await;
        works.requests().len()
    };
    let next = async {
        let next = world.dispatcher();
        world.queue(1, 1..2).await;
        next
    };
    let (arrived_before_the_end, next) = tokio::join!(stopping, next);
    assert_eq!(arrived_before_the_end, 1);
    world.empty().await;
    next.stop().await;
    let repeated = |request: &Recorded| request.header("x-signalpost-maybe-repeated").is_some();
    assert_eq!((slow.requests().len(), works.requests().len()), (1, 1));
    assert!(!works.requests().iter().chain(&slow.requests()).any(repeated));
}

#[tokio::test]
async fn a_rolling_restart_repeats_nothing() {
    let receiver = receiver().await;
    let world = Setup::to(&receiver.url("/"), false).start().await;
    let mut running = world.dispatcher();
    for row in 0..40 {
        world.queue(0, row * 25..row * 25 + 25).await;
        if row % 10 == 5 {
            let next = world.dispatcher();
            running.stop().await;
            running = next;
        }
    }
    world.empty().await;
    running.stop().await;
    let all: Vec<u64> = receiver.requests().iter().flat_map(numbers).collect();
    let distinct: HashSet<u64> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (1000, 1000));
}

#[tokio::test]
async fn a_lease_is_renewed_while_everything_else_waits_for_a_connection() {
    let receiver = receiver().await;
    let world = Setup::to(&receiver.url("/"), false).start().await;
    let dispatcher = world.dispatcher();
    world.queue(0, 0..1).await;
    receiver.wait_for(1).await;
    let epochs = "SELECT sum(epoch)::text FROM signalpost.partitions";
    let before = world.text(epochs).await;
    let pool = world.storage.pool();
    let mut all = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        all.push(pool.acquire().await.unwrap());
    }
    let mut mine = all.pop().unwrap();
    let lease = "SELECT extract(epoch FROM min(lease_ends_at))::float8 FROM signalpost.partitions";
    let end: f64 = sqlx::query_scalar(lease).fetch_one(&mut *mine).await.unwrap();
    eventually("the lease is renewed for as long as twice over", async || {
        let now: f64 = sqlx::query_scalar(lease).fetch_one(&mut *mine).await.unwrap();
        (now > end + 2.0 * LEASE.as_secs_f64()).then_some(())
    })
    .await;
    drop((mine, all));
    world.queue(0, 1..2).await;
    receiver.wait_for(2).await;
    assert_eq!(world.text(epochs).await, before, "nobody else owned anything meanwhile");
    dispatcher.stop().await;
}
