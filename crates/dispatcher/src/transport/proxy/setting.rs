//! Setting: what an operator says of proxies, and the variables that programs agree on.

use std::fmt;

use http::Uri;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use signalpost_core::secret::Secret;

const ENVIRONMENT: &str = "environment";
const NONE: &str = "none";

/// Which proxy requests go through. `Debug` and `Serialize` show no password.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum ProxySetting {
    /// Whatever the environment says.
    #[default]
    Environment,
    /// None, whatever the environment says.
    None,
    /// This one, but for what `NO_PROXY` lists. It may hold a user and a password.
    Url(Secret),
}

/// A proxy that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} = {shown}: {why}")]
pub struct InvalidProxy {
    /// The setting or variable.
    pub name: String,
    /// Its value, without a password.
    pub shown: String,
    /// What is accepted.
    pub why: &'static str,
}

/// What the environment says of proxies: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxyVariables {
    /// For `https` receivers.
    pub https: Option<String>,
    /// For `http` receivers.
    pub http: Option<String>,
    /// For both, where theirs is missing.
    pub all: Option<String>,
    /// Names and networks that are reached without a proxy.
    pub no: Option<String>,
}

impl ProxyVariables {
    /// Takes what is meant for us out of an environment. An empty variable says nothing; capitals win.
    pub fn of(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| {
            [name.to_owned(), name.to_lowercase()]
                .iter()
                .find_map(|name| lookup(name).filter(|value| !value.trim().is_empty()))
        };
        Self {
            https: either("HTTPS_PROXY"),
            http: either("HTTP_PROXY"),
            all: either("ALL_PROXY"),
            no: either("NO_PROXY"),
        }
    }

    /// Those that name a proxy.
    pub(super) fn named(&self) -> Vec<(&'static str, &str)> {
        let all = [("HTTPS_PROXY", &self.https), ("HTTP_PROXY", &self.http), ("ALL_PROXY", &self.all)];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

impl fmt::Debug for ProxyVariables {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.named().into_iter().map(|(name, value)| (name, without_credentials(value)));
        out.debug_map().entries(shown).finish()
    }
}

/// Refuses what would silently not be used.
pub(super) fn check(name: &str, value: &str) -> Result<(), InvalidProxy> {
    let refuse = |why| InvalidProxy { name: name.to_owned(), shown: without_credentials(value), why };
    let accepted = "a proxy reads http://host:port or https://host:port, with user:password@ before the host where it asks for them";
    let uri: Uri = value.parse().map_err(|_| refuse(accepted))?;
    if uri.host().is_none_or(str::is_empty) {
        return Err(refuse(accepted));
    }
    match uri.scheme_str() {
        None | Some("http" | "https") => Ok(()),
        Some(scheme) if scheme.starts_with("socks") => {
            Err(refuse("SOCKS proxies are not supported, only those of HTTP (http://host:port)"))
        }
        Some(_) => Err(refuse(accepted)),
    }
}

/// A URL that may be shown.
pub(super) fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let separator = if scheme.is_empty() { "" } else { "://" };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{separator}***@{host}"),
        None => url.to_owned(),
    }
}

impl fmt::Display for ProxySetting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => out.write_str(ENVIRONMENT),
            Self::None => out.write_str(NONE),
            Self::Url(url) => out.write_str(&without_credentials(url.expose())),
        }
    }
}

impl fmt::Debug for ProxySetting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Serialize for ProxySetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProxySetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.trim() {
            ENVIRONMENT => Ok(Self::Environment),
            NONE => Ok(Self::None),
            url if url.contains("://") => match check("proxy", url) {
                Ok(()) => Ok(Self::Url(url.into())),
                Err(error) => Err(D::Error::custom(error.why)),
            },
            _ => Err(D::Error::custom(
                "it must be environment, none, or a URL such as http://proxy.example:3128",
            )),
        }
    }
}
