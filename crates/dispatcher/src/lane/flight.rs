//! Flight: a request from its start to the answer about its settlement.

use std::sync::Arc;

use signalpost_core::request::Identity;
use smallvec::SmallVec;

use super::rows::Kind;
use crate::lanes::action::{Attempted, Moment};

/// A request under way.
#[derive(Debug)]
pub(crate) struct Flight {
    /// The row's kind and position, and the number of the piece in it.
    pub(crate) pieces: SmallVec<[(Kind, i64, usize); 2]>,
    pub(crate) events: u32,
    pub(crate) identity: Identity,
    pub(crate) target: Option<Arc<str>>,
    pub(crate) traces: Option<Arc<str>>,
    pub(crate) started_at: Moment,
    pub(crate) is_probe: bool,
}

/// A request that is over and not yet concluded.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) flight: Flight,
    pub(crate) attempted: Attempted,
    pub(crate) random: f64,
}

/// What has to happen when a settlement is answered.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    /// Rows whose storing it changes.
    pub(crate) rows: SmallVec<[(Kind, i64); 2]>,
    /// Rows it schedules.
    pub(crate) scheduled: SmallVec<[Scheduled; 1]>,
    /// Rows it buries because there were too many.
    pub(crate) parting: Vec<(Kind, i64)>,
    /// Whether a request is settled by it (or rows are only rearranged).
    pub(crate) is_of_request: bool,
}

/// A row that waits for a retry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scheduled {
    pub(crate) position: i64,
    pub(crate) events: u32,
    pub(crate) bytes: usize,
    pub(crate) due: Moment,
}
