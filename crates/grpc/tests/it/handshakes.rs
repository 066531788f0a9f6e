//! Clients that do not finish their handshake.

use signalpost_testkit::{Authority, eventually};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::setup::{Files, Service, call};

#[tokio::test]
async fn clients_that_stay_silent_lock_nobody_out() {
    let (authority, files) = (Authority::named("Ours"), Files::new());
    let service = Service::start(Some(&files.serve(&authority.issue("localhost")))).await;
    let mut silent = Vec::new();
    for _ in 0..600 {
        silent.push(TcpStream::connect(service.address).await.unwrap());
    }
    call(&service.url("https"), &files.trusting(&authority)).await.unwrap();
    eventually("the oldest are cut off", async || {
        let count: u32 = service.metric("handshakes_failed_total{reason=\"timeout\"}")?.parse().ok()?;
        (count >= 88).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_ended() {
    let (authority, files) = (Authority::named("Ours"), Files::new());
    let service = Service::start(Some(&files.serve(&authority.issue("localhost")))).await;
    let mut silent = TcpStream::connect(service.address).await.unwrap();
    let mut bytes = [0; 8];
    let read = silent.read(&mut bytes);
    let read = tokio::time::timeout(signalpost_testkit::PATIENCE, read).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}
