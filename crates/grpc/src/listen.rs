//! Listen: from a listener to connections that can be served.
//!
//! Invariants: the next client is taken while others are still at their handshake; a handshake has a time-out, and of
//! those under way there are only so many; nothing that a client does ends the stream.

mod failure;
mod handshake;

use std::io;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::net::TcpListener;
use tokio::time::{self, MissedTickBehavior};
use tonic::transport::server::TcpIncoming;
use tracing::warn;

use crate::tls::{LOOK_EVERY, Server};
use crate::{Connection, Metrics};
use failure::Failures;
use handshake::Handshakes;

/// After how much silence the system probes a connection, beside what HTTP/2 does.
const KEEPALIVE: Duration = Duration::from_mins(1);
/// How long nobody is taken after the system could not take anybody: it has run out of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Clients that can be served: with TLS after their handshake, else as soon as they say something. For
/// `serve_with_incoming_shutdown`; dropping it closes the port and ends the handshakes under way.
pub fn listen(
    listener: TcpListener,
    mut tls: Option<Server>,
    metrics: Metrics,
) -> impl Stream<Item = io::Result<Connection>> + Send {
    async_stream::stream! {
        // The builder's own tcp_nodelay does nothing for connections it did not accept itself.
        let mut clients =
            TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(KEEPALIVE));
        let mut handshakes = Handshakes::default();
        let mut failures = Failures::new(metrics.clone());
        let mut looks = time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if let Some(tls) = &tls {
            tls.say_remarks();
            metrics.certificate_ends.set(tls.certificate().not_after.timestamp());
        }
        let mut is_accepting = true;
        loop {
            let connected = tokio::select! {
                ended = handshakes.next() => match ended {
                    Ok((stream, peer)) => Some(Connection::new(stream, peer, &metrics.connections)),
                    Err((failure, peer)) => {
                        failures.count(&failure, peer);
                        None
                    }
                },
                client = clients.next() => {
                    match client {
                        Some(Ok(stream)) => {
                            is_accepting = true;
                            if let Some((failure, peer)) = handshakes.begin(stream, tls.as_ref().map(Server::acceptor)) {
                                failures.count(&failure, peer);
                            }
                        }
                        Some(Err(error)) => {
                            if std::mem::replace(&mut is_accepting, false) {
                                warn!(%error, "no client can be taken");
                            }
                            time::sleep(ACCEPT_PAUSE).await;
                        }
                        None => break,
                    }
                    None
                }
                _ = looks.tick() => {
                    if let Some(tls) = &mut tls && tls.look() {
                        metrics.certificate_ends.set(tls.certificate().not_after.timestamp());
                    }
                    None
                }
            };
            if let Some(connection) = connected {
                yield Ok(connection);
            }
        }
    }
}
