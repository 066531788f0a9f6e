//! Reading: how much of requests may be in memory before they are admitted, all connections together.
//!
//! A message says its length before its first byte. Room for all of it is reserved then, and only then is it read: so
//! nobody holds room while waiting for room. The room is given back once the message is among what waits to be
//! committed, which is bounded too, or is gone. Invariant: the bytes reserved never exceed the limit.

mod framing;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{self, Sleep};
use tonic::Status;
use tonic::body::Body;

use self::framing::{Framing, Next};
use crate::limits::{Full, Room, Waiting};
use crate::metrics::{Metrics, Turned};
use crate::status;

/// The calls that carry events.
const SERVICE: &str = "/signalpost.v1.IngestService/";
const STREAM: &str = "/signalpost.v1.IngestService/PublishStream";
/// What a compressed byte can become.
const EXPANSION_MAX: usize = 1032;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The bound, and what it takes to keep it.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) room: Waiting,
    /// How large a message may be; a larger one is refused at its length.
    pub(crate) message_max: usize,
    /// How long a call waits for room. Streams wait on.
    pub(crate) patience: Duration,
    /// How long nothing may come of a message that has begun.
    pub(crate) silence_max: Duration,
    pub(crate) metrics: Metrics,
}

/// The room of the messages of one call that are not admitted yet, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Unadmitted(Mutex<VecDeque<Room>>);

impl Unadmitted {
    fn push(&self, room: Room) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(room);
    }

    /// The oldest message is counted elsewhere from now on.
    pub(crate) fn admitted(&self) {
        let _room = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    }
}

impl Reading {
    /// A request whose events are read only as far as there is room.
    pub(crate) fn bound(&self, request: http::Request<Body>) -> http::Request<Body> {
        if !request.uri().path().starts_with(SERVICE) {
            return request;
        }
        let is_stream = request.uri().path() == STREAM;
        let unadmitted = Arc::new(Unadmitted::default());
        let (mut parts, inner) = request.into_parts();
        parts.extensions.insert(Arc::clone(&unadmitted));
        let body = Bounded {
            inner,
            reading: self.clone(),
            is_stream,
            unadmitted,
            framing: Framing::default(),
            unread: Bytes::new(),
            reserving: None,
            silence: None,
        };
        http::Request::from_parts(parts, Body::new(body))
    }

    /// What a message of this length may take.
    fn cost(&self, length: usize, is_compressed: bool) -> usize {
        if length > self.message_max {
            return 0;
        }
        let expanded = if is_compressed { length.saturating_mul(EXPANSION_MAX) } else { length };
        expanded.min(self.message_max)
    }
}

type Reserving = Pin<Box<dyn Future<Output = Result<Room, Full>> + Send>>;

/// A request's body, read message by message.
struct Bounded {
    inner: Body,
    reading: Reading,
    is_stream: bool,
    unadmitted: Arc<Unadmitted>,
    framing: Framing,
    /// Came, and is not passed on yet: less than one frame of the transport.
    unread: Bytes,
    reserving: Option<Reserving>,
    /// Runs while a message has begun and nothing comes.
    silence: Option<Pin<Box<Sleep>>>,
}

impl Bounded {
    fn reserve(&self, bytes: usize) -> Reserving {
        let (room, patience) = (self.reading.room.clone(), self.reading.patience);
        if self.is_stream {
            Box::pin(async move { Ok(room.reserve_patiently(bytes).await) })
        } else {
            Box::pin(async move { room.reserve(bytes, patience).await })
        }
    }

    /// What of `unread` may be passed on now.
    fn poll_unread(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        while !self.unread.is_empty() {
            if let Some(reserving) = &mut self.reserving {
                let Ok(room) = ready!(reserving.as_mut().poll(context)) else {
                    self.reading.metrics.turned_away(Turned::ReadingFull);
                    let message = "too much is being read from other calls; try again later";
                    return Poll::Ready(Some(Err(status::exhausted(message, RETRY_AFTER))));
                };
                self.reserving = None;
                self.unadmitted.push(room);
            }
            match self.framing.next(&self.unread) {
                Next::Pass(bytes) => return Poll::Ready(Some(Ok(self.unread.split_to(bytes)))),
                Next::Message { length, is_compressed } => {
                    // Also for a message of no bytes: each has its place in `unadmitted`.
                    self.reserving = Some(self.reserve(self.reading.cost(length, is_compressed)));
                }
            }
        }
        Poll::Ready(None)
    }

    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        if !self.framing.is_inside() {
            return Poll::Pending;
        }
        let silence_max = self.reading.silence_max;
        let silence = self.silence.get_or_insert_with(|| Box::pin(time::sleep(silence_max)));
        ready!(silence.as_mut().poll(context));
        Poll::Ready(status::silent(silence_max))
    }
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(passed) = ready!(self.poll_unread(context)) {
                return Poll::Ready(Some(passed.map(Frame::data)));
            }
            match Pin::new(&mut self.inner).poll_frame(context) {
                Poll::Pending => return self.poll_silence(context).map(|status| Some(Err(status))),
                Poll::Ready(Some(Ok(frame))) => {
                    self.silence = None;
                    match frame.into_data() {
                        Ok(data) => self.unread = data,
                        Err(other) => return Poll::Ready(Some(Ok(other))),
                    }
                }
                Poll::Ready(end) => return Poll::Ready(end),
            }
        }
    }
}
