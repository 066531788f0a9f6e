//! What is said of certificates and keys that can't be used.

use std::path::PathBuf;

use signalpost_grpc::tls::{Config, Pem, Server};
use signalpost_testkit::Authority;

use crate::setup::Files;

const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
const NO_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

fn refusal(config: &Config) -> String {
    Server::load(config).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn each_mistake_is_said_with_its_setting_its_file_and_its_reason() {
    let (authority, files) = (Authority::named("Ours"), Files::new());
    let (one, other) = (authority.issue("localhost"), authority.issue("localhost"));
    let good = files.serve(&one);
    let with = |change: &dyn Fn(&mut Config)| {
        let mut config = good.clone();
        change(&mut config);
        refusal(&config)
    };
    let missing = with(&|config| config.certificate = Pem::File(PathBuf::from("/no/such/tls.crt")));
    assert_eq!(
        missing,
        "tls.certificate (/no/such/tls.crt) can not be read: No such file or directory (os error 2)"
    );
    let empty = files.write("empty", "\n");
    let no_ca = with(&|config| config.client_ca = Some(Pem::File(empty.clone())));
    assert_eq!(no_ca, format!("tls.client_ca ({}) is empty", empty.display()));
    let mismatch = with(&|config| config.key = other.key.as_str().into());
    assert_eq!(
        mismatch,
        "tls.key does not belong to the certificate of CN=localhost: that has another public key"
    );
    for (change, says) in [
        (
            &(|config: &mut Config| config.certificate = "hello".into()) as &dyn Fn(&mut Config),
            "tls.certificate is not PEM: a text with -----BEGIN CERTIFICATE----- is expected",
        ),
        (
            &|config| config.certificate = config.key.clone(),
            "holds no -----BEGIN CERTIFICATE-----, but -----BEGIN PRIVATE KEY-----",
        ),
        (
            &|config| config.key = config.certificate.clone(),
            "holds no -----BEGIN PRIVATE KEY-----, but -----BEGIN CERTIFICATE-----",
        ),
        (&|config| config.key = ENCRYPTED.into(), "tls.key is encrypted"),
        (
            &|config| config.certificate = NO_CERTIFICATE.into(),
            "tls.certificate can not be read: number 1 of its certificates",
        ),
        (
            &|config| config.certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n".into(),
            "tls.certificate is broken PEM",
        ),
    ] {
        let said = with(change);
        assert!(said.contains(says), "{said}\nshould say: {says}");
    }
}

#[test]
fn a_certificate_that_has_expired_serves_with_a_remark() {
    let (authority, files) = (Authority::named("Ours"), Files::new());
    let server = Server::load(&files.serve(&authority.issue_expired("localhost"))).unwrap();
    let remarks = server.remarks();
    assert!(
        remarks[0].starts_with("tls.certificate has expired: CN=localhost, signed by CN=Ours"),
        "{remarks:?}"
    );
}

#[test]
fn settings_read_a_text_or_a_file_and_nothing_else() {
    let read = |json: &str| serde_json::from_str::<Config>(json).map_err(|error| error.to_string());
    let config = read(r#"{"certificate": "PEM", "key": {"file": "/k"}}"#).unwrap();
    assert!(matches!(config.key, Pem::File(_)));
    assert!(!format!("{config:?}").contains("PEM"));
    let wrong = read(r#"{"certificate": 3, "key": "k"}"#).unwrap_err();
    assert!(wrong.contains("expected PEM text, or the path of a file"), "{wrong}");
}
