//! Serving: from the texts to what rustls serves with.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use signalpost_tls::{Authorities, Certificate, Identity, Part, Unusable, provider};

use super::{Config, Error, Why};

/// The texts as they were when they were read.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Texts {
    certificate: String,
    key: String,
    client_ca: Option<String>,
}

/// What a service serves with.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) config: Arc<ServerConfig>,
    pub(super) certificate: Certificate,
    pub(super) authorities: Vec<Certificate>,
}

impl Texts {
    /// Reads the files; small ones, and mostly none.
    pub(super) fn read(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            certificate: config.certificate.read("certificate")?,
            key: config.key.read("key")?,
            client_ca: config.client_ca.as_ref().map(|ca| ca.read("client_ca")).transpose()?,
        })
    }
}

impl Serving {
    /// `config` says where the texts came from, for errors.
    pub(super) fn new(texts: &Texts, config: &Config) -> Result<Self, Error> {
        let unusable = |Unusable { part, why }| {
            let (setting, pem) = match part {
                Part::Certificate => ("certificate", Some(&config.certificate)),
                Part::Key => ("key", Some(&config.key)),
                Part::Authorities => ("client_ca", config.client_ca.as_ref()),
            };
            Error { setting, file: pem.and_then(|pem| pem.file().cloned()), why: Why::Unusable(why) }
        };
        let refused = |setting, reason: &dyn std::fmt::Display| Error {
            setting,
            file: None,
            why: Why::Refused(reason.to_string()),
        };
        let identity = Identity::from_pem(&texts.certificate, &texts.key).map_err(unusable)?;
        let authorities =
            texts.client_ca.as_deref().map(Authorities::from_pem).transpose().map_err(unusable)?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| refused("certificate", &error))?;
        let builder = match &authorities {
            None => builder.with_no_client_auth(),
            Some(authorities) => {
                let roots = Arc::new(authorities.alone());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| refused("client_ca", &error))?)
            }
        };
        let mut serving = builder
            .with_single_cert(identity.chain(), identity.key())
            .map_err(|error| refused("certificate", &error))?;
        serving.alpn_protocols = vec![b"h2".to_vec()];
        // gRPC connections live long. And a resumed session would not show its client certificate again.
        serving.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self {
            config: Arc::new(serving),
            certificate: identity.certificate().clone(),
            authorities: authorities.map(|one| one.certificates().to_vec()).unwrap_or_default(),
        })
    }
}
