//! Who gets in, and what the others are told.

use signalpost_grpc::client::{self, Tls};
use signalpost_grpc::tls::Pem;
use signalpost_testkit::{Authority, eventually};

use crate::setup::{Files, Service, call};

#[tokio::test]
async fn a_client_that_trusts_the_authority_gets_in_and_another_is_told_whose_certificate_it_was() {
    let (authority, files) = (Authority::named("Ours"), Files::new());
    let service = Service::start(Some(&files.serve(&authority.issue("localhost")))).await;
    call(&service.url("https"), &files.trusting(&authority)).await.unwrap();
    let why = call(&service.url("https"), &Tls::default()).await.unwrap_err();
    for part in [
        "CN=localhost",
        "CN=Ours",
        "no authority that is trusted signed it",
        "name its certificate as the CA file",
    ] {
        assert!(why.contains(part), "{why}");
    }
    eventually("the server counts it", async || {
        service.metric("handshakes_failed_total{reason=\"distrust\"}").filter(|count| count == "1")
    })
    .await;
}

#[tokio::test]
async fn with_client_authorities_only_their_clients_get_in() {
    let (authority, clients, strangers) =
        (Authority::named("Ours"), Authority::named("Clients"), Authority::named("Strangers"));
    let files = Files::new();
    let mut config = files.serve(&authority.issue("localhost"));
    config.client_ca = Some(Pem::File(files.write("clients.crt", &clients.pem())));
    let service = Service::start(Some(&config)).await;
    let trusting = files.trusting(&authority);

    call(&service.url("https"), &files.showing(trusting.clone(), &clients.issue("app"))).await.unwrap();
    let why = call(&service.url("https"), &trusting).await.unwrap_err();
    assert!(why.contains("CertificateRequired"), "{why}");
    for bad in [strangers.issue("app"), clients.issue_expired("app")] {
        call(&service.url("https"), &files.showing(trusting.clone(), &bad)).await.unwrap_err();
    }
    eventually("the server counts all three", async || {
        service.metric("handshakes_failed_total{reason=\"certificate\"}").filter(|count| count == "3")
    })
    .await;
}

#[tokio::test]
async fn plain_text_and_tls_are_told_apart_on_both_sides() {
    let (authority, files) = (Authority::named("Ours"), Files::new());
    let with_tls = Service::start(Some(&files.serve(&authority.issue("localhost")))).await;
    let without = Service::start(None).await;
    let trusting = files.trusting(&authority);
    call(&with_tls.url("http"), &Tls::default()).await.unwrap_err();
    let why = call(&without.url("https"), &trusting).await.unwrap_err();
    println!("{why}");
    call(&without.url("http"), &Tls::default()).await.unwrap();
    for service in [&with_tls, &without] {
        eventually("the server counts it", async || {
            service.metric("handshakes_failed_total{reason=\"protocol\"}").filter(|count| count != "0")
        })
        .await;
    }
    let why = call(&without.url("http"), &trusting).await.unwrap_err();
    assert!(why.contains("write https://"), "{why}");
}

#[tokio::test]
async fn connections_are_counted_while_they_are_open() {
    let service = Service::start(None).await;
    let endpoint = client::endpoint(&service.url("http"), &Tls::default()).unwrap();
    let channel = endpoint.connect().await.unwrap();
    crate::setup::ask(channel.clone()).await.unwrap();
    assert_eq!(service.metric("connections ").as_deref(), Some("1"));
    drop(channel);
    eventually("it is gone", async || service.metric("connections ").filter(|count| count == "0")).await;
}
