//! Connector: from a URL to a TCP connection to an address that was checked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use signalpost_core::address::Refused;
use tokio::net::TcpStream;
use tower_service::Service;

use super::resolver::{Lookup, resolve};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("{host} could not be resolved")]
    Dns { host: String, source: Option<std::io::Error> },
    #[error("{host} is refused")]
    Refused { host: String, source: Refused },
    #[error("no connection to {address}")]
    Connect { address: SocketAddr, source: std::io::Error },
    #[error("{uri} has no host")]
    NoHost { uri: Uri },
}

#[derive(Clone)]
pub(super) struct Connector {
    pub(super) lookup: Lookup,
    pub(super) allow: Arc<[IpNet]>,
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<TokioIo<TcpStream>, ConnectError> {
        let Some(host) = uri.host() else { return Err(ConnectError::NoHost { uri }) };
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        let addresses = resolve(&self.lookup, host, port, &self.allow).await?;
        let mut last = None;
        for address in addresses {
            match dial(address).await {
                Ok(stream) => return Ok(TokioIo::new(stream)),
                Err(source) => last = Some(ConnectError::Connect { address, source }),
            }
        }
        Err(last.unwrap_or_else(|| ConnectError::Dns { host: host.to_owned(), source: None }))
    }
}

async fn dial(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.clone().connect(uri).boxed()
    }
}
