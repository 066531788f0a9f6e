//! Tunnel: asking a proxy for a connection to a receiver.

use http::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::stream::Io;

/// So long may the head of a proxy's answer be.
const HEAD_MAX: usize = 8 * 1024;
/// So much of what it says is told.
const REASON_MAX: usize = 100;

/// Why a proxy gives no connection.
#[derive(Debug, thiserror::Error)]
pub(in crate::transport) enum ProxyError {
    #[error("its name could not be resolved")]
    Dns(#[source] Option<std::io::Error>),
    #[error("no connection to it")]
    Connect(#[source] std::io::Error),
    #[error("no TLS with it")]
    Tls(#[source] std::io::Error),
    #[error("it ended the connection instead of answering")]
    Ended(#[source] Option<std::io::Error>),
    #[error("it does not answer as a proxy of HTTP does")]
    NotHttp,
    #[error(
        "it asks for a user and a password (407): write them into the proxy's URL, as http://user:password@host:port"
    )]
    Credentials,
    #[error("it refused the user and the password of its URL (407)")]
    WrongCredentials,
    #[error("it gave no connection to {target}: {status} {reason}")]
    Refused { target: String, status: u16, reason: String },
}

impl ProxyError {
    /// 407 means one of two things.
    pub(in crate::transport) fn credentials(had_some: bool) -> Self {
        if had_some { Self::WrongCredentials } else { Self::Credentials }
    }
}

/// Asks for a connection to `target` (`host:port`); afterwards the stream is one.
pub(in crate::transport) async fn tunnel(
    stream: &mut dyn Io,
    target: &str,
    authorization: Option<&HeaderValue>,
) -> Result<(), ProxyError> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(authorization) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(|error| ProxyError::Ended(Some(error)))?;
    stream.flush().await.map_err(|error| ProxyError::Ended(Some(error)))?;

    let head = read_head(stream).await?;
    let (status, reason) = status(&head).ok_or(ProxyError::NotHttp)?;
    match status {
        200..=299 => Ok(()),
        407 => Err(ProxyError::credentials(authorization.is_some())),
        _ => Err(ProxyError::Refused { target: target.to_owned(), status, reason }),
    }
}

/// Up to the empty line, byte by byte at its end: what follows belongs to the receiver.
async fn read_head(stream: &mut dyn Io) -> Result<Vec<u8>, ProxyError> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_MAX {
            return Err(ProxyError::NotHttp);
        }
        let byte = stream.read_u8().await.map_err(|error| {
            let is_end = error.kind() == std::io::ErrorKind::UnexpectedEof;
            ProxyError::Ended((!is_end).then_some(error))
        })?;
        head.push(byte);
    }
    Ok(head)
}

/// `HTTP/1.1 200 Connection established`
fn status(head: &[u8]) -> Option<(u16, String)> {
    let line = head.split(|&byte| byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let rest = line.strip_prefix("HTTP/1.")?.get(2..)?;
    let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let reason = reason.chars().filter(|character| !character.is_control()).take(REASON_MAX).collect();
    Some((status.parse().ok()?, reason))
}
