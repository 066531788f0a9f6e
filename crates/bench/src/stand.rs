//! The stand: a durable Postgres of its own, a catalog, and Signalpost's processes as users run them.
//!
//! Invariant: whatever the stand starts ends with it.

mod process;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use signalpost_core::{delivery::Delivery, json::Numbers, secret::Secret, signature::SignatureMode};
use signalpost_postgres::{Options, Server};
use signalpost_storage::{
    ConnectOptions, SealingKeys, Secrets, Storage, Wanted, WantedDestination, WantedMapping, WantedSource,
};

pub(crate) use process::{Process, Role};

pub(crate) const WRITE_KEY: &str = "bench-write-key";
pub(crate) const SECRET: &str = "bench-shared-secret";

/// A Postgres with the schema, and where it is.
pub(crate) struct Stand {
    server: Server,
    sealing_key: String,
    folder: tempfile::TempDir,
    pub(crate) storage: Storage,
}

impl Stand {
    /// Durable settings: every commit is flushed before it is acknowledged.
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("signalpost-bench-").tempdir()?;
        let database = folder.path().join("database");
        let settings =
            ["shared_buffers=256MB", "max_wal_size=4GB", "max_connections=200", "wal_compression=off"];
        let options = Options { port: None, settings: settings.map(str::to_owned).into() };
        open_to_others(folder.path())?;
        let server = tokio::task::spawn_blocking(move || {
            Server::kept(&database, &options, &mut |line| eprintln!("{line}"))
        })
        .await?
        .context("starting Postgres")?;
        let url = server.url("postgres");
        signalpost_storage::migrate(&url).await.context("migrating")?;
        let storage = Storage::connect(&ConnectOptions {
            url,
            connections_max: 4,
            application_name: "signalpost-bench".to_owned(),
        })?;
        Ok(Self { server, sealing_key: SealingKeys::generate("bench"), folder, storage })
    }

    /// Makes one source with these destinations what is configured.
    pub(crate) async fn apply(&self, destinations: Vec<WantedDestination>) -> Result<()> {
        let source =
            WantedSource { name: "bench".to_owned(), write_keys: vec![Secret::new(WRITE_KEY)], destinations };
        let keys = SealingKeys::parse(&self.sealing_key)?;
        self.storage.catalog().apply(&Wanted { sources: vec![source] }, &keys, true, false).await?;
        Ok(())
    }

    /// The lanes: destination and mapping id.
    pub(crate) async fn lanes(&self) -> Result<Vec<(String, i64)>> {
        let statement = "SELECT d.name, m.id FROM signalpost.mappings m JOIN signalpost.destinations d ON d.id = m.destination_id";
        Ok(sqlx::query_as(statement).fetch_all(self.storage.pool()).await?)
    }

    /// Starts a process of Signalpost and waits until it is ready.
    pub(crate) async fn run(&self, role: Role) -> Result<Process> {
        let log = self.folder.path().join(format!("{}.log", role.name()));
        Process::start(role, &self.database_url(), &self.sealing_key, log).await
    }

    pub(crate) fn database_url(&self) -> String {
        self.server.url("postgres")
    }

    pub(crate) fn postgres_pid(&self) -> u32 {
        self.server.pid().unwrap_or_default()
    }

    /// SIGKILL and start again, as after a crash; returns when it answers.
    pub(crate) fn crash_postgres(&mut self) -> Result<()> {
        self.server.kill()?;
        Ok(self.server.start()?)
    }

    /// An orderly restart.
    pub(crate) fn restart_postgres(&mut self) -> Result<()> {
        self.server.stop()?;
        Ok(self.server.start()?)
    }

    /// Bytes of write-ahead log ever written.
    pub(crate) async fn wal_bytes(&self) -> Result<f64> {
        Ok(sqlx::query_scalar("SELECT (pg_current_wal_insert_lsn() - '0/0')::double precision")
            .fetch_one(self.storage.pool())
            .await?)
    }

    /// Transactions ever committed.
    pub(crate) async fn transactions(&self) -> Result<i64> {
        Ok(sqlx::query_scalar(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()",
        )
        .fetch_one(self.storage.pool())
        .await?)
    }

    /// Rows that wait.
    pub(crate) async fn queued(&self) -> Result<i64> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM signalpost.batches")
            .fetch_one(self.storage.pool())
            .await?)
    }
}

/// The database's account must reach what is in the folder.
fn open_to_others(folder: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?)
}

/// A destination with one mapping, as the measurements use it.
pub(crate) fn destination(name: &str, url: &str, fields: serde_json::Value) -> WantedDestination {
    let mut fields = fields;
    fields["url"] = url.into();
    fields["method"] = "POST".into();
    let loopback = ["127.0.0.0/8", "::1/128"].map(|net| net.parse().expect("a network"));
    let delivery = Delivery { allow: loopback.into(), ..Delivery::default() };
    let mapping = WantedMapping {
        name: "orders".to_owned(),
        enabled: true,
        trigger: "type = \"track\" and event = \"Order Completed\"".to_owned(),
        fields,
    };
    WantedDestination {
        name: name.to_owned(),
        enabled: true,
        shared_secret: Some(Secret::new(SECRET)),
        secrets: Secrets::default(),
        signature: SignatureMode::Body,
        numbers: Numbers::Ecmascript,
        delivery,
        mappings: vec![mapping],
    }
}

/// The program that is measured: the one built beside this harness.
pub(crate) fn program() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("signalpost");
    anyhow::ensure!(
        program.is_file(),
        "{} is not there: build it with `cargo build --release -p signalpost`",
        program.display()
    );
    Ok(program)
}

/// Waits until something holds; fails when it does not within the time.
pub(crate) async fn until(
    what: &str,
    within: Duration,
    mut holds: impl AsyncFnMut() -> Result<bool>,
) -> Result<()> {
    let deadline = tokio::time::Instant::now() + within;
    while !holds().await? {
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
