//! `apply`: makes what is configured what a file says, and shows what that changes; in the database, or by asking a server.

mod show;

use signalpost_proto::v1::{ApplyRequest, Change};
use signalpost_storage::{ApplyError, Wanted};

use crate::cli::Apply;
use crate::config::Settings;
use crate::control::Control;
use crate::destinations;
use crate::exit::{self, Failure};
use crate::process;

pub(crate) async fn run(settings: &Settings, args: &Apply, is_json: bool) -> anyhow::Result<()> {
    let variables = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let loaded = destinations::load(&args.file, &variables)?;
    if let Some(warnings) = &loaded.warnings {
        eprintln!("{warnings}\n");
    }
    if args.check {
        show::checked(&args.file, &loaded.wanted, is_json);
        return Ok(());
    }
    let changes = if args.connection.server.is_some() {
        by_server(args, &loaded.wanted).await?
    } else {
        in_database(settings, args, &loaded.wanted).await?
    };
    show::show(&changes, args.dry_run, is_json);
    Ok(())
}

async fn by_server(args: &Apply, wanted: &Wanted) -> anyhow::Result<Vec<Change>> {
    let control = Control::connect(&args.connection).await?;
    let request = ApplyRequest {
        destinations_json: destinations::to_json(wanted).to_string(),
        prune: args.prune,
        dry_run: args.dry_run,
    };
    Ok(control.answer(control.client().apply(request).await).await?.changes)
}

async fn in_database(settings: &Settings, args: &Apply, wanted: &Wanted) -> anyhow::Result<Vec<Change>> {
    let keys = process::sealing_keys(settings)?;
    let storage = process::ready_storage(settings).await.map_err(|error| {
        let status = exit::status(&error);
        let hint = "or ask a server: --server URL, with --token-file FILE";
        Failure { status, error: Some(anyhow::anyhow!("{error:#}; {hint}")) }
    })?;
    let changes = storage.catalog().apply(wanted, &keys, args.prune, args.dry_run).await;
    let changes = changes.map_err(|error| match &error {
        ApplyError::Storage(inner) if inner.is_transient() => Failure::unavailable(error),
        ApplyError::Seal { .. } => Failure::usage(anyhow::Error::from(error).context(
            "set secrets.sealing_keys, or SIGNALPOST_SECRETS__SEALING_KEYS_FILE in the environment",
        )),
        ApplyError::Storage(_) => error.into(),
        _ => Failure::input(error),
    })?;
    Ok(changes.into_iter().map(show::from_storage).collect())
}
