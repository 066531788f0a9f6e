//! TLS, and clients that must show a certificate.

use signalpost_grpc::tls::Config as Tls;
use signalpost_ingest::Config;
use signalpost_proto::v1::PublishRequest;
use signalpost_proto::v1::ingest_service_client::IngestServiceClient;
use signalpost_testkit::Authority;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::setup::Ingest;

async fn connect(ingest: &Ingest, tls: ClientTlsConfig) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", ingest.address.port())).unwrap();
    endpoint.tls_config(tls.domain_name("localhost")).unwrap().connect().await
}

#[tokio::test]
async fn a_client_needs_a_certificate_when_authorities_are_given() {
    let authority = Authority::named("Ours");
    let server = authority.issue("localhost");
    let tls = Tls {
        certificate: server.certificate.as_str().into(),
        key: server.key.as_str().into(),
        client_ca: Some(authority.pem().as_str().into()),
    };
    let config = Config { tls: Some(tls), ..Config::default() };
    let ingest = Ingest::at(&signalpost_testkit::postgres().await.url, config).await;
    let trusting = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()));

    let client = authority.issue("app");
    let identity = Identity::from_pem(client.certificate, client.key);
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
