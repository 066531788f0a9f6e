//! Failure: why a client could not connect, in words that say what to do; not every one of them is said.
//!
//! Invariant: however many clients fail, the log gets one line a minute for each kind of reason.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::handshake::TIME_MAX;
use crate::Metrics;
use crate::metrics::{OfReason, Reason};

/// How often a kind of failure is said.
const SAY_EVERY: Duration = Duration::from_mins(1);

/// Why a client could not connect.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("it went away without a word")]
    Gone,
    #[error("it speaks plain text, and this port speaks TLS: let it use https://, or TLS credentials")]
    PlainText,
    #[error(
        "it speaks TLS, and this port speaks plain text: set tls.certificate and tls.key, or let it use http://"
    )]
    UnexpectedTls,
    #[error("it did not finish its handshake within {TIME_MAX:?}")]
    Slow,
    #[error("too many handshakes are under way: the oldest was cut off")]
    Crowded,
    #[error("{}", in_words(.0))]
    Tls(io::Error),
}

impl Failure {
    fn reason(&self) -> Option<Reason> {
        let reason = match self {
            Self::Gone => return None,
            Self::PlainText | Self::UnexpectedTls => Reason::Protocol,
            Self::Slow | Self::Crowded => Reason::Timeout,
            Self::Tls(error) => match of_tls(error) {
                Some(Error::NoCertificatesPresented | Error::InvalidCertificate(_)) => Reason::Certificate,
                Some(Error::AlertReceived(_)) => Reason::Distrust,
                _ => Reason::Other,
            },
        };
        Some(reason)
    }
}

fn of_tls(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn in_words(error: &io::Error) -> String {
    match of_tls(error) {
        Some(Error::NoCertificatesPresented) => {
            "it showed no certificate, and tls.client_ca asks for one".to_owned()
        }
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "no authority of tls.client_ca signed its certificate".to_owned()
        }
        Some(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => "its certificate has expired".to_owned(),
        Some(Error::InvalidCertificate(why)) => format!("its certificate was not accepted: {why}"),
        Some(Error::AlertReceived(alert)) if is_distrust(*alert) => {
            format!(
                "it does not trust this server's certificate ({alert:?}): does it know the authority that signed tls.certificate, and is that for the name it uses?"
            )
        }
        Some(other) => other.to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it went away in the middle of the handshake: perhaps it does not trust this server's certificate"
                .to_owned()
        }
        None => error.to_string(),
    }
}

fn is_distrust(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::UnsupportedCertificate
    )
}

/// When a kind of failure was said last, and how many came since.
struct Said {
    at: Instant,
    more: u64,
}

/// Counts failures, and says some.
pub(super) struct Failures {
    metrics: Metrics,
    said: HashMap<Reason, Said>,
}

impl Failures {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, said: HashMap::new() }
    }

    pub(super) fn count(&mut self, failure: &Failure, peer: Option<SocketAddr>) {
        let peer = peer.map(tracing::field::display);
        let Some(reason) = failure.reason() else {
            debug!(peer, reason = %failure, "a client did not connect");
            return;
        };
        self.metrics.handshakes_failed.get_or_create(&OfReason { reason }).inc();
        let now = Instant::now();
        let more = match self.said.get_mut(&reason) {
            Some(said) if now.saturating_duration_since(said.at) < SAY_EVERY => {
                said.more += 1;
                return;
            }
            Some(said) => said.more,
            None => 0,
        };
        self.said.insert(reason, Said { at: now, more: 0 });
        warn!(peer, reason = %failure, unsaid_before = more, "a client could not connect");
    }
}
