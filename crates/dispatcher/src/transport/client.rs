//! Client: requests over hyper, with connections that are kept, HTTP/2 where it is offered, and TLS by rustls.
//!
//! Invariants: every connection goes to an address that was checked under the very rules it is used under, or to a proxy;
//! no two destinations that trust or show different certificates share one; the whole attempt has one deadline; no
//! redirect is followed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use bytes_utils::SegmentedBuf;
use http::header::PROXY_AUTHORIZATION;
use http::{StatusCode, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ipnet::IpNet;
use rustls::{ClientConfig, RootCertStore};
use signalpost_core::outcome::Failure;
use signalpost_core::request::OutboundRequest;
use signalpost_tls::{client_config, system_roots, verifier};
use tokio::time::{Instant, timeout_at};

use super::body::Worth;
use super::connector::Connector;
use super::proxy::{Proxies, Proxy, ProxyError};
use super::resolver::Lookup;
use super::{Answer, Egress, NoAnswer, Transport, Trust, body, failure};

type HttpClient = legacy::Client<HttpsConnector<Connector>, Full<SegmentedBuf<Bytes>>>;

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
/// So many seconds longer than its connections a pool is remembered.
const FORGET_AFTER: u64 = 60;

/// What connections are shared by.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Rules {
    allow: Arc<[IpNet]>,
    trust: Option<Arc<Trust>>,
}

/// The connections under one set of rules.
struct Pool {
    client: HttpClient,
    /// When it was used last, in seconds since the client was made.
    used: AtomicU64,
}

/// The transport that is used outside of tests.
pub struct Client {
    roots: RootCertStore,
    tls: ClientConfig,
    lookup: Lookup,
    idle: Duration,
    proxies: Option<Proxies>,
    made: Instant,
    /// One for each set of rules: a connection that was allowed under one, or that showed its certificate, must not serve
    /// another.
    pools: RwLock<HashMap<Rules, Pool>>,
}

impl Client {
    /// `extra_roots`: authorities to trust beside the machine's.
    pub fn new(lookup: Lookup, idle: Duration, extra_roots: RootCertStore) -> Result<Self, TransportError> {
        let mut roots = system_roots();
        roots.extend(extra_roots.roots);
        let tls = client_config(verifier(roots.clone())?, None)?;
        let (pools, made) = (RwLock::default(), Instant::now());
        Ok(Self { roots, tls, lookup, idle, proxies: None, made, pools })
    }

    /// Makes requests through these proxies.
    #[must_use]
    pub fn through(self, proxies: Option<Proxies>) -> Self {
        Self { proxies, ..self }
    }

    fn pool(&self, egress: &Egress) -> Result<HttpClient, rustls::Error> {
        let rules = Rules { allow: Arc::clone(&egress.allow), trust: egress.trust.clone() };
        let now = self.made.elapsed().as_secs();
        if let Some(pool) = self.pools.read().unwrap_or_else(PoisonError::into_inner).get(&rules) {
            pool.used.store(now, Ordering::Relaxed);
            return Ok(pool.client.clone());
        }
        let client = self.new_pool(&rules)?;
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        // Rules that nobody has any more: longer unused than a connection is kept.
        let kept = self.idle.as_secs() + FORGET_AFTER;
        pools.retain(|_, pool| now.saturating_sub(pool.used.load(Ordering::Relaxed)) <= kept);
        let pool = pools.entry(rules).or_insert_with(|| Pool { client, used: AtomicU64::new(now) });
        Ok(pool.client.clone())
    }

    fn new_pool(&self, rules: &Rules) -> Result<HttpClient, rustls::Error> {
        let tcp = Connector {
            lookup: Arc::clone(&self.lookup),
            allow: Arc::clone(&rules.allow),
            proxies: self.proxies.clone(),
            proxy_tls: Arc::new(self.tls.clone()),
        };
        let tls = match &rules.trust {
            Some(trust) => trust.config(&self.roots)?,
            None => self.tls.clone(),
        };
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        Ok(legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_keep_alive_interval(ALIVE)
            .http2_keep_alive_timeout(ALIVE)
            .pool_idle_timeout(self.idle)
            .build(https))
    }

    /// The proxy that reads a request itself, instead of giving a connection; only for plain text.
    fn reading_proxy(&self, uri: &Uri) -> Option<Proxy> {
        let proxies = self.proxies.as_ref().filter(|_| uri.scheme_str() == Some("http"))?;
        proxies.of(uri)
    }
}

impl Transport for Client {
    async fn send(&self, request: OutboundRequest, egress: &Egress) -> Result<Answer, NoAnswer> {
        let deadline = Instant::now() + egress.timeout;
        let OutboundRequest { method, uri, headers, body } = request;
        let body = body.unwrap_or_default();
        let request_bytes = body.len();
        let mut request = http::Request::new(Full::new(body.into_iter().collect()));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
        let proxy = self.reading_proxy(request.uri());
        let authorization = proxy.as_ref().and_then(Proxy::authorization).cloned();
        let is_authorized = authorization.is_some();
        if let Some(authorization) = authorization {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        let connection = capture_connection(&mut request);
        let pool = self.pool(egress).map_err(|error| NoAnswer {
            failure: Failure::Tls,
            reason: format!("tls: the destination's certificates can not be used: {error}"),
        })?;
        let answer = match timeout_at(deadline, pool.request(request)).await {
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
        // Of a receiver it would mean that the events are wrong; here it means that the settings are.
        if let Some(proxy) = proxy.filter(|_| head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
            return Err(failure::of_proxy(&proxy.name(), &ProxyError::credentials(is_authorized)));
        }
        let body = body::read(incoming, Worth::of(status, request_bytes), deadline).await;
        Ok(Answer { status, headers: head.headers, body })
    }
}
