//! How much is queued, by lane.

use signalpost_storage::Depth;

use crate::support::{batch, storage};

#[tokio::test]
async fn depths_count_the_events_and_bytes_of_every_lane_that_is_not_empty() {
    let storage = storage().await;
    let queue = storage.queue();
    assert_eq!(queue.depths().await.unwrap(), []);
    queue.enqueue(&[batch(1, 2), batch(1, 1), batch(7, 1)], &[]).await.unwrap();
    let mut depths = queue.depths().await.unwrap();
    depths.sort_by_key(|depth| depth.mapping_id);
    let lane = |mapping_id, events, bytes| Depth { mapping_id, events, bytes };
    // {"n":0} has seven bytes.
    assert_eq!(depths, [lane(1, 3, 2 * 7 + 3 + 9), lane(7, 1, 9)]);
    assert_eq!(queue.depths_of(&[7, 8]).await.unwrap(), [lane(7, 1, 9)]);
}
