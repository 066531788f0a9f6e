//! Config: the settings of a process, and where each comes from.
//!
//! Invariants: later layers win (defaults, file, `DATABASE_URL`, `SIGNALPOST_…`, flags); an unknown key is an error; a
//! value that cannot be used is refused by key, value and what is accepted, with exit status 64.

mod explain;
mod layers;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use figment::Figment;
use figment::providers::{Format, Toml};
use serde::{Deserialize, Serialize};
use signalpost_core::secret::Secret;
use signalpost_dispatcher::transport::ProxyVariables;

use crate::cli::SettingsArgs;
use crate::exit::Failure;
use layers::{Flags, FromFiles, Variables};

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

impl Settings {
    /// Reads all layers of this process.
    pub(crate) fn load(args: &SettingsArgs) -> anyhow::Result<Settings> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Settings::read(args, variables)
    }

    fn read(
        args: &SettingsArgs,
        variables: impl Iterator<Item = (String, String)>,
    ) -> anyhow::Result<Settings> {
        let variables: HashMap<String, String> = variables.collect();
        let proxy_variables = ProxyVariables::of(|name| variables.get(name).cloned());
        let variables = Variables::new(variables.into_iter()).map_err(Failure::usage)?;
        let flags = Flags::new(args).map_err(Failure::usage)?;
        let mut layers = Figment::new();
        if let Some(file) = file(args)? {
            layers = layers.merge(FromFiles(Toml::file_exact(file)));
        }
        layers = layers
            .merge(FromFiles(variables.database_url()))
            .merge(FromFiles(variables))
            .merge(FromFiles(flags));
        let mut settings: Settings = layers
            .extract()
            .map_err(|error| Failure::usage(anyhow::anyhow!("{}", explain::explain(error, &layers))))?;
        settings.dispatcher.proxy_variables = proxy_variables;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> anyhow::Result<()> {
        let refuse = |text: String| Err(Failure::usage(anyhow::anyhow!(text)));
        if let Some(endpoint) = &self.traces.endpoint
            && !(endpoint.starts_with("http://") || endpoint.starts_with("https://"))
        {
            return refuse(format!(
                "traces.endpoint = {endpoint:?}: it must be the URL of a collector that takes OTLP over gRPC, such as \
                 http://localhost:4317"
            ));
        }
        let ratio = self.traces.sample_ratio;
        if !(0.0..=1.0).contains(&ratio) {
            return refuse(format!("traces.sample_ratio = {ratio}: it must be from 0 to 1"));
        }
        if !(1..=1000).contains(&self.database.connections_max) {
            let given = self.database.connections_max;
            return refuse(format!("database.connections_max = {given}: it must be from 1 to 1000"));
        }
        if let Err(error) = self.ingest.check() {
            return refuse(format!("ingest.{error}"));
        }
        if let Err(error) = self.dispatcher.check() {
            return refuse(format!("dispatcher.{error}"));
        }
        if let Err(error) = self.admin.check() {
            return refuse(format!("admin.{error}"));
        }
        Ok(())
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
