//! Certificates that are replaced while the service runs.

use std::os::unix::fs::symlink;

use signalpost_grpc::client::Tls;
use signalpost_testkit::{Authority, Issued, eventually};

use crate::setup::{Files, Service, call, config};

/// Waits until new connections are served with a certificate of this authority.
async fn until_serving(service: &Service, trusting: &Tls) {
    eventually("the certificate is taken up", async || call(&service.url("https"), trusting).await.ok())
        .await;
}

#[tokio::test]
async fn a_certificate_that_is_replaced_is_used_for_new_connections() {
    let (old, new, files) = (Authority::named("Old"), Authority::named("New"), Files::new());
    let service = Service::start(Some(&files.serve(&old.issue("localhost")))).await;
    call(&service.url("https"), &files.trusting(&old)).await.unwrap();
    files.serve(&new.issue("localhost"));
    until_serving(&service, &files.trusting(&new)).await;
}

#[tokio::test]
async fn links_that_are_swapped_as_kubernetes_does_are_followed() {
    let (old, new, files) = (Authority::named("Old"), Authority::named("New"), Files::new());
    let put = |version: &str, issued: &Issued| {
        std::fs::create_dir(files.path(version)).unwrap();
        files.write(&format!("{version}/tls.crt"), &issued.certificate);
        files.write(&format!("{version}/tls.key"), &issued.key);
        symlink(version, files.path("..data_new")).unwrap();
        std::fs::rename(files.path("..data_new"), files.path("..data")).unwrap();
    };
    put("..1", &old.issue("localhost"));
    for name in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{name}"), files.path(name)).unwrap();
    }
    let folder = files.path("tls.crt");
    let service = Service::start(Some(&config(folder.parent().unwrap()))).await;
    call(&service.url("https"), &files.trusting(&old)).await.unwrap();
    put("..2", &new.issue("localhost"));
    until_serving(&service, &files.trusting(&new)).await;
}

#[tokio::test]
async fn a_broken_pair_is_never_used() {
    let (old, new, files) = (Authority::named("Old"), Authority::named("New"), Files::new());
    let service = Service::start(Some(&files.serve(&old.issue("localhost")))).await;
    let (first, second) = (new.issue("localhost"), new.issue("localhost"));
    files.serve(&Issued { certificate: first.certificate, key: second.key });
    let trusting = files.trusting(&old);
    // Longer than two looks at the files, each second of it served.
    for _ in 0..5 {
        call(&service.url("https"), &trusting).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    files.serve(&new.issue("localhost"));
    until_serving(&service, &files.trusting(&new)).await;
}
