//! TLS, and clients that must show a certificate.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use signalpost_ingest::{Config, Tls};
use signalpost_proto::v1::PublishRequest;
use signalpost_proto::v1::ingest_service_client::IngestServiceClient;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::setup::Ingest;

/// An authority of our own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate of that authority and its key, as PEM.
fn certificate(authority: &CertifiedIssuer<'static, KeyPair>) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

async fn connect(ingest: &Ingest, tls: ClientTlsConfig) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", ingest.address.port())).unwrap();
    endpoint.tls_config(tls.domain_name("localhost")).unwrap().connect().await
}

#[tokio::test]
async fn a_client_needs_a_certificate_when_authorities_are_given() {
    let authority = authority();
    let (certificate_pem, key) = certificate(&authority);
    let tls =
        Tls { certificate: certificate_pem, key: key.as_str().into(), client_ca: Some(authority.pem()) };
    let config = Config { tls: Some(tls), ..Config::default() };
    let ingest = Ingest::at(&signalpost_testkit::postgres().await.url, config).await;
    let trusting = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()));

    let (client_certificate, client_key) = certificate(&authority);
    let identity = Identity::from_pem(client_certificate, client_key);
    let known = connect(&ingest, trusting.clone().identity(identity)).await.unwrap();
    let status = IngestServiceClient::new(known).publish(PublishRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "the certificate is fine, the write key is missing");

    // TLS 1.3 tells a client that it is not welcome only after the handshake: at the first call.
    let refused = match connect(&ingest, trusting).await {
        Ok(unknown) => {
            IngestServiceClient::new(unknown).publish(PublishRequest::default()).await.is_err_and(|status| {
                matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled)
            })
        }
        Err(_handshake) => true,
    };
    assert!(refused, "a client without a certificate got in");
}
