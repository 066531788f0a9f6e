//! SIGKILL to each part in the middle of a load: every acknowledged event arrives.

use std::collections::HashSet;

use signalpost_postgres::{Options, Server};
use signalpost_testkit::{Answer, Receiver, event, eventually, receiver};

use crate::support::{SECRET, Stand, finished};

const EVENTS: usize = 5000;

async fn arrived(receiver: &Receiver, count: usize) {
    eventually(&format!("{count} events arrive"), async || {
        let distinct: HashSet<String> = receiver.message_ids().into_iter().collect();
        (distinct.len() >= count).then_some(())
    })
    .await;
}

/// Durable, as in production: what Postgres has committed survives its own SIGKILL.
fn durable_server(folder: &std::path::Path) -> Server {
    Server::kept(folder, &Options::default(), &mut |_| {}).expect("Postgres starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_ingest_dispatcher_and_postgres_loses_no_acknowledged_event() {
    let folder = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    let mut server = durable_server(&folder.path().join("postgres"));
    let stand = Stand::new(&server.url("postgres"));
    stand.run(&["migrate"]);
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(200).after(std::time::Duration::from_millis(5)));
    let fields = format!("{{ url = '{}', enable_batching = true, batch_size = 50 }}", receiver.url("/in"));
    stand.apply(&[("orders", r#"type = "track""#, &fields)]);
    let ingest = stand.start("ingest").await;
    let dispatcher = stand.start("dispatcher").await;
    let events: Vec<String> = event::orders("m", EVENTS).map(|event| event.json()).collect();
    let sending = stand.send(&events, &["--batch", "5", "--window", "2"]);

    arrived(&receiver, 200).await;
    ingest.kill();
    let _ingest = stand.begin("ingest");
    arrived(&receiver, 800).await;
    dispatcher.kill();
    let _dispatcher = stand.begin("dispatcher");
    arrived(&receiver, 1400).await;
    let mut server = tokio::task::spawn_blocking(move || {
        server.kill().unwrap();
        server.start().unwrap();
        server
    })
    .await
    .unwrap();

    let said = finished(sending).await;
    assert!(said.contains(&format!("{EVENTS} accepted, 0 refused")), "{said}");
    arrived(&receiver, EVENTS).await;
    let secret = signalpost_core::secret::Secret::new(SECRET);
    let signer = signalpost_core::signature::Signer::new(&secret);
    for request in receiver.requests() {
        assert!(signer.verify(&request.body, request.header("x-signature").unwrap()));
    }
    server.stop().unwrap();
}
