//! `migrate`: brings the database's schema up to date, waiting for a database that is still starting.

use anyhow::Context;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::cli::Migrate;
use crate::config::Settings;
use crate::exit::Failure;
use crate::output;

pub(crate) async fn run(settings: &Settings, args: &Migrate, is_json: bool) -> anyhow::Result<()> {
    let url = settings.database_url()?;
    let deadline = Instant::now() + args.wait;
    let mut is_said = false;
    loop {
        match signalpost_storage::migrate(url).await {
            Ok(migrated) if is_json => {
                output::document(&serde_json::json!({ "applied": migrated.applied }));
                return Ok(());
            }
            Ok(migrated) => {
                for migration in &migrated.applied {
                    output::line(format_args!("applied: {migration}"));
                }
                let count = migrated.applied.len();
                output::line(match count {
                    0 => "the schema is up to date".to_owned(),
                    1 => "1 migration applied".to_owned(),
                    _ => format!("{count} migrations applied"),
                });
                return Ok(());
            }
            Err(error) if error.is_transient() && Instant::now() < deadline => {
                if !is_said {
                    warn!(reason = format!("{:#}", anyhow::Error::from(error)), "waiting for the database");
                    is_said = true;
                }
                sleep(std::time::Duration::from_millis(250)).await;
            }
            Err(error) if error.is_transient() => {
                let gave_up = anyhow::Error::from(error);
                return Err(Failure::unavailable(gave_up.context(format!(
                    "the database did not answer for {}",
                    humantime::format_duration(args.wait)
                ))));
            }
            Err(error) => return Err(error).context("migrating"),
        }
    }
}
