//! The functions that operators call with psql.

use crate::support::{all, batch, call, count, lane, storage};

#[tokio::test]
async fn a_paused_mapping_says_so_with_its_reason_until_it_is_resumed() {
    let storage = storage().await;
    lane(&storage).await;
    let said = call(&storage, "pause(7, 'receiver is being moved')").await.unwrap();
    assert!(said.contains("shop/warehouse/orders"), "{said}");
    let state: (String, String) = sqlx::query_as("SELECT state, paused_why FROM signalpost.queue")
        .fetch_one(storage.pool())
        .await
        .unwrap();
    assert_eq!(state, ("paused".to_owned(), "receiver is being moved".to_owned()));
    call(&storage, "resume(7)").await.unwrap();
    assert_eq!(count(&storage, "audit_log WHERE action LIKE 'lane.%'").await, 2);
    assert!(call(&storage, "pause(8, 'x')").await.unwrap_err().contains("there is no mapping 8"));
}

#[tokio::test]
async fn purging_asks_for_the_full_name() {
    let storage = storage().await;
    let lane = lane(&storage).await;
    storage.queue().enqueue(&[batch(lane, 2)], &[]).await.unwrap();
    let error = call(&storage, "purge(7, 'queued', 'yes')").await.unwrap_err();
    assert!(error.contains("shop/warehouse/orders"), "{error}");
    assert_eq!(call(&storage, "purge(7, 'queued', 'shop/warehouse/orders')").await.unwrap(), "2");
    assert_eq!(count(&storage, "lane_purges WHERE purges = 1").await, 1, "the dispatchers hear of it");
    assert_eq!(call(&storage, "purge(7, 'dead', 'shop/warehouse/orders')").await.unwrap(), "0");
    assert_eq!(count(&storage, "lane_purges WHERE purges = 1").await, 1, "nothing of it is in memory");
    assert!(call(&storage, "purge(7, 'all', 'shop/warehouse/orders')").await.unwrap_err().contains("'dead'"));
}

#[tokio::test]
async fn the_queue_view_tells_depth_age_and_state_and_queued_events_each_event() {
    let storage = storage().await;
    let lane = lane(&storage).await;
    storage.queue().enqueue(&[batch(lane, 2), batch(lane, 3)], &[]).await.unwrap();
    let (state, batches, events): (String, i64, i64) =
        sqlx::query_as("SELECT state, batches, events FROM signalpost.queue")
            .fetch_one(storage.pool())
            .await
            .unwrap();
    assert_eq!((state.as_str(), batches, events), ("no dispatcher", 2, 5));
    let first = all(&storage, lane).await[0].position;
    let events: Vec<(i64, String)> = sqlx::query_as(
        "SELECT address, event::text FROM signalpost.queued_events WHERE mapping_id = 7 ORDER BY address LIMIT 2",
    )
    .fetch_all(storage.pool())
    .await
    .unwrap();
    assert_eq!(events, [(first, "{\"n\":0}".to_owned()), (first + 1, "{\"n\":1}".to_owned())]);
}
