//! Certificates and operators: the control API over mTLS, and destinations that show receivers a certificate.

use signalpost_testkit::{Authority, postgres};

use crate::operated::Operated;
use crate::support::{SECRET, Stand, text};

/// Files in the stand's folder, by name.
fn write(stand: &Stand, files: &[(&str, &str)]) {
    for (name, content) in files {
        std::fs::write(stand.folder.path().join(name), content).expect("it is written");
    }
}

#[tokio::test]
async fn operators_and_the_control_api_show_each_other_certificates() {
    let stand = Stand::new(&postgres().await.url);
    let (servers, clients) = (Authority::named("Servers"), Authority::named("Clients"));
    let (server, client) = (servers.issue("localhost"), clients.issue("operator"));
    let stranger = Authority::named("Strangers").issue("stranger");
    write(
        &stand,
        &[
            ("server.crt", &server.certificate),
            ("server.key", &server.key),
            ("servers.crt", &servers.pem()),
            ("clients.crt", &clients.pem()),
            ("client.crt", &client.certificate),
            ("client.key", &client.key),
            ("stranger.crt", &stranger.certificate),
            ("stranger.key", &stranger.key),
        ],
    );
    let tls = [
        ("SIGNALPOST_ADMIN__TLS__CERTIFICATE_FILE", "server.crt"),
        ("SIGNALPOST_ADMIN__TLS__KEY_FILE", "server.key"),
        ("SIGNALPOST_ADMIN__TLS__CLIENT_CA_FILE", "clients.crt"),
    ];
    let operated = Operated::at(stand, "https://localhost", &tls).await;
    let trusting = ["sources", "list", "--ca-file", "servers.crt"];
    let showing = |certificate, key| {
        [&trusting[..], &["--client-cert-file", certificate, "--client-key-file", key]].concat()
    };
    operated.ask(&showing("client.crt", "client.key"));

    for (arguments, status, says) in [
        (vec!["sources", "list"], 69, "no authority that is trusted signed it"),
        (trusting.to_vec(), 69, "asks for a client certificate"),
        (showing("stranger.crt", "stranger.key"), 69, "certificate"),
        (showing("client.crt", "stranger.key"), 64, "does not belong to the certificate of CN=operator"),
    ] {
        let (found, said) = operated.refused(&arguments, &[]);
        assert_eq!(found, Some(status), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    let plain = operated.server.replace("https://localhost", "http://127.0.0.1");
    let (status, said) = operated.refused(&["sources", "list", "--server", &plain], &[]);
    assert!(status == Some(69) && said.contains("speaks TLS"), "{said}");
}

#[tokio::test]
async fn a_client_certificate_is_renewed_and_exported_so_that_applying_it_changes_nothing() {
    let operated = Operated::new().await;
    let write_key = operated.configured();
    let (old, new) = (Authority::named("Ours").issue("old"), Authority::named("Ours").issue("new"));
    write(
        &operated.stand,
        &[
            ("receivers.crt", &Authority::named("Theirs").pem()),
            ("old.crt", &old.certificate),
            ("old.key", &old.key),
            ("new.crt", &new.certificate),
            ("new.key", &new.key),
        ],
    );
    let update = ["destinations", "update", "shop/warehouse"];
    let showing =
        |certificate, key| ["--delivery-client-certificate", certificate, "--delivery-client-key", key];
    let trusting = ["--delivery-ca", "receivers.crt"];
    operated.ask(&[&update[..], &showing("old.crt", "file:old.key"), &trusting].concat());
    let renewed = operated.ask(&[&update[..], &showing("new.crt", "file:new.key")].concat());
    assert_eq!(renewed["delivery"]["client_certificate"], new.certificate.trim_end());
    assert!(renewed["delivery"]["ca"].is_string() && !renewed.to_string().contains("PRIVATE KEY"));
    let foreign = [&update[..], &showing("old.crt", "file:new.key")].concat();
    let (status, said) = operated.refused(&foreign, &[]);
    assert!(status == Some(65) && said.contains("client_key"), "{said}");

    operated.file("exported.toml", &text(&operated.output(&["export"], &[])));
    let secrets = [
        ("SHOP_WRITE_KEY", write_key.as_str()),
        ("SHOP_WAREHOUSE_SHARED_SECRET", SECRET),
        ("SHOP_WAREHOUSE_CLIENT_KEY", &new.key),
    ];
    for arguments in [&["apply", "-f", "exported.toml"][..], &["apply", "-f", "exported.toml", "--prune"]] {
        let applied = text(&operated.output(arguments, &secrets));
        assert!(applied.contains("nothing to change"), "{applied}");
    }
}

#[tokio::test]
async fn doctor_says_of_a_refused_token_what_to_do_and_fails() {
    let operated = Operated::new().await;
    let wrong = [("SIGNALPOST_ADMIN_TOKEN", "a-wrong-token-of-someone")];
    let (status, said) = operated.refused(&["doctor"], &wrong);
    assert_eq!(status, Some(1), "{said}");
    let told = said.lines().skip_while(|line| !line.contains("control API")).collect::<Vec<_>>().join(" ");
    assert!(told.contains("does not accept this token") && told.contains("--token-file FILE"), "{said}");
}
