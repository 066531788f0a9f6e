//! docker-compose.yml, as far as it can be checked without a container engine.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const COMPOSE: &str = include_str!("../../../../docker-compose.yml");
const DESTINATIONS: &str = include_str!("../../../../deploy/compose/destinations.toml");

/// The texts that follow `before`, up to the next that is neither a letter nor a dash.
fn names_after<'a>(text: &'a str, before: &str) -> BTreeSet<&'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next()).collect()
}

#[test]
fn every_secret_that_is_used_is_declared_and_made() {
    let folder = tempfile::tempdir().unwrap();
    let compose = folder.path().join("deploy/compose");
    std::fs::create_dir_all(&compose).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/compose/make-secrets");
    std::fs::copy(script, compose.join("make-secrets")).unwrap();
    let make_secrets = || assert!(Command::new(compose.join("make-secrets")).status().unwrap().success());
    make_secrets();
    let mut used = names_after(COMPOSE, "/run/secrets/");
    used.extend(names_after(DESTINATIONS, "/run/secrets/"));
    let declared = names_after(COMPOSE, "file: ./secrets/");
    for name in &used {
        assert!(declared.contains(name), "{name} is used and not declared");
    }
    let read = |name: &&str| std::fs::read_to_string(folder.path().join("secrets").join(name)).unwrap();
    let first: Vec<String> = declared.iter().map(read).collect();
    assert!(first.iter().all(|secret| secret.len() >= 32 && secret.lines().count() == 1), "{declared:?}");
    make_secrets();
    assert_eq!(first, declared.iter().map(read).collect::<Vec<_>>(), "what is there stays");
}

#[test]
fn no_secret_is_in_an_environment() {
    for line in COMPOSE.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some((name, _)) = line.split_once(": ") else { continue };
        let is_variable = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let is_secret = ["PASSWORD", "SECRET", "KEY", "TOKEN", "URL"].iter().any(|word| name.contains(word));
        assert!(!is_variable || !is_secret || name.ends_with("_FILE"), "{line}");
    }
}
