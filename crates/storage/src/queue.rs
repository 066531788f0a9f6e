//! Queue: the batches that wait, as a state machine that Postgres keeps.
//!
//! ```text
//!   enqueue ─▶ fresh ──settle: delivered──▶ gone
//!                │ settle: put (due_at)
//!                ▼
//!             scheduled ──due──▶ sent again ──settle──▶ gone | scheduled | dead_batches
//! ```
//!
//! Invariants: a row is written once and deleted once on the way to a successful delivery; whatever an attempt proved is
//! recorded in one transaction that holds only while the dispatcher owns the row's partition; a row that was read is a
//! hint until `load` finds it.

mod depth;
mod enqueue;
mod lane_state;
mod partition;
mod settle;
mod survey;
mod tail;

use sqlx::PgPool;

pub use depth::Depth;
pub use enqueue::{NewBatch, NewRejected};
pub use lane_state::{BreakerState, DeepLane, LaneState, Waiting};
pub use partition::{Hold, Owned, OwnerId, OwnershipStore, PARTITIONS, partition_of};
pub use settle::{AttemptLog, BuryReason, BuryRow, PutRow, Settled, Settlement};
pub use survey::Survey;
pub use tail::{ARRIVED_MAX, Arrivals, Found, Row, Snapshot};

/// What waits to be delivered. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    pool: PgPool,
}

impl Queue {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}
