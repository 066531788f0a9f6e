//! Intake: one request's way from its events to its commit, the same for a call and for a message of a stream.
//!
//! Invariants: nothing is mapped before there is room for it; a receipt exists only once its request is committed or
//! needs no commit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::global::BoxedSpan;
use signalpost_core::json::Limits;
use signalpost_grpc::guard::Guard;
use signalpost_proto::v1::{Event, Receipt};
use tokio::sync::watch;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::auth::{self, AuthError, Credential};
use crate::catalog::Source;
use crate::committer::{CommitError, Committer, Pending};
use crate::depth::Depths;
use crate::limits::{RequestLimits, Room, Waiting};
use crate::metrics::{Metrics, Turned};
use crate::pipeline::{self, Mapped};
use crate::readiness::Readiness;
use crate::status;
use crate::trace::{Call, Tracer};

/// What a client should wait before it tries again.
const RETRY_SOON: Duration = Duration::from_secs(1);
const RETRY_LATER: Duration = Duration::from_secs(5);

/// What every call needs.
pub(crate) struct Intake {
    pub(crate) guard: Guard,
    pub(crate) readiness: watch::Receiver<Readiness>,
    pub(crate) request_limits: RequestLimits,
    pub(crate) event_limits: Limits,
    pub(crate) waiting: Waiting,
    pub(crate) patience: Duration,
    pub(crate) committer: Arc<Committer>,
    pub(crate) depths: Arc<Depths>,
    pub(crate) metrics: Metrics,
    pub(crate) tracer: Tracer,
}

impl Intake {
    /// What a call is let in by, and the source it publishes for. Whoever keeps being wrong is refused unread.
    pub(crate) fn authenticate(
        &self,
        metadata: &MetadataMap,
        peer: Option<SocketAddr>,
    ) -> Result<(Credential, Arc<Source>), Status> {
        let credential = auth::credential(metadata).map_err(|error| self.unauthenticated(error))?;
        self.guard.admit(peer, &credential.hash)?;
        let source = self.source(&credential);
        match &source {
            Ok(_) => self.guard.succeeded(peer, &credential.hash),
            Err(status) if status.code() == Code::Unauthenticated => {
                self.guard.failed(peer, &credential.hash);
            }
            Err(_) => {}
        }
        Ok((credential, source?))
    }

    /// The source that is published for, as long as the credential is good.
    pub(crate) fn source(&self, credential: &Credential) -> Result<Arc<Source>, Status> {
        match &*self.readiness.borrow() {
            Readiness::Ready(catalog) => {
                catalog.source(credential).cloned().map_err(|error| self.unauthenticated(error))
            }
            Readiness::Starting => {
                self.metrics.turned_away(Turned::Unavailable);
                Err(status::unavailable("STARTING", "the configuration is not loaded yet", RETRY_SOON))
            }
            Readiness::Away(_) => {
                self.metrics.turned_away(Turned::Unavailable);
                Err(unavailable(CommitError::Unavailable))
            }
        }
    }

    fn unauthenticated(&self, error: AuthError) -> Status {
        self.metrics.turned_away(Turned::Unauthenticated);
        status::unauthenticated(error)
    }

    /// The size of a request, if it is within the limits; `field` is what a client would call its events.
    pub(crate) fn measure(&self, field: &str, events: &[Event]) -> Result<usize, Status> {
        let measured = self.request_limits.check(events);
        measured.map_err(|error| {
            self.metrics.turned_away(Turned::Invalid);
            status::invalid_request(field, &error.to_string())
        })
    }

    /// Room for a request, or `RESOURCE_EXHAUSTED` after a while.
    pub(crate) async fn reserve(&self, source: &Source, bytes: usize) -> Result<Room, Status> {
        self.waiting.reserve(footprint(source, bytes), self.patience).await.map_err(|_full| {
            self.metrics.turned_away(Turned::WaitingFull);
            status::exhausted("too much is waiting to be committed; try again later", RETRY_SOON)
        })
    }

    /// Room for a message of a stream, however long that takes: the stream is not read meanwhile.
    pub(crate) async fn reserve_patiently(&self, source: &Source, bytes: usize) -> Room {
        self.waiting.reserve_patiently(footprint(source, bytes)).await
    }

    pub(crate) async fn map(&self, source: &Source, events: &[Event], call: &Call) -> Mapped {
        pipeline::run(source, events, &self.event_limits, &self.metrics, call.origin()).await
    }

    /// Hands what is wanted to the committers; or, when the queue that a part of it would go to is full, nothing.
    pub(crate) fn submit(
        &self,
        mapped: Mapped,
        mut room: Room,
        started: Instant,
        mut call: Call,
    ) -> Result<Unanswered, Status> {
        let Mapped { wanted, shares, receipt } = mapped;
        let admitted = self.depths.admit(&shares).map_err(|full| {
            let status = status::queue_full(&full, RETRY_LATER);
            call.failed(&status);
            status
        })?;
        call.received(&receipt);
        self.metrics.received(&receipt);
        let pending = (!wanted.is_empty()).then(|| {
            room.shrink_to(wanted.bytes());
            self.committer.submit(wanted, room, admitted)
        });
        let commit = pending.as_ref().and_then(|_| self.tracer.commit(&call));
        Ok(Unanswered { receipt, pending, started, commit, call })
    }

    /// The receipt, once the request is committed.
    pub(crate) async fn answer(&self, unanswered: &mut Unanswered) -> Result<Receipt, Status> {
        if let Some(pending) = &mut unanswered.pending {
            pending.committed().await.map_err(|error| {
                self.metrics.turned_away(Turned::Unavailable);
                let status = unavailable(error);
                unanswered.call.failed(&status);
                status
            })?;
            drop(unanswered.commit.take());
        }
        self.metrics.answered(unanswered.started);
        Ok(std::mem::take(&mut unanswered.receipt))
    }
}

/// A request that is mapped and, if anything of it must be stored, in line to be committed.
#[derive(Debug)]
pub(crate) struct Unanswered {
    receipt: Receipt,
    pending: Option<Pending>,
    started: Instant,
    /// Ends with the commit.
    commit: Option<BoxedSpan>,
    /// Ends with the answer.
    call: Call,
}

/// What a request takes while it waits: the events themselves, and a payload for each mapping.
fn footprint(source: &Source, bytes: usize) -> usize {
    bytes.saturating_mul(source.mappings.len().max(1))
}

fn unavailable(error: CommitError) -> Status {
    let (reason, retry_after) = match error {
        CommitError::Unavailable => ("DATABASE_UNAVAILABLE", RETRY_SOON),
        CommitError::Failed => ("DATABASE_REFUSED", RETRY_LATER),
        CommitError::Closed => ("GOING_AWAY", RETRY_SOON),
    };
    status::unavailable(reason, &error.to_string(), retry_after)
}

/// A stream ends because the server does.
pub(crate) fn going_away() -> Status {
    unavailable(CommitError::Closed)
}
