//! PEM: the text that certificates and keys come in, and what is wrong with one.

use std::fmt;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What a text was given as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A certificate with its intermediates.
    Certificate,
    /// A certificate's private key.
    Key,
    /// The certificates of authorities.
    Authorities,
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Certificate => "the certificate",
            Self::Key => "the private key",
            Self::Authorities => "the list of authorities",
        })
    }
}

/// A text that is not what it was given as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part} {why}")]
pub struct Unusable {
    /// Which text.
    pub part: Part,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a text; reads after the name of what it was given as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// No PEM at all.
    #[error("is not PEM: a text with -----BEGIN {wanted}----- is expected")]
    NotPem {
        /// What the first line should name.
        wanted: &'static str,
    },
    /// PEM of another kind.
    #[error("holds no -----BEGIN {wanted}-----, but -----BEGIN {found}-----")]
    Other {
        /// What the first line should name.
        wanted: &'static str,
        /// What it names.
        found: String,
    },
    /// PEM that breaks off, or whose base64 is broken.
    #[error("is broken PEM: {reason}")]
    Broken {
        /// In the words of the parser.
        reason: String,
    },
    /// A certificate that can't be read.
    #[error("can not be read: number {number} of its certificates is no X.509 certificate that can be used")]
    NoCertificate {
        /// 1 for the first.
        number: usize,
    },
    /// A key with a passphrase.
    #[error(
        "is encrypted: take the passphrase off with `openssl pkey -in KEY -out KEY`, and protect the file instead"
    )]
    Encrypted,
    /// A key of a kind that is not known.
    #[error("is of a kind that can not be used: RSA from 2048 bits, ECDSA P-256 or P-384, and Ed25519 can")]
    UnknownKind,
    /// A key of another certificate.
    #[error("does not belong to the certificate of {subject}: that has another public key")]
    Mismatch {
        /// Of the certificate.
        subject: String,
    },
}

impl Why {
    pub(crate) fn of(self, part: Part) -> Unusable {
        Unusable { part, why: self }
    }
}

const CERTIFICATE: &str = "CERTIFICATE";
const KEY: &str = "PRIVATE KEY";

/// All certificates of a text; at least one.
pub(crate) fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, Why> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let found = found.map_err(|error| Why::Broken { reason: error.to_string() })?;
    if found.is_empty() { Err(instead(text, CERTIFICATE)) } else { Ok(found) }
}

/// The first private key of a text.
pub(crate) fn key(text: &str) -> Result<PrivateKeyDer<'static>, Why> {
    if label(text) == Some("ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(Why::Encrypted);
    }
    match PrivateKeyDer::pem_slice_iter(text.as_bytes()).next() {
        Some(Ok(key)) => Ok(key),
        Some(Err(error)) => Err(Why::Broken { reason: error.to_string() }),
        None => Err(instead(text, KEY)),
    }
}

/// What stands where something else was wanted.
fn instead(text: &str, wanted: &'static str) -> Why {
    match label(text) {
        Some(found) if found.ends_with(wanted) => Why::Broken { reason: "it has no end line".to_owned() },
        Some(found) => Why::Other { wanted, found: found.to_owned() },
        None if text.trim().is_empty() => Why::Empty,
        None => Why::NotPem { wanted },
    }
}

/// What the first section calls itself.
fn label(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, _) = rest.split_once("-----")?;
    let is_label =
        label.len() <= 40 && label.bytes().all(|byte| byte == b' ' || byte.is_ascii_alphanumeric());
    is_label.then_some(label)
}
