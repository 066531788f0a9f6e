//! Connector: from a URL to a connection to an address that was checked, or to a proxy that goes there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::Uri;
use ipnet::IpNet;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use signalpost_core::address::Refused;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::proxy::{Proxies, Proxy, ProxyError, tunnel};
use super::race;
use super::resolver::{self, Lookup, resolve};
use super::stream::{Io, Stream};

/// How long a name may take to resolve here that a proxy resolves anyway: its answer is only checked.
const CHECK_WITHIN: Duration = Duration::from_secs(2);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("{host} could not be resolved")]
    Dns { host: String, source: Option<std::io::Error> },
    #[error("{host} is refused")]
    Refused { host: String, source: Refused },
    #[error("no connection to {address}")]
    Connect { address: SocketAddr, source: std::io::Error },
    #[error("the proxy {proxy}")]
    Proxy { proxy: String, source: ProxyError },
    #[error("{uri} has no host")]
    NoHost { uri: Uri },
}

#[derive(Clone)]
pub(super) struct Connector {
    pub(super) lookup: Lookup,
    pub(super) allow: Arc<[IpNet]>,
    pub(super) proxies: Option<Proxies>,
    /// TLS with a proxy: by the machine's authorities alone.
    pub(super) proxy_tls: Arc<ClientConfig>,
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<Stream, ConnectError> {
        let Some(host) = uri.host() else { return Err(ConnectError::NoHost { uri }) };
        let is_https = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let Some(proxy) = self.proxies.as_ref().and_then(|proxies| proxies.of(&uri)) else {
            return Ok(Stream::to_receiver(Box::new(self.straight(host, port).await?)));
        };
        self.check_behind_proxy(host, port).await?;
        let failed = |source| ConnectError::Proxy { proxy: proxy.name(), source };
        let mut stream = self.reach(&proxy).await.map_err(failed)?;
        if !is_https {
            return Ok(Stream::to_proxy(stream));
        }
        let target = format!("{host}:{port}");
        tunnel(&mut *stream, &target, proxy.authorization()).await.map_err(failed)?;
        Ok(Stream::to_receiver(stream))
    }

    async fn straight(&self, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        let addresses = resolve(&self.lookup, host, port, &self.allow).await?;
        let nowhere = || ConnectError::Dns { host: host.to_owned(), source: None };
        let stream = race::first(addresses, dial).await.ok_or_else(nowhere)?;
        stream.map_err(|(address, source)| ConnectError::Connect { address, source })
    }

    /// A name that is not known here may be known to the proxy, which will look it up by itself.
    async fn check_behind_proxy(&self, host: &str, port: u16) -> Result<(), ConnectError> {
        let checked =
            tokio::time::timeout(CHECK_WITHIN, resolve(&self.lookup, host, port, &self.allow)).await;
        match checked {
            Ok(Err(refused @ ConnectError::Refused { .. })) => Err(refused),
            _ => Ok(()),
        }
    }

    /// The operator chose the proxy: its own address may be any.
    async fn reach(&self, proxy: &Proxy) -> Result<Box<dyn Io>, ProxyError> {
        let host = proxy.uri().host().unwrap_or_default();
        let is_https = proxy.uri().scheme_str() == Some("https");
        let port = proxy.uri().port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let addresses = resolver::look_up(&self.lookup, host, port)
            .await
            .map_err(|error| ProxyError::Dns(Some(error)))?;
        let stream = race::first(addresses, dial).await.ok_or(ProxyError::Dns(None))?;
        let stream = stream.map_err(|(_, error)| ProxyError::Connect(error))?;
        if !is_https {
            return Ok(Box::new(stream));
        }
        let name = resolver::bare(host).to_owned();
        let name =
            ServerName::try_from(name).map_err(|error| ProxyError::Tls(std::io::Error::other(error)))?;
        let tls = TlsConnector::from(Arc::clone(&self.proxy_tls)).connect(name, stream).await;
        Ok(Box::new(tls.map_err(ProxyError::Tls)?))
    }
}

async fn dial(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.clone().connect(uri).boxed()
    }
}
