//! Proxy: which requests go through one, as a setting or the environment says.
//!
//! Invariants: a proxy that is named and can't be used is an error, never silently left out; its password stands in no
//! error, log or `Debug`.

mod setting;
mod tunnel;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::resolver::bare;
pub use setting::{InvalidProxy, ProxySetting, ProxyVariables};
pub(super) use tunnel::{ProxyError, tunnel};

/// The proxies in use.
#[derive(Clone)]
pub struct Proxies {
    matcher: Arc<Matcher>,
    /// For people.
    described: String,
}

/// The proxy of one request.
pub(super) struct Proxy(Intercept);

impl Proxies {
    /// What the setting says; none: every request goes straight to its receiver.
    pub fn new(setting: &ProxySetting, variables: &ProxyVariables) -> Result<Option<Self>, InvalidProxy> {
        let no = variables.no.clone().unwrap_or_default();
        let (matcher, described) = match setting {
            ProxySetting::None => return Ok(None),
            ProxySetting::Url(url) => {
                (Matcher::builder().all(url.expose().to_owned()), setting::without_credentials(url.expose()))
            }
            ProxySetting::Environment => {
                let named = variables.named();
                for (name, value) in &named {
                    setting::check(name, value)?;
                }
                if named.is_empty() {
                    return Ok(None);
                }
                let described: Vec<String> = named
                    .iter()
                    .map(|(name, value)| format!("{name} = {}", setting::without_credentials(value)))
                    .collect();
                let ProxyVariables { https, http, all, no: _ } = variables.clone();
                let matcher = Matcher::builder()
                    .https(https.unwrap_or_default())
                    .http(http.unwrap_or_default())
                    .all(all.unwrap_or_default());
                (matcher, described.join(", "))
            }
        };
        let described =
            if no.is_empty() { described } else { format!("{described}, but not to {no} (NO_PROXY)") };
        Ok(Some(Self { matcher: Arc::new(matcher.no(no).build()), described }))
    }

    /// The proxy of a request to this address, if it goes through one. What is on this machine is no proxy's business.
    pub(super) fn of(&self, uri: &Uri) -> Option<Proxy> {
        let host = bare(uri.host()?);
        let is_local = host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        if is_local { None } else { self.matcher.intercept(uri).map(Proxy) }
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.described)
    }
}

impl Proxy {
    /// What it is reached by: its scheme, name and port.
    pub(super) fn uri(&self) -> &Uri {
        self.0.uri()
    }

    /// What it may want to see.
    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.0.basic_auth()
    }

    /// For errors.
    pub(super) fn name(&self) -> String {
        self.uri().authority().map(ToString::to_string).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
