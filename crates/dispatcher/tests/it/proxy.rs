//! Requests through a proxy.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use rustls::RootCertStore;
use signalpost_core::outcome::Failure;
use signalpost_dispatcher::transport::{
    Client, Egress, Lookup, Proxies, ProxySetting, ProxyVariables, Transport as _,
};
use signalpost_testkit::{Asked, Authority, Proxy, receiver};
use signalpost_tls::Authorities;

use crate::tls::TlsReceiver;
use crate::transport::{always, egress, request};

/// `user:secret`
const CREDENTIALS: &str = "Basic dXNlcjpzZWNyZXQ=";

/// Names are not known here, as in a network that only a proxy leads out of.
fn nowhere() -> Lookup {
    Arc::new(|_, _| async { Err(io::Error::other("no such name here")) }.boxed())
}

fn client(lookup: Lookup, roots: RootCertStore, proxy: &str, no: Option<&str>) -> Client {
    let variables = ProxyVariables {
        all: Some(proxy.to_owned()),
        no: no.map(str::to_owned),
        ..ProxyVariables::default()
    };
    let proxies = Proxies::new(&ProxySetting::Environment, &variables).unwrap();
    Client::new(lookup, Duration::from_secs(30), roots).unwrap().through(proxies)
}

fn none() -> RootCertStore {
    RootCertStore::empty()
}

/// Nothing private is allowed.
fn strict() -> Egress {
    Egress { allow: Arc::new([]), ..egress() }
}

#[tokio::test]
async fn a_receiver_with_tls_is_reached_through_a_tunnel_and_verified_end_to_end() {
    let authority = Authority::named("Ours");
    let receiver = TlsReceiver::start(&authority.issue("receiver.test"), None).await;
    let proxy = Proxy::to(receiver.address(), Some(CREDENTIALS)).await;
    let roots = Authorities::from_pem(&authority.pem()).unwrap().alone();
    let client = client(nowhere(), roots, &format!("http://user:secret@{}", proxy.address()), None);
    for _ in 0..2 {
        assert_eq!(client.send(request("https://receiver.test/in"), &strict()).await.unwrap().status, 200);
    }
    let asked =
        Asked { line: "CONNECT receiver.test:443".to_owned(), authorization: Some(CREDENTIALS.to_owned()) };
    assert_eq!(proxy.asked(), [asked], "and the connection is used again");
}

#[tokio::test]
async fn a_plain_text_receiver_is_reached_by_a_request_that_the_proxy_reads() {
    let receiver = receiver().await;
    let proxy = Proxy::to(receiver.address(), Some(CREDENTIALS)).await;
    let client = client(nowhere(), none(), &format!("http://user:secret@{}", proxy.address()), None);
    assert_eq!(client.send(request("http://receiver.test/in?a=b"), &strict()).await.unwrap().status, 200);
    assert_eq!(proxy.asked()[0].line, "POST http://receiver.test/in?a=b");
    let arrived = &receiver.requests()[0];
    assert_eq!(
        (arrived.uri.to_string().as_str(), arrived.header("host")),
        ("/in?a=b", Some("receiver.test"))
    );
    assert_eq!(arrived.header("proxy-authorization"), None);
}

#[tokio::test]
async fn what_no_proxy_lists_is_reached_straight() {
    let receiver = receiver().await;
    let proxy = Proxy::to(receiver.address(), None).await;
    let url = format!("http://{}", proxy.address());
    let client = client(always(receiver.address()), none(), &url, Some("internal.test"));
    assert_eq!(client.send(request("http://a.internal.test/"), &egress()).await.unwrap().status, 200);
    assert_eq!((proxy.asked().len(), receiver.requests().len()), (0, 1));
}

#[tokio::test]
async fn a_receiver_that_is_known_to_be_private_is_refused_behind_a_proxy_too() {
    let receiver = receiver().await;
    let proxy = Proxy::to(receiver.address(), None).await;
    let url = format!("http://{}", proxy.address());
    let private = SocketAddr::from(([10, 0, 0, 1], 80));
    let client = client(always(private), none(), &url, None);
    for target in ["http://169.254.169.254/", "https://[::1]/", "http://name.test/", "https://name.test/"] {
        let none = client.send(request(target), &strict()).await.unwrap_err();
        assert_eq!(none.failure, Failure::Address, "{target}: {}", none.reason);
    }
    assert_eq!(proxy.asked(), [], "it was asked for nothing");
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_or_is_not_there_is_no_fault_of_the_events() {
    let receiver = receiver().await;
    let proxy = Proxy::to(receiver.address(), Some(CREDENTIALS)).await;
    for (user, says) in
        [("", "asks for a user and a password"), ("user:wrong@", "refused the user and the password")]
    {
        let client = client(nowhere(), none(), &format!("http://{user}{}", proxy.address()), None);
        for target in ["http://receiver.test/", "https://receiver.test/"] {
            let none = client.send(request(target), &strict()).await.unwrap_err();
            assert_eq!(none.failure, Failure::Connect, "{}", none.reason);
            assert!(none.reason.contains(says) && !none.reason.contains("wrong"), "{}", none.reason);
        }
    }
    let client = client(nowhere(), none(), "http://127.0.0.1:1", None);
    let none = client.send(request("https://receiver.test/"), &strict()).await.unwrap_err();
    assert_eq!(none.failure, Failure::Connect);
    assert!(
        none.reason.starts_with("connect: the proxy 127.0.0.1:1: no connection to it"),
        "{}",
        none.reason
    );
}

#[tokio::test]
async fn a_proxy_that_reaches_nobody_is_quoted() {
    let closed = SocketAddr::from(([127, 0, 0, 1], 1));
    let proxy = Proxy::to(closed, None).await;
    let client = client(nowhere(), none(), &format!("http://{}", proxy.address()), None);
    let none = client.send(request("https://receiver.test/"), &strict()).await.unwrap_err();
    assert_eq!(none.failure, Failure::Connect);
    assert!(
        none.reason.contains("it gave no connection to receiver.test:443: 502 Bad Gateway"),
        "{}",
        none.reason
    );
}
