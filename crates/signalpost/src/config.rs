//! Config: the settings of a process, and where each comes from.
//!
//! Invariants: later layers win (defaults, file, `DATABASE_URL`, `SIGNALPOST_…`, flags); an unknown key is an error; a
//! value that cannot be used is refused by key, value and what is accepted, with exit status 64.

mod explain;
mod layers;
mod origin;
mod reading;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signalpost_core::secret::Secret;

use crate::cli::SettingsArgs;
use crate::exit::Failure;
pub(crate) use origin::Shown;
use reading::Reading;

/// The file that is read when none is named.
const USUAL_FILE: &str = "signalpost.toml";

/// Everything that can be set.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) database: Database,
    pub(crate) grpc: Grpc,
    pub(crate) http: Http,
    pub(crate) log: Log,
    pub(crate) traces: Traces,
    pub(crate) secrets: Secrets,
    pub(crate) shutdown: Shutdown,
    pub(crate) ingest: signalpost_ingest::Config,
    pub(crate) dispatcher: signalpost_dispatcher::Config,
    pub(crate) admin: signalpost_admin::Config,
}

/// The database.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    #[serde(skip_serializing)]
    pub(crate) url: Option<Secret>,
    pub(crate) connections_max: u32,
}

/// The gRPC server of ingest.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Grpc {
    pub(crate) listen: SocketAddr,
}

/// Probes and metrics.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) listen: SocketAddr,
}

/// The log.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Spans for a collector.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Traces {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    pub(crate) sample_ratio: f64,
    pub(crate) service_name: String,
    #[serde(with = "humantime_serde")]
    pub(crate) timeout: Duration,
}

/// Keys that seal shared secrets in the database.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Secrets {
    #[serde(skip_serializing)]
    pub(crate) sealing_keys: Option<Secret>,
}

/// How a process ends.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Shutdown {
    #[serde(with = "humantime_serde")]
    pub(crate) deadline: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: None, connections_max: 16 }
    }
}

impl Default for Grpc {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4650)) }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4651)) }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            endpoint: None,
            sample_ratio: 0.1,
            service_name: "signalpost".to_owned(),
            timeout: Duration::from_secs(5),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(30) }
    }
}

impl Traces {
    fn mistakes(&self) -> Vec<String> {
        let is_url = |url: &&String| url.starts_with("http://") || url.starts_with("https://");
        let endpoint = self.endpoint.as_ref().filter(|url| !is_url(url)).map(|endpoint| {
            format!(
                "traces.endpoint = {endpoint:?}: it must be the URL of a collector that takes OTLP over gRPC, such as \
                 http://localhost:4317"
            )
        });
        let ratio = self.sample_ratio;
        let ratio = (!(0.0..=1.0).contains(&ratio))
            .then(|| format!("traces.sample_ratio = {ratio}: it must be from 0 to 1"));
        endpoint.into_iter().chain(ratio).collect()
    }
}

impl Settings {
    /// Reads all layers of this process. Refuses with every mistake there is.
    pub(crate) fn load(args: &SettingsArgs) -> anyhow::Result<Settings> {
        Settings::read(args, variables())
    }

    fn read(
        args: &SettingsArgs,
        variables: impl Iterator<Item = (String, String)>,
    ) -> anyhow::Result<Settings> {
        let (settings, mistakes) = Reading::new(args, variables)?.settings();
        if mistakes.is_empty() {
            return Ok(settings);
        }
        Err(Failure::usage(anyhow::anyhow!("{}", mistakes.join("\n"))))
    }

    /// Every setting with its value and where that came from.
    pub(crate) fn shown(args: &SettingsArgs) -> anyhow::Result<Vec<Shown>> {
        let reading = Reading::new(args, variables())?;
        origin::shown(&reading).map_err(|mistake| Failure::usage(anyhow::anyhow!(mistake)))
    }

    /// The settings as far as they can be used, with the defaults in place of the others, and every mistake.
    pub(crate) fn examine(args: &SettingsArgs) -> anyhow::Result<(Settings, Vec<String>)> {
        Ok(Reading::new(args, variables())?.settings())
    }

    /// Values that could not work, beside those that can't be read.
    fn mistakes(&self) -> Vec<String> {
        let connections = self.database.connections_max;
        let database = (!(1..=1000).contains(&connections))
            .then(|| format!("database.connections_max = {connections}: it must be from 1 to 1000"));
        let ingest = self.ingest.mistakes().into_iter().map(|error| format!("ingest.{error}"));
        let dispatcher = self.dispatcher.mistakes().into_iter().map(|error| format!("dispatcher.{error}"));
        let admin = self.admin.mistakes().into_iter().map(|error| format!("admin.{error}"));
        self.traces
            .mistakes()
            .into_iter()
            .chain(database)
            .chain(ingest)
            .chain(dispatcher)
            .chain(admin)
            .collect()
    }

    /// The database's address, or what to do to have one.
    pub(crate) fn database_url(&self) -> anyhow::Result<&str> {
        self.database.url.as_ref().map(Secret::expose).filter(|url| !url.is_empty()).ok_or_else(|| {
            Failure::usage(anyhow::anyhow!(
                "database.url is not set: give --database-url, or DATABASE_URL in the environment, such as \
                 postgres://user:password@host/database (`signalpost dev` starts a database of its own)"
            ))
        })
    }
}

fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The file that was named, which must be there; else the usual one, if it is.
fn file(args: &SettingsArgs) -> anyhow::Result<Option<&Path>> {
    match &args.config {
        Some(named) if named.is_file() => Ok(Some(named)),
        Some(named) => {
            Err(Failure::usage(anyhow::anyhow!("the settings file {} is not there", named.display())))
        }
        None => Ok(Some(Path::new(USUAL_FILE)).filter(|file| file.is_file())),
    }
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
