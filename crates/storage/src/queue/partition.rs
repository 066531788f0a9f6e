//! Partitions: which dispatcher may settle which lanes, and until when.
//!
//! Invariant: only the owner of a partition's current epoch settles its batches. An epoch begins when a partition changes
//! hands; a lease that is not renewed in time is free for others.

use std::time::Duration;

use sqlx::{PgPool, postgres::types::PgInterval};
use uuid::Uuid;

use crate::{Channel, StorageError};

/// How many partitions there are. A mapping never changes its partition.
pub const PARTITIONS: i16 = 64;

/// The partition of a mapping.
pub fn partition_of(mapping_id: i64) -> i16 {
    i16::try_from(mapping_id.rem_euclid(i64::from(PARTITIONS))).expect("less than 64")
}

/// Who a dispatcher is: made anew at each start of a process, so that a restarted one is somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnerId(pub Uuid);

/// A partition that a dispatcher owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// 0 to 63.
    pub partition: i16,
    /// Counts the partition's owners; settlements carry it.
    pub epoch: i64,
}

/// What a heartbeat found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owned {
    /// Every partition that is mine until the lease ends, by number.
    pub holds: Vec<Hold>,
    /// What is over my fair share: finish its requests, take up nothing new, then list it in `releasing`.
    pub surplus: Vec<i16>,
    /// Became mine now although its owner did not give it back: its requests may still be on their way.
    pub taken_over: Vec<i16>,
    /// What was queued before so long ago may have been sent by an earlier owner that could not record it.
    pub maybe_repeated: Vec<(i16, Duration)>,
}

/// Ownership of partitions. Cheap to clone.
#[derive(Clone)]
pub struct OwnershipStore {
    pool: PgPool,
}

impl OwnershipStore {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Says that `me` is alive, gives back `releasing`, renews what it holds for `lease` from now, and takes free
    /// partitions, and those whose lease ran out, up to its fair share among the dispatchers that are alive and do not stop;
    /// none, when it stops itself.
    pub async fn heartbeat(
        &self,
        me: OwnerId,
        name: &str,
        lease: Duration,
        releasing: &[i16],
        is_stopping: bool,
    ) -> Result<Owned, StorageError> {
        let lease =
            PgInterval::try_from(lease).expect("a lease is whole microseconds and far below 2^63 of them");
        let rows = sqlx::query_file!("queries/heartbeat.sql", me.0, name, lease, releasing, is_stopping)
            .fetch_all(&self.pool)
            .await?;
        if !releasing.is_empty() {
            self.hint().await?;
        }
        let share = rows.first().map_or(0, |row| usize::try_from(row.share).unwrap_or(0));
        let mut owned = Owned::default();
        for row in rows {
            if let (Some(partition), Some(epoch)) = (row.number, row.epoch) {
                owned.holds.push(Hold { partition, epoch });
                if row.taken_over == Some(true) {
                    owned.taken_over.push(partition);
                }
                if let Some(seconds) = row.maybe_repeated {
                    owned.maybe_repeated.push((partition, Duration::from_secs_f64(seconds.max(0.0))));
                }
            }
        }
        owned.holds.sort_by_key(|hold| hold.partition);
        owned.surplus = owned.holds.iter().skip(share).map(|hold| hold.partition).collect();
        Ok(owned)
    }

    /// Gives everything back and signs off; the others are told. `is_cut_off`: requests were cut off, and may have arrived.
    pub async fn release_all(&self, me: OwnerId, is_cut_off: bool) -> Result<(), StorageError> {
        sqlx::query_file!("queries/release_all.sql", me.0, is_cut_off).execute(&self.pool).await?;
        self.hint().await
    }

    async fn hint(&self) -> Result<(), StorageError> {
        sqlx::query!("SELECT pg_notify($1, '')", Channel::Partitions.name()).fetch_one(&self.pool).await?;
        Ok(())
    }
}
