//! Config: the settings of the control API and their defaults.
//!
//! Invariants: a setting that is missing has its default; one that is unknown is an error; `check` refuses, by name,
//! a value that could not work.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signalpost_core::secret::Secret;
use signalpost_core::setting::{Mistake, mistakes};

/// A bootstrap token shorter than this could be guessed.
const TOKEN_CHARACTERS_MIN: usize = 16;

/// The settings of the control API.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The token "root", of role admin. Further tokens live in the database.
    #[serde(skip_serializing)]
    pub token: Option<Secret>,
    /// How long a statement may take that somebody asks for.
    #[serde(with = "humantime_serde")]
    pub statement_timeout: Duration,
    /// How many connections to the database it has of its own.
    pub connections_max: u32,
    /// Serves TLS when present, plain text when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<signalpost_grpc::tls::Config>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4654)),
            token: None,
            statement_timeout: Duration::from_secs(5),
            connections_max: 4,
            tls: None,
        }
    }
}

impl Config {
    /// Refuses the first setting that could not work.
    pub fn check(&self) -> Result<(), Mistake> {
        self.mistakes().into_iter().next().map_or(Ok(()), Err)
    }

    /// Every setting that could not work.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let is_long = |token: &Secret| token.expose().chars().count() >= TOKEN_CHARACTERS_MIN;
        let timeouts = Duration::from_millis(50)..=Duration::from_mins(1);
        mistakes([
            ("token", self.token.as_ref().is_none_or(is_long), "16 characters or more"),
            ("statement_timeout", timeouts.contains(&self.statement_timeout), "from 50ms to 1m"),
            ("connections_max", (1..=100).contains(&self.connections_max), "from 1 to 100"),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_work_and_a_token_that_could_be_guessed_cannot() {
        assert_eq!(Config::default().check(), Ok(()));
        let config = Config { token: Some(Secret::new("hunter2")), ..Config::default() };
        assert_eq!(config.check().unwrap_err().to_string(), "token must be 16 characters or more");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
