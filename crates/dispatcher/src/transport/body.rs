//! Body: an answer's body, as far as it is worth reading.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

/// So much is read, so that the connection can be used again; a longer answer costs its connection.
const READ_MAX: usize = 64 * 1024;
/// So much of it is kept.
const KEPT_MAX: usize = 1024;

/// The beginning of the body. It ends at the bounds, at the deadline, or where the receiver breaks off: what an answer
/// says by its status holds whatever becomes of its body.
pub(super) async fn read(mut body: Incoming, deadline: Instant) -> Bytes {
    let mut kept = BytesMut::new();
    let mut read = 0;
    while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
        let data = frame.into_data().unwrap_or_default();
        // A frame without a byte counts too: of those there could be any number.
        read += data.len().max(1);
        let room = KEPT_MAX - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if read > READ_MAX {
            break;
        }
    }
    kept.freeze()
}
