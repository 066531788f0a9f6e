//! What only Postgres knows about lanes and partitions.

use std::time::Duration;

use crate::support::{LEASE, batch, dead_owner, owner, storage};

#[tokio::test]
async fn a_survey_tells_how_long_the_first_row_of_each_lane_waits() {
    let storage = storage().await;
    sqlx::raw_sql(
        "INSERT INTO signalpost.sources (id, name) VALUES (1, 's');
         INSERT INTO signalpost.destinations (id, source_id, name) VALUES (1, 1, 'd');
         INSERT INTO signalpost.mappings (id, destination_id, position, name, trigger, fields)
         SELECT n, 1, n, n, 'all', '{}' FROM generate_series(1, 3) AS n",
    )
    .execute(storage.pool())
    .await
    .unwrap();
    let (me, _) = owner(&storage, LEASE).await;
    assert_eq!(storage.queue().survey(me).await.unwrap().oldest, []);
    storage.queue().enqueue(&[batch(1, 1), batch(3, 1)], &[]).await.unwrap();
    sqlx::raw_sql(
        "UPDATE signalpost.batches SET enqueued_at = now() - interval '1 hour' WHERE mapping_id = 3",
    )
    .execute(storage.pool())
    .await
    .unwrap();
    storage.queue().enqueue(&[batch(3, 1)], &[]).await.unwrap();
    let survey = storage.queue().survey(me).await.unwrap();
    let mut oldest = survey.oldest.clone();
    oldest.sort_unstable();
    assert_eq!(oldest.iter().map(|(mapping_id, _)| *mapping_id).collect::<Vec<_>>(), [1, 3]);
    assert!(oldest[0].1 < Duration::from_mins(10), "{survey:?}");
    assert!(oldest[1].1 >= Duration::from_hours(1), "{survey:?}");
    assert!(survey.unowned == 0 && survey.seconds > 1.6e9, "{survey:?}");
}

#[tokio::test]
async fn a_partition_whose_lease_is_over_is_nobodys() {
    let storage = storage().await;
    let (dead, _) = dead_owner(&storage).await;
    assert_eq!(storage.queue().survey(dead).await.unwrap().unowned, 64);
}
