//! Handshake: whether a client speaks what this port does, and TLS with it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time;
use tokio_rustls::TlsAcceptor;

use super::failure::Failure;
use crate::connection::Stream;

/// How long a client may take until it can be served.
pub(super) const TIME_MAX: Duration = Duration::from_secs(10);
/// So many may be under way; one more cuts off the oldest, so that whoever connects and stays silent locks nobody out.
const UNDER_WAY_MAX: usize = 512;
/// The first byte of every TLS client.
const TLS_HANDSHAKE: u8 = 22;

type Ended = (Result<Stream, Failure>, Option<SocketAddr>);

/// The handshakes under way. Dropping them ends them.
#[derive(Default)]
pub(super) struct Handshakes {
    tasks: JoinSet<Ended>,
    /// In the order in which they began; some may have ended.
    begun: VecDeque<(AbortHandle, Option<SocketAddr>)>,
}

impl Handshakes {
    /// Begins one; says which had to be cut off for it.
    pub(super) fn begin(
        &mut self,
        stream: TcpStream,
        tls: Option<TlsAcceptor>,
    ) -> Option<(Failure, Option<SocketAddr>)> {
        let peer = stream.peer_addr().ok();
        let crowded_out = if self.tasks.len() >= UNDER_WAY_MAX { self.cut_off_oldest() } else { None };
        let task = self.tasks.spawn(async move {
            let done = time::timeout(TIME_MAX, shake(stream, tls)).await;
            (done.unwrap_or(Err(Failure::Slow)), peer)
        });
        self.begun.push_back((task, peer));
        if self.begun.len() > 2 * UNDER_WAY_MAX {
            self.begun.retain(|(task, _)| !task.is_finished());
        }
        crowded_out
    }

    fn cut_off_oldest(&mut self) -> Option<(Failure, Option<SocketAddr>)> {
        while let Some((task, peer)) = self.begun.pop_front() {
            if !task.is_finished() {
                task.abort();
                return Some((Failure::Crowded, peer));
            }
        }
        None
    }

    /// The next that ends; never, while there is none. Safe to cancel.
    pub(super) async fn next(&mut self) -> Result<(Stream, SocketAddr), (Failure, Option<SocketAddr>)> {
        loop {
            match self.tasks.join_next().await {
                None => std::future::pending().await,
                Some(Ok((Ok(stream), Some(peer)))) => return Ok((stream, peer)),
                Some(Ok((Ok(_), None))) => return Err((Failure::Gone, None)),
                Some(Ok((Err(failure), peer))) => return Err((failure, peer)),
                // Cut off: that was counted already.
                Some(Err(_)) => {}
            }
        }
    }
}

async fn shake(stream: TcpStream, tls: Option<TlsAcceptor>) -> Result<Stream, Failure> {
    let mut first = [0];
    let is_there = stream.peek(&mut first).await.map_err(|_| Failure::Gone)? > 0;
    match (first[0] == TLS_HANDSHAKE, tls) {
        _ if !is_there => Err(Failure::Gone),
        (true, Some(tls)) => match tls.accept(stream).await {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(error) => Err(Failure::Tls(error)),
        },
        (false, None) => Ok(Stream::Plain(stream)),
        (true, None) => Err(Failure::UnexpectedTls),
        (false, Some(_)) => Err(Failure::PlainText),
    }
}
