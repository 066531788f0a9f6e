//! Guard: whoever keeps trying wrong credentials has to slow down.
//!
//! Each address may be wrong a number of times at once, then once every few seconds; until then its calls are refused
//! before their credential is looked at, so that guessing gains nothing. A credential that was right from that address
//! before is let through meanwhile: clients behind one proxy do not suffer for the one that is wrong.
//!
//! Invariants: memory is bounded however many addresses come; a spell is said once.

mod buckets;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use tracing::warn;

use crate::Metrics;
use buckets::Buckets;

/// SHA-256 of a credential.
pub type CredentialHash = [u8; 32];

/// So many pairs of address and right credential are remembered.
const KNOWN_MAX: usize = 1 << 16;

/// Limits wrong credentials by address.
pub struct Guard {
    buckets: Mutex<Buckets>,
    known: RwLock<HashSet<(Origin, CredentialHash)>>,
    metrics: Metrics,
}

/// Refused unread. Turns into `RESOURCE_EXHAUSTED` with the time after which a try makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong credentials came from your address; try again later")]
pub struct Guarded {
    /// How long to wait.
    pub retry_after: Duration,
}

/// Whoever may share an address: one of IPv4, or a network of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    V4([u8; 4]),
    V6([u16; 4]),
    /// Not told by the connection.
    Unknown,
}

impl Origin {
    fn of(peer: Option<SocketAddr>) -> Self {
        match peer.map(|peer| peer.ip().to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address.octets()),
            Some(IpAddr::V6(address)) => {
                let [one, two, three, four, ..] = address.segments();
                Self::V6([one, two, three, four])
            }
            None => Self::Unknown,
        }
    }
}

impl Guard {
    /// Lets everybody in until they are wrong.
    pub fn new(metrics: Metrics) -> Self {
        Self { buckets: Mutex::default(), known: RwLock::default(), metrics }
    }

    /// Whether a credential may be looked at. `peer` is the call's `remote_addr`.
    pub fn admit(&self, peer: Option<SocketAddr>, credential: &CredentialHash) -> Result<(), Guarded> {
        let origin = Origin::of(peer);
        let Some(retry_after) = self.buckets().wait(origin, Instant::now()) else { return Ok(()) };
        if self.known.read().unwrap_or_else(PoisonError::into_inner).contains(&(origin, *credential)) {
            return Ok(());
        }
        self.metrics.guarded.inc();
        Err(Guarded { retry_after })
    }

    /// The credential was right.
    pub fn succeeded(&self, peer: Option<SocketAddr>, credential: &CredentialHash) {
        let pair = (Origin::of(peer), *credential);
        if self.known.read().unwrap_or_else(PoisonError::into_inner).contains(&pair) {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(pair);
    }

    /// The credential was wrong, or is not right any more.
    pub fn failed(&self, peer: Option<SocketAddr>, credential: &CredentialHash) {
        let origin = Origin::of(peer);
        let pair = (origin, *credential);
        let was_known = self.known.read().unwrap_or_else(PoisonError::into_inner).contains(&pair);
        if was_known {
            self.known.write().unwrap_or_else(PoisonError::into_inner).remove(&pair);
        }
        if self.buckets().take(origin, Instant::now()) {
            let peer = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.ip().to_string());
            warn!(peer, "too many wrong credentials from one address: for now its calls are refused unread");
        }
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Guarded> for Status {
    fn from(guarded: Guarded) -> Self {
        let mut details = ErrorDetails::with_error_info("WRONG_CREDENTIALS_LIMIT", "signalpost", []);
        details.set_retry_info(Some(guarded.retry_after));
        Self::with_error_details(Code::ResourceExhausted, guarded.to_string(), details)
    }
}

#[cfg(test)]
mod tests;
