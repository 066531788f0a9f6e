//! Trust: whose certificates a destination accepts, and which one it shows itself.
//!
//! Invariant: two that are equal trust the same authorities and show the same identity, so that their connections may be
//! shared; two that are not, are not.

use std::hash::{Hash, Hasher};

use ring::digest::{Context, SHA256};
use rustls::{ClientConfig, RootCertStore};
use signalpost_tls::{Authorities, Identity, Unusable, client_config, verifier};

/// What a destination has of its own for TLS.
#[derive(Debug, Clone)]
pub struct Trust {
    authorities: Option<Authorities>,
    /// Nobody but these authorities.
    is_alone: bool,
    identity: Option<Identity>,
    /// Of all of it.
    digest: [u8; 32],
}

impl Trust {
    /// From PEM: authorities, and a certificate with its key. None when nothing differs from what everybody has.
    pub fn new(
        ca: Option<&str>,
        ca_only: bool,
        identity: Option<(&str, &str)>,
    ) -> Result<Option<std::sync::Arc<Self>>, Unusable> {
        if ca.is_none() && identity.is_none() {
            return Ok(None);
        }
        let mut context = Context::new(&SHA256);
        let (certificate, key) = identity.unzip();
        for part in [ca, certificate, key] {
            // With its length, so that no text can pass for two.
            let text = part.unwrap_or_default();
            context.update(&[u8::from(part.is_some())]);
            context.update(&text.len().to_be_bytes());
            context.update(text.as_bytes());
        }
        context.update(&[u8::from(ca_only)]);
        Ok(Some(std::sync::Arc::new(Self {
            authorities: ca.map(Authorities::from_pem).transpose()?,
            is_alone: ca_only && ca.is_some(),
            identity: identity.map(|(certificate, key)| Identity::from_pem(certificate, key)).transpose()?,
            digest: context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes"),
        })))
    }

    /// TLS as this destination wants it; `roots` are those of the machine.
    pub(super) fn config(&self, roots: &RootCertStore) -> Result<ClientConfig, rustls::Error> {
        let mut trusted = if self.is_alone { RootCertStore::empty() } else { roots.clone() };
        if let Some(authorities) = &self.authorities {
            authorities.add_to(&mut trusted);
        }
        client_config(verifier(trusted)?, self.identity.as_ref())
    }
}

impl PartialEq for Trust {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Trust {}

impl Hash for Trust {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}
