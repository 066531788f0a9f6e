//! Hints: the next things to try, ready to be pasted.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::cli::USUAL_SERVER;
use crate::config::Settings;

pub(super) struct Hints {
    program: &'static str,
    grpc: String,
    write_key: String,
    /// How commands reach the control API.
    control: String,
    database: String,
    destinations: PathBuf,
}

impl Hints {
    pub(super) fn new(
        settings: &Settings,
        write_key: &str,
        token_file: &Path,
        destinations: PathBuf,
    ) -> Hints {
        let is_cargo = std::env::var_os("CARGO").is_some();
        let url = settings.database_url().unwrap_or_default();
        Hints {
            program: if is_cargo { "cargo run -q --" } else { "signalpost" },
            grpc: settings.grpc.listen.to_string(),
            write_key: write_key.to_owned(),
            control: control(settings, token_file),
            // A database of the user's own may have a password in its address.
            database: if url.starts_with("postgres://postgres@127.0.0.1") {
                url
            } else {
                "\"$DATABASE_URL\""
            }
            .to_owned(),
            destinations,
        }
    }
}

/// The token's file, as short as it can be said here; the server where it is not the usual one.
fn control(settings: &Settings, token_file: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let token_file = token_file.strip_prefix(&here).unwrap_or(token_file).display();
    let server = format!("http://{}", settings.admin.listen);
    if server == USUAL_SERVER {
        format!("--token-file {token_file}")
    } else {
        format!("--token-file {token_file} --server {server}")
    }
}

impl fmt::Display for Hints {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hints { program, grpc, write_key, control, database, destinations } = self;
        let destinations = destinations.display();
        write!(
            out,
            r#"
Running; Ctrl-C ends. Try, in another terminal:

  an event of your own
    echo '{{"type":"track","event":"Order Completed","userId":"me","properties":{{"total":9.5}}}}' |
      {program} send --to http://{grpc} --write-key {write_key}

  the same with grpcurl
    grpcurl -plaintext -H 'authorization: Bearer {write_key}' -d '{{"events":[{{"userId":"me",
      "track":{{"event":"Order Completed","properties":{{"total":9.5}}}}}}]}}' {grpc} signalpost.v1.IngestService/Publish

  what waits, what failed, why an event did not arrive
    {program} queue {control}
    {program} attempts --failures {control}
    {program} explain MESSAGE_ID {control}
    psql {database} -c 'select * from signalpost.queue'

  other receivers and mappings: edit {destinations}
    and start again, or: {program} --config .signalpost/signalpost.toml apply -f {destinations}"#
        )
    }
}
