//! Identity: a certificate with its intermediates, and the key that proves it.

use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::pem::{self, Part, Unusable, Why};
use crate::{Certificate, provider};

/// A certificate with its intermediates, and its private key. `Debug` shows no key.
#[derive(Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    key: Arc<PrivateKeyDer<'static>>,
    described: Certificate,
}

impl Identity {
    /// Reads both, and checks that they belong together.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, Unusable> {
        let chain = pem::certificates(certificate).map_err(|why| why.of(Part::Certificate))?;
        let described = described(&chain).map_err(|why| why.of(Part::Certificate))?;
        let key = pem::key(key).map_err(|why| why.of(Part::Key))?;
        let signing = provider()
            .key_provider
            .load_private_key(key.clone_key())
            .map_err(|_| Why::UnknownKind.of(Part::Key))?;
        let certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(Why::Mismatch { subject: described.subject }.of(Part::Key));
            }
            Err(_) => return Err(Why::NoCertificate { number: 1 }.of(Part::Certificate)),
        }
        Ok(Self { certified: Arc::new(certified), key: Arc::new(key), described })
    }

    /// Whose certificate it is.
    pub fn certificate(&self) -> &Certificate {
        &self.described
    }

    /// The certificate, then its intermediates.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.certified.cert.clone()
    }

    /// The private key.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Identity({})", self.described)
    }
}

/// Every certificate of the chain can be read; the first is described.
fn described(chain: &[CertificateDer<'_>]) -> Result<Certificate, Why> {
    let mut all = chain.iter().map(Certificate::read);
    let first = all.next().flatten().ok_or(Why::NoCertificate { number: 1 })?;
    match all.position(|one| one.is_none()) {
        Some(index) => Err(Why::NoCertificate { number: index + 2 }),
        None => Ok(first),
    }
}
