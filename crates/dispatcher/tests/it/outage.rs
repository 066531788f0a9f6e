//! Postgres goes away and comes back.

use std::collections::HashSet;
use std::time::Duration;

use signalpost_testkit::postgres::Cluster;
use signalpost_testkit::{Answer, receiver};

use crate::support::{Setup, numbers};

#[tokio::test]
async fn what_was_delivered_while_postgres_was_away_is_recorded_when_it_is_back() {
    let cluster = Cluster::dedicated().await;
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(200).after(Duration::from_millis(300)));
    let database = cluster.database().await;
    let world = Setup::to(&receiver.url("/"), false).start_on(&database.url).await;
    let dispatcher = world.dispatcher();
    for row in 0..4 {
        world.queue(0, row * 25..row * 25 + 25).await;
    }
    receiver.wait_for(8).await;
    cluster.stop().await;
    receiver.wait_for(16).await;
    cluster.start().await;
    world.empty().await;
    world.queue(0, 100..101).await;
    receiver.wait_for(101).await;
    dispatcher.stop().await;
    let all: Vec<u64> = receiver.requests().iter().flat_map(numbers).collect();
    let distinct: HashSet<u64> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (101, 101), "nothing lost, nothing repeated");
}
