//! Client: requests over hyper, with connections that are kept, HTTP/2 where it is offered, and TLS by rustls.
//!
//! Invariants: every connection goes to an address that was checked under the very rules it is used under; the whole
//! attempt has one deadline; no redirect is followed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ipnet::IpNet;
use rustls::{ClientConfig, RootCertStore};
use signalpost_core::outcome::Failure;
use signalpost_core::request::OutboundRequest;
use tokio::time::{Instant, timeout_at};

use super::body::Worth;
use super::connector::Connector;
use super::resolver::Lookup;
use super::{Answer, Egress, NoAnswer, Transport, body, failure};

type Pool = legacy::Client<HttpsConnector<Connector>, Full<Bytes>>;

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The cryptography does not offer what TLS needs.
    #[error("TLS can not be set up")]
    Tls(#[from] rustls::Error),
}

/// An HTTP/2 connection with requests under way is asked so often whether it still lives, and given up when it has not
/// answered for as long: one that died silently would otherwise take in every further request.
const ALIVE: Duration = Duration::from_secs(5);

/// The transport that is used outside of tests.
pub struct Client {
    tls: ClientConfig,
    lookup: Lookup,
    idle: Duration,
    /// One for each set of rules: a connection that was allowed under one must not serve another.
    pools: RwLock<HashMap<Arc<[IpNet]>, Pool>>,
}

impl Client {
    /// `extra_roots`: authorities to trust beside the machine's.
    pub fn new(lookup: Lookup, idle: Duration, extra_roots: RootCertStore) -> Result<Self, TransportError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots(extra_roots))
            .with_no_client_auth();
        Ok(Self { tls, lookup, idle, pools: RwLock::default() })
    }

    fn pool(&self, allow: &Arc<[IpNet]>) -> Pool {
        let known = self.pools.read().unwrap_or_else(PoisonError::into_inner).get(allow).cloned();
        known.unwrap_or_else(|| {
            let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
            pools.entry(Arc::clone(allow)).or_insert_with(|| self.new_pool(allow)).clone()
        })
    }

    fn new_pool(&self, allow: &Arc<[IpNet]>) -> Pool {
        let tcp = Connector { lookup: Arc::clone(&self.lookup), allow: Arc::clone(allow) };
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(self.tls.clone())
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_keep_alive_interval(ALIVE)
            .http2_keep_alive_timeout(ALIVE)
            .pool_idle_timeout(self.idle)
            .build(https)
    }
}

/// The machine's authorities; where it has none, Mozilla's.
fn roots(extra: RootCertStore) -> RootCertStore {
    let mut roots = extra;
    let native = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(native.certs);
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

impl Transport for Client {
    async fn send(&self, request: OutboundRequest, egress: &Egress) -> Result<Answer, NoAnswer> {
        let deadline = Instant::now() + egress.timeout;
        let OutboundRequest { method, uri, headers, body } = request;
        let body = body.unwrap_or_default();
        let request_bytes = body.len();
        let mut request = http::Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
        let connection = capture_connection(&mut request);
        let answer = match timeout_at(deadline, self.pool(&egress.allow).request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(failure::classify(&error)),
            Err(_) => {
                let is_connected = connection.connection_metadata().is_some();
                let missing = if is_connected { "answer" } else { "connection" };
                let reason = format!("timeout: no {missing} within {:?}", egress.timeout);
                return Err(NoAnswer { failure: Failure::Timeout, reason });
            }
        };
        let (head, incoming) = answer.into_parts();
        let status = head.status.as_u16();
        let body = body::read(incoming, Worth::of(status, request_bytes), deadline).await;
        Ok(Answer { status, headers: head.headers, body })
    }
}
