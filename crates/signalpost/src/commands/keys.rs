//! `keys`: the write keys that senders have, and the keys that seal secrets at rest.
//!
//! Invariant: a write key is shown once, when it is made, alone on standard output.

use anyhow::Context;
use serde_json::json;
use signalpost_proto::v1::{
    CreateWriteKeyRequest, RevokeWriteKeyRequest, RotateSealingKeyRequest, RotateSealingKeyResponse, WriteKey,
};
use signalpost_storage::EditError;

use super::sources;
use crate::cli::{Keys, KeysCommand, SourceName};
use crate::config::Settings;
use crate::control::{self, Control, Listed};
use crate::exit::Failure;
use crate::json;
use crate::listing::Listing;
use crate::output::look::Look;
use crate::output::table::{self, Cell};
use crate::output::{self, measure};
use crate::process;

const KEYS: Listing<WriteKey> = Listing {
    name: "write_keys",
    item: json::write_key,
    titles: &["id", "begins with", "made (UTC)", "ends (UTC)", ""],
    row,
    none: "this source has no write keys: `signalpost keys create SOURCE`",
};

pub(crate) async fn run(settings: &Settings, args: &Keys, is_json: bool) -> anyhow::Result<()> {
    let is_server_asked = args.connection.server.is_some() || control::is_token_given(&args.connection);
    if matches!(args.command, KeysCommand::Rotate) && !is_server_asked {
        show_rotated(&rotated_in_database(settings).await?, is_json);
        return Ok(());
    }
    let control = Control::connect(&args.connection).await?;
    match &args.command {
        KeysCommand::List(SourceName { name: source }) => {
            let items = sources::get(&control, source).await?.write_keys;
            KEYS.show(&Listed { items, is_complete: true }, is_json);
        }
        KeysCommand::Create { source: SourceName { name: source }, revoke_others_after } => {
            let request = CreateWriteKeyRequest {
                source: source.clone(),
                revoke_others_after: revoke_others_after.map(measure::proto_duration),
            };
            let made = control.answer(control.client().create_write_key(request).await).await?;
            let write_key = made.write_key.unwrap_or_default();
            if is_json {
                output::document(&json!({ "write_key": json::write_key(&write_key), "key": made.key }));
            } else {
                output::aside(format_args!(
                    "write key {} of {source}; it cannot be shown again:",
                    write_key.id
                ));
                output::line(made.key);
            }
        }
        KeysCommand::Revoke { source: SourceName { name: source }, id, after } => {
            let request = RevokeWriteKeyRequest {
                source: source.clone(),
                id: *id,
                after: after.map(measure::proto_duration),
            };
            let revoked = control.answer(control.client().revoke_write_key(request).await).await?;
            let key = revoked.write_key.unwrap_or_default();
            if is_json {
                output::document(&json::write_key(&key));
            } else {
                output::line(format_args!(
                    "write key {id} of {source} ends {}",
                    measure::from_now(key.revoked_at)
                ));
            }
        }
        KeysCommand::Rotate => {
            let request = RotateSealingKeyRequest {};
            let rotated = control.answer(control.client().rotate_sealing_key(request).await).await?;
            show_rotated(&rotated, is_json);
        }
    }
    Ok(())
}

/// The same as a server does, with the sealing keys of the settings.
async fn rotated_in_database(settings: &Settings) -> anyhow::Result<RotateSealingKeyResponse> {
    let keys = process::sealing_keys(settings)?;
    let first = keys.first().context(
        "there is no sealing key: set secrets.sealing_keys, the new key first; or ask a server (--server, --token-file)",
    );
    let sealing_key = first.map_err(Failure::usage)?.to_owned();
    let storage = process::ready_storage(settings).await?;
    let done = storage.catalog().reseal("", &keys).await.map_err(|error| match &error {
        EditError::Storage(inner) if inner.is_transient() => Failure::unavailable(error),
        EditError::Seal { .. } => Failure::usage(error),
        _ => error.into(),
    })?;
    Ok(RotateSealingKeyResponse { resealed: done.resealed, current: done.current, sealing_key })
}

fn show_rotated(rotated: &RotateSealingKeyResponse, is_json: bool) {
    let RotateSealingKeyResponse { resealed, current, sealing_key } = rotated;
    if is_json {
        output::document(&json!({ "resealed": resealed, "current": current, "sealing_key": sealing_key }));
        return;
    }
    output::line(format_args!(
        "{resealed} secrets are now sealed with key {sealing_key}; {current} already were. \
         The other keys may be dropped from secrets.sealing_keys once every process runs with this one first"
    ));
}

/// The keys of a source, as a table.
pub(super) fn table(keys: &[WriteKey]) -> String {
    table::render(KEYS.titles, keys.iter().map(row).collect())
}

/// Whether senders may still use it.
pub(super) fn is_valid(key: &WriteKey) -> bool {
    measure::time(key.revoked_at).is_none_or(|end| end > measure::now())
}

fn row(key: &WriteKey) -> Vec<Cell> {
    let (word, look) = match (key.revoked_at.is_some(), is_valid(key)) {
        (false, _) => ("valid", Look::Good),
        (true, true) => ("ends soon", Look::Odd),
        (true, false) => ("revoked", Look::Faint),
    };
    vec![
        Cell::number(key.id.to_string()),
        Cell::new(format!("{}…", key.prefix)),
        Cell::new(measure::at(key.created_at)),
        Cell::new(measure::at(key.revoked_at)),
        Cell::new(word).look(look),
    ]
}
