//! What people write on the command line beside plain texts and numbers: where a secret is, a time, a setting.

use std::convert::Infallible;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::exit::Failure;
use crate::output::measure;

/// Where a secret is read from; a secret itself never stands on the command line, where others can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretFrom {
    Variable(String),
    File(PathBuf),
    StandardInput,
    /// Perhaps the secret itself: refused later, since clap would repeat it.
    Refused,
}

impl FromStr for SecretFrom {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Self::Variable(name.to_owned()),
            Some(("file", path)) if !path.is_empty() => Self::File(path.into()),
            None if text == "-" => Self::StandardInput,
            _ => Self::Refused,
        })
    }
}

impl SecretFrom {
    /// The secret; not empty, and without the line end that editors leave behind.
    pub(crate) fn read(&self) -> anyhow::Result<String> {
        let (text, place) = match self {
            Self::Refused => {
                return Err(Failure::usage(anyhow::anyhow!(
                    "a secret is not written on the command line, where others can read it: give env:NAME, file:PATH, \
                     or - for standard input"
                )));
            }
            Self::Variable(name) => {
                let value = std::env::var_os(name).and_then(|value| value.into_string().ok());
                (value.unwrap_or_default(), format!("the environment variable {name}"))
            }
            Self::File(path) => {
                let text = fs::read_to_string(path)
                    .with_context(|| format!("reading {}", path.display()))
                    .map_err(Failure::usage)?;
                (text, path.display().to_string())
            }
            Self::StandardInput => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
                (text, "standard input".to_owned())
            }
        };
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(Failure::usage(anyhow::anyhow!("{place} holds no secret: it is not set, or empty")));
        }
        Ok(secret.to_owned())
    }
}

/// `KEY=VALUE`, where the key may have parts: `retry.max_attempts=20`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    pub(crate) path: Vec<String>,
    pub(crate) value: Value,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or("it reads KEY=VALUE, such as timeout=5s")?;
        let path: Vec<String> = key.trim().split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) {
            return Err("it reads KEY=VALUE, such as timeout=5s".to_owned());
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        Ok(Self { path, value })
    }
}

impl Setting {
    /// Sets it in a table, whose inner tables are made as needed.
    pub(crate) fn put(&self, table: &mut Value) {
        let mut place = table;
        for part in &self.path {
            if !place.is_object() {
                *place = Value::Object(serde_json::Map::new());
            }
            place = &mut place[part.as_str()];
        }
        *place = self.value.clone();
    }
}

/// A point in time: how long ago (`1h`), or a time (`2026-11-23T10:00:00Z`).
pub(crate) fn point_in_time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        return chrono::Duration::from_std(ago)
            .ok()
            .and_then(|ago| measure::now().checked_sub_signed(ago))
            .ok_or_else(|| "that is too long ago".to_owned());
    }
    let time = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1));
    time.map(Into::into)
        .map_err(|_| "it is how long ago, such as 1h, or a time, such as 2026-11-23T10:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_on_the_command_line_is_refused_without_repeating_it() {
        for given in ["hunter2", "hush:hush", "https://x"] {
            let refused = given.parse::<SecretFrom>().unwrap().read().unwrap_err().to_string();
            assert!(refused.starts_with("a secret is not written") && !refused.contains(given), "{refused}");
        }
        assert_eq!("-".parse(), Ok(SecretFrom::StandardInput));
        assert_eq!("env:SECRET".parse(), Ok(SecretFrom::Variable("SECRET".into())));
        assert_eq!("file:C:/secret".parse(), Ok(SecretFrom::File("C:/secret".into())));
    }

    #[test]
    fn a_setting_goes_to_its_place() {
        let mut table = json!({ "timeout": "10s", "retry": { "within": "4h" } });
        for setting in ["timeout=5s", "retry.max_attempts=20", "allow=[\"10.0.0.0/8\"]"] {
            setting.parse::<Setting>().unwrap().put(&mut table);
        }
        let wanted = json!({ "timeout": "5s", "retry": { "within": "4h", "max_attempts": 20 }, "allow": ["10.0.0.0/8"] });
        assert_eq!(table, wanted);
        assert!("timeout".parse::<Setting>().is_err());
    }

    #[test]
    fn a_time_is_told_as_an_age_or_as_itself() {
        let then = point_in_time("1h").unwrap();
        let ago = measure::now() - then;
        assert!((3600..3605).contains(&ago.num_seconds()));
        assert_eq!(point_in_time("2026-11-23 10:00:00Z").unwrap().timestamp(), 1_795_428_000);
        assert!(point_in_time("yesterday").unwrap_err().starts_with("it is how long ago"));
    }
}
