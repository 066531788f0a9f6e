//! Outcome: what an attempt proved.
//!
//! Invariant: everything a receiver can answer, and every way to get no answer, has exactly one outcome; the table in
//! the tests is the one in `docs/delivery.md`.

use std::fmt;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

mod each;

pub use each::{EventOutcome, of_each, together};

/// What an attempt proved about its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It may work later.
    Retryable {
        /// How long the receiver asked to wait.
        after: Option<Duration>,
        /// Whether the receiver shows that it has too much to do, so that fewer requests at a time are called for.
        is_overload: bool,
    },
    /// It will never work as it is.
    Rejected {
        /// Whether fewer events in a request may work: the receiver objects to something it was sent.
        is_divisible: bool,
    },
}

impl Outcome {
    /// The word used in the delivery log and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retryable { .. } => "retryable",
            Self::Rejected { .. } => "rejected",
        }
    }

    /// What the answer with this status proves. `retry_after` is that header's text; `now` turns its date into a wait.
    pub fn of_status(status: u16, retry_after: Option<&str>, now: DateTime<Utc>) -> Self {
        match status {
            200..=299 => Self::Delivered,
            429 | 503 => {
                let after = retry_after.and_then(|text| parse_retry_after(text, now));
                Self::Retryable { after, is_overload: true }
            }
            408 | 504 => Self::Retryable { after: None, is_overload: true },
            423 | 425 | 500 | 502 | 505..=599 => Self::Retryable { after: None, is_overload: false },
            400 | 413 | 422 => Self::Rejected { is_divisible: true },
            _ => Self::Rejected { is_divisible: false },
        }
    }

    /// What it proves that there was no answer.
    pub fn of_failure(failure: Failure) -> Self {
        match failure {
            Failure::Dns
            | Failure::Connect
            | Failure::Tls
            | Failure::Reset
            | Failure::Protocol
            | Failure::Address => Self::Retryable { after: None, is_overload: false },
            Failure::Timeout => Self::Retryable { after: None, is_overload: true },
            Failure::Request => Self::Rejected { is_divisible: false },
        }
    }
}

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The name of the receiver could not be resolved.
    Dns,
    /// The receiver could not be reached.
    Connect,
    /// No secure connection came about.
    Tls,
    /// The attempt took longer than it may.
    Timeout,
    /// The connection ended before the answer did.
    Reset,
    /// What came back is not HTTP.
    Protocol,
    /// The receiver's address is refused. Tried again, as the setting that allows it serves what is queued already.
    Address,
    /// The request can't be made: its URL, method or headers are none.
    Request,
}

impl Failure {
    /// The word used in the delivery log and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::Address => "address",
            Self::Request => "request",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `Retry-After` in both its forms: seconds, or an HTTP date. A date that has passed is no wait.
fn parse_retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::from(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Outcome = Outcome::Retryable { after: None, is_overload: false };
    const OVERLOAD: Outcome = Outcome::Retryable { after: None, is_overload: true };
    const FINAL: Outcome = Outcome::Rejected { is_divisible: false };
    const DIVISIBLE: Outcome = Outcome::Rejected { is_divisible: true };

    fn now() -> DateTime<Utc> {
        "2026-11-24T09:00:00Z".parse().unwrap()
    }

    fn of(status: u16) -> Outcome {
        Outcome::of_status(status, None, now())
    }

    #[test]
    fn every_status_has_the_outcome_of_the_table() {
        for status in 0..=1000 {
            let expected = match status {
                200..=299 => Outcome::Delivered,
                400 | 413 | 422 => DIVISIBLE,
                408 | 429 | 503 | 504 => OVERLOAD,
                423 | 425 | 500 | 502 | 505..=599 => LATER,
                _ => FINAL,
            };
            assert_eq!(of(status), expected, "{status}");
        }
    }

    #[test]
    fn a_request_without_an_answer_is_tried_again_unless_it_can_not_be_made() {
        use Failure::{Address, Connect, Dns, Protocol, Request, Reset, Timeout, Tls};
        for failure in [Dns, Connect, Tls, Reset, Protocol, Address] {
            assert_eq!(Outcome::of_failure(failure), LATER, "{failure}");
        }
        assert_eq!(Outcome::of_failure(Timeout), OVERLOAD);
        assert_eq!(Outcome::of_failure(Request), FINAL);
    }

    #[test]
    fn retry_after_is_read_in_both_forms_on_429_and_503_only() {
        let after = |status, text| match Outcome::of_status(status, Some(text), now()) {
            Outcome::Retryable { after, .. } => after.map(|after| after.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(after(429, "120"), Some(120));
        assert_eq!(after(503, " 0 "), Some(0));
        assert_eq!(after(503, "99999999999999999999999"), Some(u64::MAX));
        assert_eq!(after(429, "Tue, 24 Nov 2026 09:01:30 GMT"), Some(90));
        assert_eq!(after(429, "Tue, 24 Nov 2026 08:00:00 GMT"), Some(0));
        for nonsense in ["", "soon", "-5", "1.5"] {
            assert_eq!(after(429, nonsense), None, "{nonsense}");
        }
        assert_eq!(after(500, "120"), None);
    }
}
