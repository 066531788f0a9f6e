//! Database: the one that is configured, or a Postgres of our own in the folder.

use anyhow::Context;
use signalpost_core::secret::Secret;
use signalpost_postgres::{Options, Server};

use super::folder::Folder;
use super::say;
use crate::config::Settings;

/// So that a `psql` line noted once is good for the next run as well.
const PORT: u16 = 4653;

pub(super) struct Database(Option<Server>);

/// Starts what is needed, and sets `database.url`.
pub(super) async fn start(settings: &mut Settings, folder: &Folder) -> anyhow::Result<Database> {
    if settings.database_url().is_ok() {
        say("database", "as configured (DATABASE_URL or database.url)");
        return Ok(Database(None));
    }
    let path = folder.postgres();
    let options = Options { port: Some(PORT), settings: vec!["max_connections=200".to_owned()] };
    let started =
        tokio::task::spawn_blocking(move || Server::kept(&path, &options, &mut |text| say("database", text)));
    let server = started.await.context("starting Postgres")?.context("starting Postgres")?;
    let shared = if server.is_shared() { ", started by another process" } else { "" };
    say("database", format_args!("Postgres on 127.0.0.1:{}{shared}", server.port()));
    settings.database.url = Some(Secret::new(server.url("postgres")));
    Ok(Database(Some(server)))
}

impl Database {
    /// Ends our own server; the data stays.
    pub(super) async fn end(self) {
        let _ = tokio::task::spawn_blocking(move || drop(self.0)).await;
    }
}
