//! A change of what is configured reaches a running ingest.

use std::time::{Duration, Instant};

use serde_json::json;
use signalpost_core::secret::Secret;
use signalpost_ingest::Config;
use signalpost_storage::SealingKeys;
use signalpost_testkit::event::track;
use signalpost_testkit::eventually;

use crate::setup::{Ingest, KEY, mapping, publish, shop, whole};

#[tokio::test]
async fn a_new_mapping_is_used_within_a_second_without_polling() {
    let config = Config { catalog_poll: Duration::from_hours(1), ..Config::default() };
    let ingest = Ingest::start(config, vec![whole("one", r#"event = "A""#)]).await;
    let mut client = ingest.client(KEY).await;
    ingest.apply(&shop(vec![whole("one", r#"event = "A""#), whole("two", r#"event = "A""#)])).await;
    let applied = Instant::now();
    eventually("both mappings get the event", async || {
        let receipt = publish(&mut client, [track("A").json()]).await.unwrap();
        (receipt.queued == 2).then_some(())
    })
    .await;
    assert!(applied.elapsed() < Duration::from_secs(1), "{:?}", applied.elapsed());
}

#[tokio::test]
async fn a_mapping_that_does_not_compile_records_what_it_might_have_wanted() {
    let ingest = Ingest::with(vec![whole("whole", r#"type = "track""#)]).await;
    let broken = mapping("broken", r#"type = "track""#, json!({ "data": { "@nonsense": 1 } }));
    ingest.apply(&shop(vec![whole("whole", r#"type = "track""#), broken])).await;
    let mut client = ingest.client(KEY).await;
    let receipt = eventually("the broken mapping is in use", async || {
        let receipt = publish(&mut client, [track("A").json()]).await.unwrap();
        (receipt.unmapped == 1).then_some(receipt)
    })
    .await;
    assert_eq!((receipt.queued, receipt.problems[0].mapping.as_str()), (1, "warehouse/broken"));
    assert!(receipt.problems[0].reason.contains("does not compile"), "{}", receipt.problems[0].reason);
}

#[tokio::test]
async fn a_shared_secret_needs_no_key_here_neither_at_the_start_nor_at_a_change() {
    let ingest = Ingest::at(&signalpost_testkit::postgres().await.url, Config::default()).await;
    let keys = SealingKeys::parse(&SealingKeys::generate("k1")).unwrap();
    for event in ["A", "B"] {
        let mut wanted = shop(vec![whole("whole", &format!("event = \"{event}\""))]);
        wanted.sources[0].destinations[0].shared_secret = Some(Secret::new(event));
        ingest.storage.catalog().apply(&wanted, &keys, false, false).await.unwrap();
        ingest.ready().await;
        eventually("the mapping is in use", async || {
            let receipt = ingest.publish([track(event).json()]).await.unwrap();
            (receipt.queued == 1).then_some(())
        })
        .await;
    }
}
