//! Telemetry: where log lines go, and in which form.
//!
//! Invariant: logs go to standard error; standard output belongs to the commands.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Log, LogFormat};

pub(crate) mod traces;

/// What is logged, as the setting says; refuses what cannot be read.
pub(crate) fn filter(log: &Log) -> anyhow::Result<EnvFilter> {
    let refuse = || {
        anyhow::anyhow!(
            "log.level = {:?}: it must be error, warn, info, debug, trace, off, or a filter such as \
             info,signalpost_dispatcher=debug",
            log.level
        )
    };
    // A bare word that is no level would be taken for the name of a module, and silence everything.
    let is_level = |word: &str| word.contains('=') || word.trim().parse::<LevelFilter>().is_ok();
    if !log.level.split(',').all(is_level) {
        return Err(refuse());
    }
    let filter = EnvFilter::builder().parse(&log.level).map_err(|_| refuse())?;
    // What Postgres remarks beside its answers ("already exists, skipping") is no news, unless it is asked for.
    let quiet = "sqlx::postgres::notice=warn".parse().ok().filter(|_| !log.level.contains("sqlx"));
    Ok(match quiet {
        Some(quiet) => filter.add_directive(quiet),
        None => filter,
    })
}

/// Starts logging for the rest of the process. Refuses a filter that cannot be read.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let filter = filter(log)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    let started = match log.format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
        }
    };
    started.map_err(|error| anyhow::anyhow!("starting the log: {error}"))
}
