//! Authorities: whose signature on a certificate is trusted.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::Certificate;
use crate::pem::{self, Part, Unusable, Why};

/// Certificates of authorities, at least one.
#[derive(Debug, Clone)]
pub struct Authorities {
    certificates: Vec<CertificateDer<'static>>,
    described: Vec<Certificate>,
}

impl Authorities {
    /// Reads every certificate of a text.
    pub fn from_pem(text: &str) -> Result<Self, Unusable> {
        let certificates = pem::certificates(text).map_err(|why| why.of(Part::Authorities))?;
        let mut store = RootCertStore::empty();
        let mut described = Vec::new();
        for (index, certificate) in certificates.iter().enumerate() {
            let bad = || Why::NoCertificate { number: index + 1 }.of(Part::Authorities);
            store.add(certificate.clone()).map_err(|_| bad())?;
            described.push(Certificate::read(certificate).ok_or_else(bad)?);
        }
        Ok(Self { certificates, described })
    }

    /// Who they are.
    pub fn certificates(&self) -> &[Certificate] {
        &self.described
    }

    /// Trusts them beside whomever the store trusts already.
    pub fn add_to(&self, store: &mut RootCertStore) {
        store.add_parsable_certificates(self.certificates.iter().cloned());
    }

    /// A store that trusts nobody else.
    pub fn alone(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        self.add_to(&mut store);
        store
    }
}

/// The machine's authorities; where it has none, Mozilla's.
pub fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(native.certs);
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}
