//! `keys`: the write keys that senders have, and the keys that seal secrets at rest.
//!
//! Invariant: a write key is shown once, when it is made, alone on standard output.

use serde_json::json;
use signalpost_proto::v1::{CreateWriteKeyRequest, RevokeWriteKeyRequest, RotateSealingKeyRequest, WriteKey};

use super::sources;
use crate::cli::{Keys, KeysCommand};
use crate::control::{Control, Listed};
use crate::json;
use crate::listing::Listing;
use crate::output::look::Look;
use crate::output::table::{self, Cell};
use crate::output::{self, measure};

const KEYS: Listing<WriteKey> = Listing {
    name: "write_keys",
    item: json::write_key,
    titles: &["id", "begins with", "made (UTC)", "ends (UTC)", ""],
    row,
    none: "this source has no write keys: `signalpost keys create SOURCE`",
};

pub(crate) async fn run(args: &Keys, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    match &args.command {
        KeysCommand::List { source } => {
            let items = sources::get(&control, source).await?.write_keys;
            KEYS.show(&Listed { items, is_complete: true }, is_json);
        }
        KeysCommand::Create { source, revoke_others_after } => {
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
        KeysCommand::Revoke { source, id, after } => {
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
        KeysCommand::Rotate => rotate(&control, is_json).await?,
    }
    Ok(())
}

async fn rotate(control: &Control, is_json: bool) -> anyhow::Result<()> {
    let request = RotateSealingKeyRequest {};
    let sealed = control.answer(control.client().rotate_sealing_key(request).await).await?;
    let (resealed, current, key) = (sealed.resealed, sealed.current, sealed.sealing_key);
    if is_json {
        output::document(&json!({ "resealed": resealed, "current": current, "sealing_key": key }));
        return Ok(());
    }
    output::line(format_args!(
        "{resealed} secrets are now sealed with key {key}; {current} already were. \
         The other keys may be dropped from secrets.sealing_keys once every process runs with this one first"
    ));
    Ok(())
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
