//! From nothing.

use std::process::Command;

use crate::support::text;

#[test]
fn dev_once_shows_every_example_event_arriving_verified() {
    let folder = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_signalpost"))
        .args(["dev", "--once", "--within", "60s"])
        .current_dir(folder.path())
        .env_remove("DATABASE_URL")
        .output()
        .unwrap();
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("4 of 4 deliveries of 5 events arrived and were verified"), "{said}");
}

#[test]
fn dev_once_fails_when_an_event_does_not_arrive() {
    let folder = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    let elsewhere =
        include_str!("../../../../deploy/destinations.example.toml").replace("4652/people", "1/people");
    std::fs::write(folder.path().join("mine.toml"), elsewhere).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_signalpost"))
        .args(["dev", "--once", "--within", "5s", "--destinations", "mine.toml"])
        .current_dir(folder.path())
        .env_remove("DATABASE_URL")
        .output()
        .unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("1 of 4 deliveries did not arrive"), "{said}");
}

#[test]
fn dev_started_again_keeps_what_is_not_in_its_file_and_says_so() {
    let folder = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    let example = include_str!("../../../../deploy/destinations.example.toml");
    let other = example.replace("name = \"shop\"", "name = \"web\"").replace("dev-write-key", "another-key");
    std::fs::write(folder.path().join("web.toml"), other).unwrap();
    let dev = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signalpost"));
        command.args(["dev", "--once", "--within", "60s"]).args(more).current_dir(folder.path());
        let output = command.env_remove("DATABASE_URL").output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    };
    dev(&["--destinations", "web.toml"]);
    let said = dev(&[]);
    assert!(said.contains("source web, which is not in the file"), "{said}");
    let said = dev(&["--destinations", "web.toml"]);
    assert!(said.contains("source shop, which is not in the file"), "{said}");
}
