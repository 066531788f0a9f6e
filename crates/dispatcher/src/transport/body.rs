//! Body: an answer's body, as far as it is worth reading.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::attempt::MULTI_STATUS;

/// So much is read, so that the connection can be used again; a longer answer costs its connection.
const READ_MAX: usize = 64 * 1024;
/// So much of it is kept.
const KEPT_MAX: usize = 1024;
/// So much is read and kept of an answer that may list the events of its request: at least, and at most.
const LIST: [usize; 2] = [256 * 1024, 1024 * 1024];
/// How much longer than the request such a list may be.
const LIST_RATIO: usize = 4;

/// How much of an answer's body is worth reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth {
    read: usize,
    kept: usize,
}

impl Worth {
    /// Of an answer with this status to a request of so many bytes: a list of statuses is as long as the request has
    /// events.
    pub(super) fn of(status: u16, request_bytes: usize) -> Self {
        if status == MULTI_STATUS {
            let list = request_bytes.saturating_mul(LIST_RATIO).clamp(LIST[0], LIST[1]);
            Self { read: list, kept: list }
        } else {
            Self { read: READ_MAX, kept: KEPT_MAX }
        }
    }
}

/// The beginning of the body. It ends at the bounds, at the deadline, or where the receiver breaks off: what an answer
/// says by its status holds whatever becomes of its body.
pub(super) async fn read(mut body: Incoming, worth: Worth, deadline: Instant) -> Bytes {
    let mut kept = BytesMut::new();
    let mut read = 0;
    while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
        let data = frame.into_data().unwrap_or_default();
        // A frame without a byte counts too: of those there could be any number.
        read += data.len().max(1);
        let room = worth.kept - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if read > worth.read {
            break;
        }
    }
    kept.freeze()
}
