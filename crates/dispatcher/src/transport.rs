//! Transport: how a request reaches a receiver, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use ipnet::IpNet;
use signalpost_core::outcome::Failure;
use signalpost_core::request::OutboundRequest;

mod body;
mod client;
mod connector;
mod failure;
mod proxy;
mod race;
mod resolver;
mod stream;
mod trust;

pub use client::{Client, TransportError};
pub use proxy::{InvalidProxy, Proxies, ProxySetting, ProxyVariables};
pub use resolver::{Lookup, system_lookup};
pub use trust::Trust;

/// What a destination allows and asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    /// How long all of it may take.
    pub timeout: Duration,
    /// Addresses that are allowed although private.
    pub allow: Arc<[IpNet]>,
    /// Whom it trusts and what it shows; none: the machine's authorities, and nothing.
    pub trust: Option<Arc<Trust>>,
}

/// An answer; its body is cut off where it is long or slow.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The beginning of its body.
    pub body: Bytes,
}

/// There was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAnswer {
    /// What kind of failure.
    pub failure: Failure,
    /// In words.
    pub reason: String,
}

/// Something that makes requests. There are two: hyper, and the scripted one of tests.
pub trait Transport: Send + Sync + 'static {
    /// Makes one request. Redirects are answers; they are not followed.
    fn send(
        &self,
        request: OutboundRequest,
        egress: &Egress,
    ) -> impl Future<Output = Result<Answer, NoAnswer>> + Send;
}
