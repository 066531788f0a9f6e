//! Postgres away: said at once, nothing acknowledged, and over by itself.

use signalpost_ingest::Config;
use signalpost_testkit::event::track;
use signalpost_testkit::eventually;
use signalpost_testkit::postgres::Cluster;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::setup::{Ingest, KEY, publish, shop, whole};

const SERVING: i32 = 1;

#[tokio::test]
async fn while_postgres_is_away_calls_get_unavailable_and_then_work_again() {
    let cluster = Cluster::dedicated().await;
    let ingest = Ingest::at(&cluster.database().await.url, Config::default()).await;
    ingest.apply(&shop(vec![whole("whole", r#"type = "track""#)])).await;
    ingest.ready().await;
    let mut client = ingest.client(KEY).await;
    assert!(publish(&mut client, [track("A").id("before").json()]).await.is_ok());

    cluster.stop().await;
    let status = publish(&mut client, [track("A").id("during").json()]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    eventually("health says so", async || (ingest.health().await.unwrap() != SERVING).then_some(())).await;

    cluster.start().await;
    eventually("calls work again", async || publish(&mut client, [track("A").id("after").json()]).await.ok())
        .await;
    assert_eq!(ingest.health().await.unwrap(), SERVING);
    assert_eq!(ingest.queued_ids().await, ["before", "after"]);
}

#[tokio::test]
async fn ingest_that_starts_before_postgres_waits_for_it() {
    let cluster = Cluster::dedicated().await;
    let url = cluster.database().await.url;
    cluster.stop().await;
    let ingest = Ingest::at(&url, Config::default()).await;
    let status = ingest.publish([track("A").json()]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_ne!(ingest.health().await.unwrap(), SERVING);

    cluster.start().await;
    eventually("the configuration can be applied", async || ingest.storage.ready().await.ok()).await;
    ingest.apply(&shop(vec![whole("whole", r#"type = "track""#)])).await;
    ingest.ready().await;
    assert_eq!(ingest.publish([track("A").json()]).await.unwrap().queued, 1);
}
