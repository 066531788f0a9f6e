//! The transport by itself: TLS, HTTP/2, and names that resolve to something else the second time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use ipnet::IpNet;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{RootCertStore, ServerConfig};
use signalpost_core::outcome::Failure;
use signalpost_core::request::{Identity, OutboundRequest, Prepared};
use signalpost_core::signature::Signatures;
use signalpost_dispatcher::transport::{Client, Egress, Lookup, Transport as _};
use signalpost_testkit::receiver;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A receiver with TLS that answers with the version of HTTP it was asked in.
async fn tls_receiver() -> (SocketAddr, RootCertStore) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["receiver.test".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let answer = service_fn(async |request: Request<Incoming>| {
                let status = if request.version() == Version::HTTP_2 { 202 } else { 500 };
                Response::builder().status(status).body(Full::new(Bytes::new()))
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            _ = server.serve_connection(TokioIo::new(stream), answer).await;
        }
    });
    (address, roots)
}

pub(crate) fn egress() -> Egress {
    let allow: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap()];
    Egress { timeout: Duration::from_secs(10), allow: allow.into(), trust: None }
}

pub(crate) fn request(url: &str) -> OutboundRequest {
    let identity = Identity { batch_id: uuid::Uuid::nil(), attempt: 1, is_maybe_repeated: false };
    Prepared::new("POST", url, &[]).unwrap().request(
        Some(Bytes::from_static(b"{}").into()),
        &Signatures::default(),
        identity,
    )
}

pub(crate) fn always(address: SocketAddr) -> Lookup {
    Arc::new(move |_, _| async move { Ok(vec![address]) }.boxed())
}

#[tokio::test]
async fn tls_is_verified_and_http_2_is_used_where_it_is_offered() {
    let (address, roots) = tls_receiver().await;
    let client = Client::new(always(address), Duration::from_secs(5), roots).unwrap();
    let url = format!("https://receiver.test:{}/", address.port());
    assert_eq!(client.send(request(&url), &egress()).await.unwrap().status, 202);
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_a_failure_of_tls() {
    let (address, _) = tls_receiver().await;
    let client = Client::new(always(address), Duration::from_secs(5), RootCertStore::empty()).unwrap();
    let url = format!("https://receiver.test:{}/", address.port());
    let none = client.send(request(&url), &egress()).await.unwrap_err();
    assert_eq!(none.failure, Failure::Tls, "{}", none.reason);
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1024]).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-server\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let client = Client::new(always(address), Duration::from_secs(5), RootCertStore::empty()).unwrap();
    let none = client.send(request("http://receiver.test/"), &egress()).await.unwrap_err();
    assert_eq!(none.failure, Failure::Protocol, "{}", none.reason);
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_the_second_time_is_refused_then() {
    let receiver = receiver().await;
    let (first, second) = (receiver.address(), SocketAddr::from(([10, 0, 0, 1], 80)));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let lookup: Lookup = Arc::new(move |_, _| {
        let address = if count.fetch_add(1, Ordering::Relaxed) == 0 { first } else { second };
        async move { Ok(vec![address]) }.boxed()
    });
    let client = Client::new(lookup, Duration::ZERO, RootCertStore::empty()).unwrap();
    assert_eq!(client.send(request("http://receiver.test/"), &egress()).await.unwrap().status, 200);
    let none = client.send(request("http://other.test/"), &egress()).await.unwrap_err();
    assert_eq!(none.failure, Failure::Address);
    assert!(none.reason.contains("10.0.0.1 is a private address"), "{}", none.reason);
    assert_eq!((asked.load(Ordering::Relaxed), receiver.requests().len()), (2, 1));
}

#[tokio::test]
async fn one_bad_address_among_good_ones_refuses_the_name() {
    let receiver = receiver().await;
    let addresses = vec![receiver.address(), SocketAddr::from(([169, 254, 169, 254], 80))];
    let lookup: Lookup = Arc::new(move |_, _| {
        let addresses = addresses.clone();
        async move { Ok(addresses) }.boxed()
    });
    let client = Client::new(lookup, Duration::from_secs(5), RootCertStore::empty()).unwrap();
    let none = client.send(request("http://receiver.test/"), &egress()).await.unwrap_err();
    assert!(none.reason.contains("169.254.169.254 is a cloud metadata address"), "{}", none.reason);
    assert!(receiver.requests().is_empty());
}
