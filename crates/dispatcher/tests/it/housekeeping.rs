//! What is older than is kept goes, the rest stays.

use std::time::Duration;

use signalpost_dispatcher::Config;
use signalpost_testkit::{eventually, receiver};

use crate::support::Setup;

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_dispatcher_drops_what_is_older_than_is_kept_at_its_start() {
    let receiver = receiver().await;
    let world = Setup::to(&receiver.url("/"), true).start().await;
    // More dead batches than go in one piece; positions from 10000 on are old, below they are not.
    sqlx::raw_sql(
        "INSERT INTO signalpost.dead_batches (mapping_id, position, event_count, payload, attempts, enqueued_at, reason, buried_at)
         SELECT 1, p, 1, '[1]', 1, now(), 'rejected', now() - CASE WHEN p < 10000 THEN interval '1 day' ELSE interval '3 days' END
         FROM generate_series(9990, 10600) p;
         INSERT INTO signalpost.rejected_events (mapping_id, message_id, path, reason, event, rejected_at)
         SELECT 1, p, '', '', '{}', now() - p * interval '1 day' FROM generate_series(1, 8) p;
         CREATE TABLE signalpost.attempts_20200101 PARTITION OF signalpost.attempts
         FOR VALUES FROM ('2020-01-01Z') TO ('2020-01-02Z')",
    )
    .execute(world.storage.pool())
    .await
    .unwrap();
    let dispatcher = world.dispatcher_with(Config {
        keep_dead: 2 * DAY,
        keep_rejected: 5 * DAY + DAY / 2,
        ..Config::default()
    });
    eventually("what is old is gone", async || (world.count("rejected_events").await == 5).then_some(()))
        .await;
    assert_eq!(world.count("dead_batches").await, 10);
    let log = "SELECT to_regclass('signalpost.attempts_20200101')::text";
    assert_eq!(world.text(log).await, None);
    dispatcher.stop().await;
}
