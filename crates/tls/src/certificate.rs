//! Certificate: whose it is, by whom, and for how long, for people.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

/// So much of a name is told.
const NAME_MAX: usize = 200;

/// What people want to know of a certificate. `Display` says it in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is: its subject, or the first name it is for.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// From when on it holds.
    pub not_before: DateTime<Utc>,
    /// Until when it holds.
    pub not_after: DateTime<Utc>,
}

/// Whether a certificate holds at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// For so long yet.
    Valid(Duration),
    /// It begins later.
    NotYet,
    /// It is over.
    Expired,
}

impl Certificate {
    /// What is written in a certificate; none when it can't be read.
    pub fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, found) = X509Certificate::from_der(der).ok()?;
        let time = |seconds| DateTime::from_timestamp(seconds, 0);
        Some(Self {
            subject: subject(&found),
            issuer: bounded(&found.issuer().to_string()),
            not_before: time(found.validity().not_before.timestamp())?,
            not_after: time(found.validity().not_after.timestamp())?,
        })
    }

    /// Whether it holds at this time.
    pub fn standing(&self, now: UnixTime) -> Standing {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < self.not_before.timestamp() {
            return Standing::NotYet;
        }
        let left = u64::try_from(self.not_after.timestamp() - now).ok();
        left.map_or(Standing::Expired, |seconds| Standing::Valid(Duration::from_secs(seconds)))
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, issuer, not_before, not_after } = self;
        let (from, until) = (not_before.format("%Y-%m-%d"), not_after.format("%Y-%m-%d %H:%M UTC"));
        write!(out, "{subject}, signed by {issuer}, valid from {from} until {until}")
    }
}

fn subject(certificate: &X509Certificate<'_>) -> String {
    let subject = certificate.subject().to_string();
    if !subject.is_empty() {
        return bounded(&subject);
    }
    let names = certificate.subject_alternative_name().ok().flatten();
    let first = names.iter().flat_map(|names| &names.value.general_names).find_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    });
    bounded(first.unwrap_or("somebody without a name"))
}

/// Whoever made the certificate chose the text: it is cut, and holds nothing that a terminal would obey.
fn bounded(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(NAME_MAX).collect()
}
