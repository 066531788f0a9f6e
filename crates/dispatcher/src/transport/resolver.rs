//! Resolver: names to addresses, once for each connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use ipnet::IpNet;
use signalpost_core::address;

use super::connector::ConnectError;

/// Looks a name up.
pub type Lookup =
    Arc<dyn Fn(String, u16) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The machine's own resolver.
pub fn system_lookup() -> Lookup {
    Arc::new(|host, port| {
        async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) }.boxed()
    })
}

/// The addresses of a host as it stands in a URL.
pub(super) async fn look_up(lookup: &Lookup, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    match bare(host).parse::<IpAddr>() {
        Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
        Err(_) => lookup(host.to_owned(), port).await,
    }
}

/// Without the brackets of an IPv6 address.
pub(super) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// All addresses of a receiver, each of them checked: one that is refused refuses the receiver.
pub(super) async fn resolve(
    lookup: &Lookup,
    host: &str,
    port: u16,
    allow: &[IpNet],
) -> Result<Vec<SocketAddr>, ConnectError> {
    let addresses = look_up(lookup, host, port)
        .await
        .map_err(|source| ConnectError::Dns { host: host.to_owned(), source: Some(source) })?;
    if addresses.is_empty() {
        return Err(ConnectError::Dns { host: host.to_owned(), source: None });
    }
    for found in &addresses {
        address::check(found.ip(), allow)
            .map_err(|source| ConnectError::Refused { host: host.to_owned(), source })?;
    }
    Ok(addresses)
}
