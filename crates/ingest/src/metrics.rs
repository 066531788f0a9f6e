//! Metrics: what ingest counts, all under `signalpost_ingest_`.
//!
//! Invariants: labels are bounded: by the program (verdicts, reasons, outcomes: shown at 0 from the start, so that the
//! first of anything counts as a rise), or by what is configured (`mapping`, shown once there is something to show).

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use signalpost_proto::v1::Receipt;
use signalpost_telemetry::metrics::{LANES_SHOWN_MAX, OfMapping, OfOutcome, OfReason};
use tokio::time::Instant;

use crate::committer::CommitError;
use crate::decode::Refusal;

mod groups;
mod working;

use groups::{Commits, Depth, Events, Memory, Standing};
pub(crate) use working::Working;

/// Why a call, or a message of a stream, was refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turned {
    Unauthenticated,
    Invalid,
    NoEventAccepted,
    WaitingFull,
    ReadingFull,
    QueueFull,
    Unavailable,
}

impl Turned {
    const ALL: [Self; 7] = [
        Self::Unauthenticated,
        Self::Invalid,
        Self::NoEventAccepted,
        Self::WaitingFull,
        Self::ReadingFull,
        Self::QueueFull,
        Self::Unavailable,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Invalid => "invalid",
            Self::NoEventAccepted => "no_event_accepted",
            Self::WaitingFull => "waiting_full",
            Self::ReadingFull => "reading_full",
            Self::QueueFull => "queue_full",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What became of an event.
const VERDICTS: [&str; 3] = ["accepted", "refused", "unwanted"];
/// How a commit ended.
const OUTCOMES: [&str; 3] = ["committed", "unavailable", "failed"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfVerdict {
    verdict: &'static str,
}

/// Ingest's metrics. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) grpc: signalpost_grpc::Metrics,
    events: Events,
    depth: Depth,
    commits: Commits,
    pub(crate) memory: Memory,
    pub(crate) standing: Standing,
    /// Commits that are under way.
    pub(crate) committing: Arc<Working>,
}

/// What one lane holds.
pub(crate) struct LaneDepth {
    pub(crate) mapping: String,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

impl Metrics {
    /// Whether Postgres answers and the configuration is loaded.
    pub fn is_ready(&self) -> bool {
        self.standing.ready.get() == 1
    }

    /// For how long the oldest commit that is under way has been so; none when none is.
    pub fn committing_for(&self) -> Option<std::time::Duration> {
        self.committing.longest()
    }

    /// Counts what became of the events of a request.
    pub(crate) fn received(&self, receipt: &Receipt) {
        for (verdict, count) in
            VERDICTS.into_iter().zip([receipt.accepted, receipt.refused, receipt.unwanted])
        {
            if count > 0 {
                self.events.verdicts.get_or_create(&OfVerdict { verdict }).inc_by(u64::from(count));
            }
        }
        self.events.mapped_payloads.inc_by(u64::from(receipt.queued));
    }

    /// An event was refused.
    pub(crate) fn event_refused(&self, why: &Refusal) {
        self.events.refused.get_or_create(&OfReason { reason: why.class() }).inc();
    }

    /// A call, or a message of a stream, was refused.
    pub(crate) fn turned_away(&self, why: Turned) {
        self.events.refused_calls.get_or_create(&OfReason { reason: why.as_str() }).inc();
    }

    /// A payload could not be made.
    pub(crate) fn unmapped(&self, mapping: &str) {
        self.events.unmapped_payloads.get_or_create(&OfMapping { mapping: mapping.to_owned() }).inc();
    }

    /// A request was answered.
    pub(crate) fn answered(&self, started: std::time::Instant) {
        self.commits.request_duration.observe(started.elapsed().as_secs_f64());
    }

    /// A commit is begun with so many requests; it is under way until this is dropped.
    pub(crate) fn commit_begins(&self, requests: usize) -> working::Begun {
        self.commits.requests.observe(f64::from(u32::try_from(requests).unwrap_or(u32::MAX)));
        self.committing.begin()
    }

    /// A commit ended.
    pub(crate) fn committed(&self, began: Instant, outcome: Result<(), CommitError>, payloads: u64) {
        self.commits.duration.observe(began.elapsed().as_secs_f64());
        let [committed, unavailable, failed] = OUTCOMES;
        let outcome = match outcome {
            Ok(()) => {
                self.events.queued_payloads.inc_by(payloads);
                committed
            }
            Err(CommitError::Unavailable | CommitError::Closed) => unavailable,
            Err(CommitError::Failed) => failed,
        };
        self.commits.outcomes.get_or_create(&OfOutcome { outcome }).inc();
    }

    /// A request was refused for the queue of a mapping, or of all.
    pub(crate) fn queue_refused(&self, name: &str) {
        self.turned_away(Turned::QueueFull);
        self.depth.queue_refused.get_or_create(&OfMapping { mapping: name.to_owned() }).inc();
    }

    /// A queue began or ceased to be full.
    pub(crate) fn queue_full(&self, name: &str, is_full: bool) {
        let of = OfMapping { mapping: name.to_owned() };
        if is_full {
            self.depth.queue_full.get_or_create(&of).set(1);
        } else {
            self.depth.queue_full.remove(&of);
        }
    }

    /// What is queued in all, which share of what may be that is, and in the lanes that have something.
    pub(crate) fn depth(&self, events: u64, bytes: u64, ratio: f64, mut lanes: Vec<LaneDepth>) {
        self.depth.queued_events.set(i64::try_from(events).unwrap_or(i64::MAX));
        self.depth.queued_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.depth.queued_ratio.set(ratio);
        self.depth.lane_queued_events.clear();
        self.depth.lane_queued_bytes.clear();
        lanes.sort_unstable_by_key(|lane| std::cmp::Reverse(lane.events));
        for lane in lanes.into_iter().take(LANES_SHOWN_MAX) {
            let of = OfMapping { mapping: lane.mapping };
            self.depth
                .lane_queued_events
                .get_or_create(&of)
                .set(i64::try_from(lane.events).unwrap_or(i64::MAX));
            self.depth
                .lane_queued_bytes
                .get_or_create(&of)
                .set(i64::try_from(lane.bytes).unwrap_or(i64::MAX));
        }
    }
}
