//! Client: connections to servers whose certificates are verified, with errors that say whose certificate it was.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, OtherError, RootCertStore,
    SignatureScheme,
};

use crate::{Certificate, Identity, provider};

/// A server's certificate was not accepted. `Debug` is as `Display`: rustls wraps it into errors that only debug it.
#[derive(thiserror::Error)]
#[error("the certificate of {certificate}: {why}")]
pub struct Unverified {
    /// Whose it is.
    pub certificate: Certificate,
    /// Why it was not accepted.
    pub why: String,
    /// It may be fine, but nobody who is trusted says so.
    pub is_unknown_authority: bool,
}

impl fmt::Debug for Unverified {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Unverified {
    /// The one that an error of rustls is about; it does not tell it as its source.
    pub fn of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        match error.downcast_ref::<rustls::Error>()? {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
                inner.downcast_ref()
            }
            _ => None,
        }
    }
}

/// Verifies servers by these authorities.
pub fn verifier(roots: RootCertStore) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    Ok(Arc::new(Telling(inner)))
}

/// Connects to servers that these authorities vouch for, and shows them this identity when they ask.
pub fn client_config(
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, rustls::Error> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match identity {
        Some(identity) => config.with_client_auth_cert(identity.chain(), identity.key()),
        None => Ok(config.with_no_client_auth()),
    }
}

/// The usual verifier, whose errors name the certificate.
#[derive(Debug)]
struct Telling(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Telling {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verified.map_err(|error| told(error, end_entity))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.0.root_hint_subjects()
    }
}

/// A certificate's name as people write it; rustls has it as `DnsName("a.example")`.
fn plain(presented: &str) -> &str {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(presented).trim_matches('"')
}

fn told(error: rustls::Error, end_entity: &CertificateDer<'_>) -> rustls::Error {
    let (rustls::Error::InvalidCertificate(why), Some(certificate)) = (&error, Certificate::read(end_entity))
    else {
        return error;
    };
    let is_unknown_authority = *why == CertificateError::UnknownIssuer;
    let why = match why {
        CertificateError::UnknownIssuer => "no authority that is trusted signed it".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::NotValidForName => "it is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let presented: Vec<&str> = presented.iter().take(5).map(|name| plain(name)).collect();
            format!("it is not for {}, but for {}", expected.to_str(), presented.join(", "))
        }
        other => format!("{other:?}"),
    };
    let told = OtherError(Arc::new(Unverified { certificate, why, is_unknown_authority }));
    rustls::Error::InvalidCertificate(CertificateError::Other(told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_people_write_them() {
        for (presented, told) in [
            (r#"DnsName("elsewhere.example")"#, "elsewhere.example"),
            ("IpAddress(192.0.2.1)", "192.0.2.1"),
            ("elsewhere.example", "elsewhere.example"),
        ] {
            assert_eq!(plain(presented), told);
        }
    }
}
