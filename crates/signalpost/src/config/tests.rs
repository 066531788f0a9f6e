//! The layers, and what is said about a wrong setting.

use std::fs;

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
        "database.conections_max: there is no such setting (signalpost.toml); did you mean `connections_max`?"
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
    assert!(with("", &both, &[]).unwrap_err().contains("both `url` and `url_file` are given"));
    let missing = with("[database]\nurl_file = '/nowhere/at/all'\n", &[], &[]).unwrap_err();
    assert!(missing.contains("`url_file`: /nowhere/at/all cannot be read"), "{missing}");
}
