//! The layers, and what is said about a wrong setting.

use std::fs;

use serde_json::Value;
use signalpost_grpc::tls::Pem;

use super::*;

fn with(file: &str, variables: &[(&str, &str)], set: &[&str]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("signalpost.toml");
    fs::write(&path, file).map_err(|error| error.to_string())?;
    let args = SettingsArgs {
        config: Some(path),
        set: set.iter().map(ToString::to_string).collect(),
        ..SettingsArgs::default()
    };
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::read(&args, variables).map_err(|error| error.to_string())
}

#[test]
fn later_layers_win() {
    let file = "[database]\nconnections_max = 3\nurl = 'postgres://file'\n[log]\nlevel = 'warn'\n";
    let variables = [
        ("DATABASE_URL", "postgres://usual"),
        ("SIGNALPOST_DATABASE__CONNECTIONS_MAX", "4"),
        ("SIGNALPOST_SERVICE_PORT", "1"),
    ];
    let settings = with(file, &variables, &["database.connections_max=5"]).unwrap();
    assert_eq!(settings.database.connections_max, 5);
    assert_eq!(settings.database_url().unwrap(), "postgres://usual");
    assert_eq!(settings.log.level, "warn");
    let settings = with(file, &variables[..2], &[]).unwrap();
    assert_eq!(settings.database.connections_max, 4);
    let own = [variables[0], ("SIGNALPOST_DATABASE__URL", "postgres://own")];
    assert_eq!(with(file, &own, &[]).unwrap().database_url().unwrap(), "postgres://own");
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    let error = with("[database]\nconections_max = 3\n", &[], &[]).unwrap_err();
    assert_eq!(
        error,
        "database.conections_max: there is no such setting (signalpost.toml); did you mean `database.connections_max`?"
    );
    let error = with("", &[("SIGNALPOST_GRPC__PORT", "1")], &[]).unwrap_err();
    assert_eq!(error, "grpc.port: there is no such setting (SIGNALPOST_GRPC__PORT); known here: listen");
}

#[test]
fn a_single_underscore_is_recognised() {
    let error = with("", &[("SIGNALPOST_DATABASE_URL", "postgres://x")], &[]).unwrap_err();
    assert_eq!(error, "SIGNALPOST_DATABASE_URL is no setting; did you mean SIGNALPOST_DATABASE__URL?");
}

#[test]
fn a_wrong_value_is_refused_by_key_value_place_and_what_is_accepted() {
    for (file, variables, set, says) in [
        (
            "[log]\nformat = 'xml'\n",
            &[][..],
            &[][..],
            "log.format = \"xml\" (signalpost.toml): it must be one of text, json",
        ),
        (
            "",
            &[("SIGNALPOST_DATABASE__CONNECTIONS_MAX", "many")],
            &[],
            "database.connections_max = \"many\" (SIGNALPOST_DATABASE__CONNECTIONS_MAX): it must be a whole number",
        ),
        ("", &[], &["database.connections_max=0"], "database.connections_max = 0: it must be from 1 to 1000"),
    ] {
        assert_eq!(with(file, variables, set).unwrap_err(), says);
    }
    let error = with("[shutdown]\ndeadline = 'soon'\n", &[], &[]).unwrap_err();
    assert!(error.starts_with("shutdown.deadline = \"soon\" (signalpost.toml): "), "{error}");
}

#[test]
fn every_mistake_is_told_at_once() {
    let file = "[database]\nconections_max = 3\n[log]\nformat = 'xml'\n[admin]\ntoken_file = '/nowhere'\n";
    let said = with(file, &[("SIGNALPOST_INGEST__COMMITTERS", "many")], &["grpc.listen=here"]).unwrap_err();
    for part in [
        "admin.token_file (signalpost.toml): /nowhere cannot be read",
        "database.conections_max: there is no such setting (signalpost.toml); did you mean `database.connections_max`?",
        "log.format = \"xml\" (signalpost.toml): it must be one of text, json",
        "ingest.committers = \"many\" (SIGNALPOST_INGEST__COMMITTERS): it must be a whole number",
        "grpc.listen = \"here\" (--set grpc.listen)",
    ] {
        assert!(said.contains(part), "{said}\nshould say: {part}");
    }
    assert_eq!(said.lines().count(), 5, "{said}");
    let said = with("[ingest]\ncommitters = 0\n[dispatcher]\nlease = '0s'\n", &[], &[]).unwrap_err();
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn each_setting_says_where_it_came_from_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (path, token) = (folder.path().join("signalpost.toml"), folder.path().join("token"));
    fs::write(&token, "a-token-of-sixteen-characters").unwrap();
    let file =
        "# settings\n[ingest]\ncommitters = 1\n\n[ingest.tls]\ncertificate_file = '/tls.crt'\nkey = 'hush'\n";
    fs::write(&path, file).unwrap();
    let set = vec!["log.level=debug".to_owned()];
    let args = SettingsArgs { config: Some(path), set, ..SettingsArgs::default() };
    let variables = [
        ("DATABASE_URL", "postgres://hush"),
        ("SIGNALPOST_ADMIN__TOKEN_FILE", token.to_str().unwrap()),
        ("SIGNALPOST_DISPATCHER__PROXY", "http://u:hush@p:1"),
    ];
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let shown = origin::shown(&Reading::new(&args, variables).unwrap()).unwrap();
    let of = |key: &str| {
        let one = shown.iter().find(|shown| shown.key == key).unwrap();
        (one.value.clone().unwrap_or_default(), one.origin.clone())
    };
    assert_eq!(of("ingest.committers"), (1.into(), "signalpost.toml:3".to_owned()));
    assert_eq!(of("ingest.tls.certificate"), ("/tls.crt".into(), "signalpost.toml:6".to_owned()));
    assert_eq!(of("ingest.tls.key"), ("***".into(), "signalpost.toml:7".to_owned()));
    assert_eq!(of("log.level"), ("debug".into(), "--set log.level".to_owned()));
    assert_eq!(of("database.url"), ("***".into(), "DATABASE_URL".to_owned()));
    assert_eq!(of("database.connections_max"), (16.into(), "default".to_owned()));
    assert_eq!(of("secrets.sealing_keys"), (Value::Null, "not set".to_owned()));
    let from_file = format!("SIGNALPOST_ADMIN__TOKEN_FILE ({})", token.display());
    assert_eq!(of("admin.token"), ("***".into(), from_file));
    assert!(shown.iter().all(|one| !format!("{:?}", one.value).contains("hush")));
}

#[test]
fn certificates_stay_in_their_files_and_later_layers_win() {
    let file = "[ingest.tls]\ncertificate_file = '/tls.crt'\nkey_file = '/tls.key'\n";
    let tls =
        with(file, &[("SIGNALPOST_INGEST__TLS__KEY_FILE", "/other.key")], &[]).unwrap().ingest.tls.unwrap();
    assert!(matches!(tls.certificate, Pem::File(path) if path == Path::new("/tls.crt")));
    assert!(matches!(tls.key, Pem::File(path) if path == Path::new("/other.key")));
    let tls = with(file, &[("SIGNALPOST_INGEST__TLS__KEY", "-----BEGIN")], &[]).unwrap().ingest.tls.unwrap();
    assert!(matches!(tls.key, Pem::Text(_)));
}

#[test]
fn a_secret_may_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    fs::write(&path, "postgres://from-file\n").unwrap();
    let path = path.to_str().unwrap();
    let settings = with("", &[("SIGNALPOST_DATABASE__URL_FILE", path)], &[]).unwrap();
    assert_eq!(settings.database_url().unwrap(), "postgres://from-file");
    let both = [("SIGNALPOST_DATABASE__URL_FILE", path), ("SIGNALPOST_DATABASE__URL", "x")];
    let said = with("", &both, &[]).unwrap_err();
    assert_eq!(
        said,
        "database.url_file (SIGNALPOST_DATABASE__URL_FILE): `url` is given as well; one is enough"
    );
    let missing = with("[database]\nurl_file = '/nowhere/at/all'\n", &[], &[]).unwrap_err();
    let says = "database.url_file (signalpost.toml): /nowhere/at/all cannot be read";
    assert!(missing.starts_with(says), "{missing}");
}
