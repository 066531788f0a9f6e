//! Client: how a program of ours connects to a gRPC service, with TLS where the address says so.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use signalpost_tls::{Authorities, Identity, Part, Unusable, Unverified, system_roots, verifier};
use tonic::transport::{ClientTlsConfig, Endpoint};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Whom a client trusts, and what it shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Authorities to trust beside the machine's.
    pub ca_file: Option<PathBuf>,
    /// Its own certificate, for servers that ask for one.
    pub certificate_file: Option<PathBuf>,
    /// The certificate's key.
    pub key_file: Option<PathBuf>,
}

/// A connection that can't be prepared.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address can't be read.
    #[error("{url:?} is no address such as http://127.0.0.1:4650 or https://signalpost.example:4650")]
    Address {
        /// As it was given.
        url: String,
    },
    /// TLS was asked for, and the address says plain text.
    #[error("certificates are given, but {url} is plain text: write https://")]
    PlainText {
        /// As it was given.
        url: String,
    },
    /// Half of an identity.
    #[error("a client certificate needs both its file and that of its key: {missing} is missing")]
    Half {
        /// What is missing.
        missing: &'static str,
    },
    /// A file can't be read.
    #[error("{file} can not be read: {why}")]
    Unreadable {
        /// Which.
        file: String,
        /// Why.
        why: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{file}: {why}")]
    Unusable {
        /// Which.
        file: String,
        /// What is wrong with it.
        why: Unusable,
    },
    /// TLS can't be set up.
    #[error("TLS can not be set up: {0}")]
    Setup(String),
}

/// The way to a service; does not connect yet.
pub fn endpoint(url: &str, tls: &Tls) -> Result<Endpoint, ClientError> {
    let bad = || ClientError::Address { url: url.to_owned() };
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| bad())?;
    let endpoint = endpoint.connect_timeout(CONNECT_WITHIN).tcp_nodelay(true);
    match endpoint.uri().scheme_str() {
        _ if endpoint.uri().host().is_none() => Err(bad()),
        Some("https") => with_tls(endpoint, tls),
        Some("http") if *tls == Tls::default() => Ok(endpoint),
        Some("http") => Err(ClientError::PlainText { url: url.to_owned() }),
        _ => Err(bad()),
    }
}

fn with_tls(endpoint: Endpoint, tls: &Tls) -> Result<Endpoint, ClientError> {
    let setup = |error: &dyn Error| ClientError::Setup(error.to_string());
    let mut roots = system_roots();
    if let Some(file) = &tls.ca_file {
        let authorities = Authorities::from_pem(&read(file)?).map_err(|why| unusable(file, why))?;
        authorities.add_to(&mut roots);
    }
    let mut config = ClientTlsConfig::new();
    match (&tls.certificate_file, &tls.key_file) {
        (None, None) => {}
        (Some(_), None) => return Err(ClientError::Half { missing: "the key" }),
        (None, Some(_)) => return Err(ClientError::Half { missing: "the certificate" }),
        (Some(certificate_file), Some(key_file)) => {
            let (certificate, key) = (read(certificate_file)?, read(key_file)?);
            Identity::from_pem(&certificate, &key).map_err(|why| {
                unusable(if why.part == Part::Key { key_file } else { certificate_file }, why)
            })?;
            config = config.identity(tonic::transport::Identity::from_pem(certificate, key));
        }
    }
    let verifier = verifier(roots).map_err(|error| setup(&error))?;
    endpoint.tls_config_with_verifier(config, verifier).map_err(|error| setup(&error))
}

fn read(file: &Path) -> Result<String, ClientError> {
    std::fs::read_to_string(file)
        .map_err(|why| ClientError::Unreadable { file: file.display().to_string(), why })
}

fn unusable(file: &Path, why: Unusable) -> ClientError {
    ClientError::Unusable { file: file.display().to_string(), why }
}

/// What our verifier said, where only the text is left that rustls put around it.
fn unwrapped(text: &str) -> String {
    let inner = text.split_once("Other(OtherError(").and_then(|(_, rest)| rest.strip_suffix("))"));
    inner.unwrap_or(text).to_owned()
}

/// Why there is no connection, in words that say what to do. For errors of `Endpoint::connect`, and of calls whose
/// status has them as its source.
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let cause = wrapped.map_or(cause, |inner| inner as &(dyn Error + 'static));
    let text = Unverified::of(cause).map_or_else(|| unwrapped(&cause.to_string()), ToString::to_string);
    // By their text: on the way through tonic the types are lost.
    let hint = [
        ("InvalidContentType", "the server speaks plain text: write http://"),
        (
            "no authority that is trusted",
            "if that is your own authority, name its certificate as the CA file",
        ),
        ("CertificateRequired", "the server asks for a client certificate"),
        ("UnknownCA", "the server does not know the authority of the client certificate"),
        ("frame with invalid size", "perhaps the server speaks TLS: write https://"),
    ];
    match hint.iter().find(|(sign, _)| text.contains(sign)) {
        Some((_, hint)) => format!("{text}; {hint}"),
        None => text,
    }
}
