//! What the lanes are told and what they ask for: plain values, no I/O.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use signalpost_core::body::Body;
use signalpost_core::outcome::{EventOutcome, Outcome};
use signalpost_core::request::Identity;
use signalpost_core::retry::RetryPolicy;
use smallvec::SmallVec;
use uuid::Uuid;

/// Time since this dispatcher started, by its monotonic clock.
pub type Moment = Duration;

/// How a mapping's events become requests.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneSettings {
    /// `None`: every event is a request of its own.
    pub batching: Option<Batching>,
    /// Strictly one after the other.
    pub ordered: bool,
    /// Requests under way at a time.
    pub max_concurrency: u32,
    /// Requests started a second.
    pub rate_limit: Option<f64>,
    /// When a failed request is made again.
    pub retry: RetryPolicy,
    /// Nothing is sent until it goes on.
    pub paused: bool,
    /// How often what waited was purged: when it changes, what is in memory does not hold any more.
    pub purges: i64,
    /// How often what is scheduled was made due at once: when it changes, the receiver is said to be back.
    pub retries: i64,
}

/// How full a batch may be, and how long it may wait to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// Events.
    pub size: u32,
    /// Bytes of the body.
    pub bytes: usize,
    /// Since its first event was queued.
    pub wait: Duration,
}

/// A queued row, as it was discovered: a hint until it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundRow {
    /// Whose lane.
    pub mapping_id: i64,
    /// Its place in the lane.
    pub position: i64,
    /// How many events.
    pub events: u32,
    /// How long the payload is.
    pub bytes: usize,
    /// From now until it is to be tried again; none: it was never tried.
    pub due_in: Option<Duration>,
}

/// A queued row itself.
#[derive(Debug, Clone)]
pub struct LoadedRow {
    /// Whose lane.
    pub mapping_id: i64,
    /// Its place in the lane.
    pub position: i64,
    /// How many events.
    pub events: u32,
    /// A JSON array.
    pub payload: Bytes,
    /// The target's text; `None` when it is the mapping's.
    pub target: Option<Arc<str>>,
    /// Attempts made with this row as a whole.
    pub attempts: u32,
    /// Given with the first attempt.
    pub batch_id: Option<Uuid>,
    /// When its first event was queued, by Postgres's clock.
    pub enqueued_at: DateTime<Utc>,
    /// How long ago that was.
    pub age: Duration,
    /// It is to be tried again, rather than fresh.
    pub is_scheduled: bool,
    /// Traceparents of calls that brought its events; none when nobody traces them.
    pub traces: Option<Arc<str>>,
}

/// Something for the shell to do.
#[derive(Debug)]
pub enum Action {
    /// Make this request and report what came of it.
    Send(Request),
    /// Record what an attempt proved.
    Settle(Settlement),
    /// Fetch these rows.
    Load(Load),
    /// Look for further rows of one lane.
    Page(Page),
    /// Find out which lanes of these partitions have anything.
    Backlog(Vec<i16>),
    /// Look for rows whose retry is due, but not of these mappings.
    FindDue {
        /// Lanes that know enough of them.
        except: Vec<i64>,
    },
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// To report by.
    pub id: u64,
    /// Whose lane.
    pub mapping_id: i64,
    /// The events: an array, or one JSON value when not batching.
    pub body: Body,
    /// Whether it is an array.
    pub is_batch: bool,
    /// How many events.
    pub events: u32,
    /// The target's text; `None` when it is the mapping's.
    pub target: Option<Arc<str>>,
    /// Which batch, and which attempt.
    pub identity: Identity,
    /// Traceparents of calls that brought its events; none when nobody traces them.
    pub traces: Option<Arc<str>>,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub enum Report {
    /// An attempt was made.
    Attempted(Attempted),
    /// We cut it off ourselves: it proves nothing and costs nothing.
    Cancelled,
}

/// What is known about an attempt when it is over.
#[derive(Debug, Clone)]
pub struct Attempted {
    /// What it proved.
    pub outcome: Outcome,
    /// What it proved of each event, when the receiver told them apart and they did not all fare alike.
    pub each: Vec<EventOutcome>,
    /// The answer's status.
    pub status: Option<u16>,
    /// Why it is not delivered, in words.
    pub error: Option<String>,
    /// The beginning of the answer's body.
    pub response: Option<String>,
    /// How long the request's body was.
    pub body_bytes: usize,
    /// From start to outcome.
    pub latency: Duration,
}

/// The delivery log's line about an attempt.
#[derive(Debug, Clone)]
pub struct Log {
    /// Which request.
    pub identity: Identity,
    /// How many events.
    pub events: u32,
    /// When it started.
    pub started_at: Moment,
    /// What came of it.
    pub attempted: Attempted,
}

/// A change of the queue that follows from what attempts proved; all of it or nothing.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// To answer by.
    pub id: u64,
    /// Whose lane.
    pub mapping_id: i64,
    /// Of which partition.
    pub partition: i16,
    /// As whose owner.
    pub epoch: i64,
    /// The attempt; `None` when rows are only rearranged.
    pub log: Option<Log>,
    /// Rows to remove.
    pub delete: Vec<i64>,
    /// Rows to write, over what is at their position.
    pub put: Vec<Put>,
    /// Rows to give up.
    pub bury: Vec<Bury>,
    /// Rows to give up as they stand, because the lane holds more than it may.
    pub overflow: Vec<Overflowed>,
    /// The lane can't go on with something until it is answered. A plain delivery of an unordered lane holds up nothing.
    pub is_awaited: bool,
}

/// A row that is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflowed {
    /// Its place in the lane.
    pub position: i64,
    /// How many events it had when it was looked at.
    pub events: u32,
}

/// How much more than it may a lane holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// Events.
    pub events: u64,
    /// Bytes of payloads.
    pub bytes: u64,
}

impl Excess {
    /// Whether it holds no more than it may.
    pub fn is_none(self) -> bool {
        self.events == 0 && self.bytes == 0
    }

    /// What is left of it without this row.
    pub(crate) fn take(&mut self, row: &FoundRow) {
        self.events = self.events.saturating_sub(u64::from(row.events));
        self.bytes = self.bytes.saturating_sub(row.bytes as u64);
    }
}

/// Some events of a row to write, and the row that they are of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Where that row stands.
    pub position: i64,
    /// How many.
    pub events: u32,
}

/// A row to write.
#[derive(Debug, Clone)]
pub struct Put {
    /// Its place in the lane.
    pub position: i64,
    /// Where its events come from, in their order: with none of those rows left it is not to be stored.
    pub from: SmallVec<[Origin; 2]>,
    /// How many events.
    pub events: u32,
    /// A JSON array.
    pub payload: Body,
    /// A row with these very events stands at this position already.
    pub is_in_place: bool,
    /// The target's text.
    pub target: Option<Arc<str>>,
    /// Attempts made with it as a whole.
    pub attempts: u32,
    /// `None`: as if never tried.
    pub due_in: Option<Duration>,
    /// Kept over retries.
    pub batch_id: Option<Uuid>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When its first event was queued.
    pub enqueued_at: DateTime<Utc>,
    /// Traceparents of calls that brought its events.
    pub traces: Option<Arc<str>>,
}

/// Why a row is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The receiver will never take it.
    Rejected,
    /// It was tried for as long as its policy says.
    Expired,
    /// It was tried as often as its policy says.
    Exhausted,
}

#[cfg(test)]
impl Put {
    /// A row that was never tried.
    pub(crate) fn sample(position: i64, events: u32, payload: impl Into<bytes::Bytes>) -> Self {
        Self {
            position,
            from: SmallVec::new(),
            events,
            payload: payload.into().into(),
            is_in_place: false,
            target: None,
            attempts: 0,
            due_in: None,
            batch_id: None,
            last_error: None,
            enqueued_at: chrono::DateTime::UNIX_EPOCH,
            traces: None,
        }
    }
}

/// A row to give up.
#[derive(Debug, Clone)]
pub struct Bury {
    /// The row as it would be queued.
    pub row: Put,
    /// Why.
    pub reason: Reason,
    /// The last answer's status.
    pub status: Option<u16>,
    /// The beginning of the last answer's body.
    pub response: Option<String>,
}

/// Rows to fetch.
#[derive(Debug)]
pub struct Load {
    /// To answer by.
    pub id: u64,
    /// Of lanes that have nothing in memory: what others load meanwhile must not keep them waiting.
    pub is_first: bool,
    /// Mapping and position.
    pub keys: Vec<(i64, i64)>,
}

/// Rows to look for.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// To answer by.
    pub generation: u64,
    /// Whose lane.
    pub mapping_id: i64,
    /// Beyond this position.
    pub after: i64,
    /// So many.
    pub limit: usize,
    /// Those waiting for a retry too.
    pub include_scheduled: bool,
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It holds.
    Done,
    /// The partition has another owner; nothing was changed.
    Stale,
}

/// A partition that is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owned {
    /// Its number.
    pub partition: i16,
    /// Counts its owners.
    pub epoch: i64,
    /// More than our fair share: finish and give it back.
    pub is_surplus: bool,
    /// What was queued before so long ago may have been sent by an owner that could not record it.
    pub maybe_repeated: Option<Duration>,
}
