//! TLS between `send` and `serve`, as files on both sides.

use signalpost_testkit::{Authority, event, postgres, receiver};

use crate::support::{Stand, finished, text};

#[tokio::test]
async fn send_and_serve_speak_tls_and_show_each_other_certificates() {
    let (stand, receiver) = (Stand::new(&postgres().await.url), receiver().await);
    stand.apply(&[("all", r#"type = "track""#, &format!("{{ url = '{}' }}", receiver.url("/")))]);
    let (servers, clients) = (Authority::named("Servers"), Authority::named("Clients"));
    let (server, client) = (servers.issue("localhost"), clients.issue("app"));
    let write = |name: &str, text: &str| std::fs::write(stand.folder.path().join(name), text).unwrap();
    write("server.crt", &server.certificate);
    write("server.key", &server.key);
    write("servers.crt", &servers.pem());
    write("clients.crt", &clients.pem());
    write("client.crt", &client.certificate);
    write("client.key", &client.key);
    write(
        "signalpost.toml",
        "[ingest.tls]\ncertificate_file = 'server.crt'\nkey_file = 'server.key'\nclient_ca_file = 'clients.crt'\n",
    );
    let _process = stand.start("serve").await;

    let to = stand.grpc_url().replace("http://127.0.0.1", "https://localhost");
    let events = [event::track("A").json()];
    let showing = ["--client-cert-file", "client.crt", "--client-key-file", "client.key"];
    let trusting = ["--to", &to, "--ca-file", "servers.crt"];
    finished(stand.send(&events, &[&trusting[..], &showing[..]].concat())).await;
    receiver.wait_for_events(1).await;

    let refusal = async |more: &[&str]| {
        let child = stand.send(&events, &[more, &["--patience", "1s"]].concat());
        let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
        assert_eq!(output.status.code(), Some(69), "{}", text(&output));
        text(&output)
    };
    let said = refusal(&["--to", &to]).await;
    assert!(said.contains("no authority that is trusted signed it"), "{said}");
    let said = refusal(&trusting).await;
    assert!(said.contains("the server asks for a client certificate"), "{said}");

    write("server.key", &client.key);
    let output = stand.command(&["ingest"]).output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(
        said.contains("ingest.tls.key (server.key) does not belong to the certificate of CN=localhost"),
        "{said}"
    );
}
