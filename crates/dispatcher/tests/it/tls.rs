//! Destinations with authorities and certificates of their own, against receivers that ask for them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use signalpost_core::outcome::Failure;
use signalpost_core::secret::Secret;
use signalpost_dispatcher::transport::{Client, Egress, NoAnswer, Transport as _, Trust, system_lookup};
use signalpost_storage::Secrets;
use signalpost_testkit::{Authority, Issued, eventually};
use signalpost_tls::{Authorities, Certificate, Identity, provider};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::support::Setup;
use crate::transport::{egress, request};

/// A receiver with TLS that records whose certificate each connection showed; it ends when dropped.
pub(crate) struct TlsReceiver {
    address: SocketAddr,
    shown: Arc<Mutex<Vec<Option<String>>>>,
    _serving: JoinSet<()>,
}

impl TlsReceiver {
    /// With `clients`, it asks for a certificate of that authority.
    pub(crate) async fn start(issued: &Issued, clients: Option<&Authority>) -> TlsReceiver {
        let identity = Identity::from_pem(&issued.certificate, &issued.key).unwrap();
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let roots = Arc::new(Authorities::from_pem(&authority.pem()).unwrap().alone());
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots, provider()).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder.with_single_cert(identity.chain(), identity.key()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shown = Arc::new(Mutex::default());
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&shown)));
        TlsReceiver { address, shown, _serving: serving }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/", self.address.port())
    }

    /// Whose certificate each connection showed, as subject.
    fn shown(&self) -> Vec<Option<String>> {
        self.shown.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, shown: Arc<Mutex<Vec<Option<String>>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shown) = (tls.clone(), Arc::clone(&shown));
        connections.spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let certificates = stream.get_ref().1.peer_certificates();
            let subject = certificates.and_then(|all| Certificate::read(&all[0])).map(|one| one.subject);
            shown.lock().unwrap().push(subject);
            let answer = service_fn(async |_: Request<Incoming>| {
                Response::builder().status(200).body(Full::<Bytes>::default())
            });
            _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

fn client() -> Client {
    Client::new(system_lookup(), Duration::from_secs(30), RootCertStore::empty()).unwrap()
}

fn trusting(ca: Option<&Authority>, identity: Option<&Issued>) -> Egress {
    let ca = ca.map(Authority::pem);
    let identity = identity.map(|issued| (issued.certificate.as_str(), issued.key.as_str()));
    Egress { trust: Trust::new(ca.as_deref(), false, identity).unwrap(), ..local() }
}

fn local() -> Egress {
    let allow = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    Egress { allow: allow.into(), ..egress() }
}

async fn refusal(client: &Client, receiver: &TlsReceiver, egress: &Egress) -> NoAnswer {
    client.send(request(&receiver.url()), egress).await.unwrap_err()
}

#[tokio::test]
async fn a_destination_delivers_with_its_own_authority_and_certificate() {
    let (servers, clients) = (Authority::named("Servers"), Authority::named("Clients"));
    let receiver = TlsReceiver::start(&servers.issue("localhost"), Some(&clients)).await;
    let ours = clients.issue("signalpost");
    let mut setup = Setup::to(&receiver.url(), true)
        .delivery("ca", servers.pem())
        .delivery("client_certificate", ours.certificate.as_str());
    setup.secrets = Secrets { client_key: Some(Secret::new(ours.key.as_str())), ..Secrets::default() };
    let world = setup.start().await;
    world.queue(0, 0..3).await;
    let dispatcher = world.dispatcher();
    world.empty().await;
    dispatcher.stop().await;
    assert_eq!(receiver.shown(), [Some("CN=signalpost".to_owned())]);
    assert_eq!(world.count("dead_batches").await, 0);
    let stored =
        world.text("SELECT encode(sealed, 'escape') FROM signalpost.destination_secrets").await.unwrap();
    assert!(!stored.contains("PRIVATE KEY"), "it is sealed");
    let plain = world.text("SELECT delivery::text FROM signalpost.destinations").await.unwrap();
    assert!(!plain.contains("PRIVATE KEY"), "it stands nowhere else");
}

#[tokio::test]
async fn the_queue_says_which_certificate_was_not_accepted_and_what_to_set() {
    let servers = Authority::named("Servers");
    let receiver = TlsReceiver::start(&servers.issue("localhost"), None).await;
    let world = Setup::to(&receiver.url(), true).start().await;
    world.queue(0, 0..1).await;
    let dispatcher = world.dispatcher();
    let last_error = "SELECT last_error FROM signalpost.batches";
    let error = eventually("an error", async || world.text(last_error).await).await;
    dispatcher.stop().await;
    for part in [
        "tls: ",
        "CN=localhost, signed by CN=Servers",
        "no authority that is trusted signed it",
        "delivery.ca",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_that_has_expired_or_is_for_another_name_is_said_so() {
    let servers = Authority::named("Servers");
    let egress = trusting(Some(&servers), None);
    let expired = TlsReceiver::start(&servers.issue_expired("localhost"), None).await;
    let none = refusal(&client(), &expired, &egress).await;
    assert!(none.failure == Failure::Tls && none.reason.contains("it has expired"), "{}", none.reason);
    let other = TlsReceiver::start(&servers.issue("other.example"), None).await;
    let none = refusal(&client(), &other, &egress).await;
    assert!(none.reason.contains("not for localhost, but for"), "{}", none.reason);
}

#[tokio::test]
async fn a_receiver_that_wants_another_client_certificate_is_said_so() {
    let (servers, clients) = (Authority::named("Servers"), Authority::named("Clients"));
    let receiver = TlsReceiver::start(&servers.issue("localhost"), Some(&clients)).await;
    let none = refusal(&client(), &receiver, &trusting(Some(&servers), None)).await;
    assert_eq!(none.failure, Failure::Tls, "{}", none.reason);
    assert!(none.reason.contains("the receiver asks for a client certificate"), "{}", none.reason);
    let strangers = Authority::named("Strangers");
    let egress = trusting(Some(&servers), Some(&strangers.issue("signalpost")));
    let none = refusal(&client(), &receiver, &egress).await;
    assert_eq!(none.failure, Failure::Tls, "{}", none.reason);
    assert!(none.reason.contains("does not accept delivery.client_certificate"), "{}", none.reason);
}

#[tokio::test]
async fn destinations_with_different_certificates_share_no_connection() {
    let (servers, clients) = (Authority::named("Servers"), Authority::named("Clients"));
    let receiver = TlsReceiver::start(&servers.issue("localhost"), Some(&clients)).await;
    let (one, other) = (clients.issue("one"), clients.issue("other"));
    let client = client();
    for (identity, times) in [(&one, 3), (&other, 2), (&one, 2)] {
        for _ in 0..times {
            // Read anew each time, as after a change of the configuration.
            let egress = trusting(Some(&servers), Some(identity));
            assert_eq!(client.send(request(&receiver.url()), &egress).await.unwrap().status, 200);
        }
    }
    assert_eq!(receiver.shown(), [Some("CN=one".to_owned()), Some("CN=other".to_owned())]);
    let none = refusal(&client, &receiver, &trusting(Some(&servers), None)).await;
    assert_eq!(none.failure, Failure::Tls, "{}", none.reason);
    let none = refusal(&client, &receiver, &local()).await;
    assert_eq!(none.failure, Failure::Tls, "{}", none.reason);
}

#[tokio::test]
async fn an_authority_is_added_to_those_of_the_machine_or_alone_as_asked() {
    let (machines, ours) = (Authority::named("Machine"), Authority::named("Ours"));
    let receiver = TlsReceiver::start(&machines.issue("localhost"), None).await;
    let roots = Authorities::from_pem(&machines.pem()).unwrap().alone();
    let client = Client::new(system_lookup(), Duration::from_secs(30), roots).unwrap();
    let added = trusting(Some(&ours), None);
    assert_eq!(client.send(request(&receiver.url()), &added).await.unwrap().status, 200);
    let alone = Egress { trust: Trust::new(Some(&ours.pem()), true, None).unwrap(), ..local() };
    let none = refusal(&client, &receiver, &alone).await;
    assert!(none.reason.contains("no authority that is trusted"), "{}", none.reason);
}
