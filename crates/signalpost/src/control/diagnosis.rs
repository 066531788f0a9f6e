//! Diagnosis: what answers at an address, when it is not the control API.
//!
//! Invariant: looking costs one short connection, is only done after something failed, and sends no token.

use std::error::Error;
use std::time::Duration;

use http::Uri;
use signalpost_grpc::client;
use signalpost_proto::v1::ListSourcesRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::{Code, Status};

use super::Client;
use crate::exit::Failure;

const LOOK_WITHIN: Duration = Duration::from_secs(2);
/// How a conversation in HTTP/2 begins: the preface, and no settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const WHERE: &str = "The control API listens where the server's setting admin.listen says, port 4654 by default; \
                     ingest is 4650, probes and metrics are 4651";

/// A server that wants a certificate may be gone before it is heard saying so.
const NO_CERTIFICATE: &str = "perhaps the server asks for a client certificate, or does not accept the one shown \
                              (--client-cert-file and --client-key-file)";

/// What answers to a beginning of HTTP/2 without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Http2,
    Http1,
    Tls,
    Unknown,
}

/// Why there was no connection.
pub(super) async fn unreachable(server: &str, error: &tonic::transport::Error) -> anyhow::Error {
    let cause = root_cause(error);
    let found = look(server).await;
    let is_there = found.is_some();
    let text = match explain_tls(server, error, found).filter(|_| is_there) {
        Some(text) => text,
        None => format!(
            "{server} does not answer: {cause}. Is the server running (`signalpost serve` with admin.token set), and is \
             this its address? {WHERE}"
        ),
    };
    Failure::unavailable(anyhow::anyhow!(text))
}

/// What goes wrong with TLS, in words that say what to do; none when it went wrong before or after.
fn explain_tls(server: &str, error: &(dyn Error + 'static), found: Option<Found>) -> Option<String> {
    if !server.starts_with("https://") {
        return None;
    }
    let explained = client::explain(error);
    if explained.contains("speaks plain text") || matches!(found, Some(Found::Http2 | Found::Http1)) {
        let plain = server.replacen("https://", "http://", 1);
        return Some(format!("{server} does not speak TLS: use {plain}"));
    }
    if is_cut_off(&explained) {
        return Some(format!("{server}: {explained}: {NO_CERTIFICATE}"));
    }
    let flags = [
        ("CA file", "give it with --ca-file"),
        ("asks for a client certificate", "give --client-cert-file and --client-key-file"),
        ("HTTP/2 was not negotiated", WHERE),
    ];
    let flag = flags.iter().find(|(sign, _)| explained.contains(sign));
    Some(flag.map_or_else(
        || format!("{server}: {explained}"),
        |(_, flag)| format!("{server}: {explained}. {flag}"),
    ))
}

/// Whether the refusal comes from something that is not the control API, and what that is.
pub(super) async fn no_admin_service(
    server: &str,
    status: &Status,
    client: &mut Client,
) -> Option<anyhow::Error> {
    let text = match status.code() {
        Code::Unimplemented => {
            // A server that knows the service but not this call is an older one.
            let asked = client.list_sources(ListSourcesRequest { page_size: 1, ..Default::default() }).await;
            match asked {
                Err(again) if again.code() == Code::Unimplemented => {
                    format!("{server} answers, but is not the control API. {WHERE}")
                }
                _ => format!("{server} does not know this command: it is older than this program"),
            }
        }
        Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled if is_transport(status) => {
            match look(server).await {
                Some(Found::Tls) => {
                    let secure = server.replacen("http://", "https://", 1);
                    format!("{server} speaks TLS: use {secure}")
                }
                Some(Found::Http1) => {
                    format!("{server} answers in HTTP/1, so it is not the control API. {WHERE}")
                }
                found => explain_tls(server, status, found).unwrap_or_else(|| {
                    let tls = "If it speaks TLS, use https://";
                    format!("the connection to {server} broke: {}. {tls}. {WHERE}", root_cause(status))
                }),
            }
        }
        _ => return None,
    };
    Some(Failure::unavailable(anyhow::anyhow!(text)))
}

/// Whether the status was made on this side, because talking failed.
fn is_transport(status: &Status) -> bool {
    status.source().is_some()
}

/// What to add when a connection over TLS was cut off.
pub(crate) fn hint_of_cut(server: &str, said: &str) -> String {
    if server.starts_with("https://") && is_cut_off(said) {
        format!("{said}: {NO_CERTIFICATE}")
    } else {
        said.to_owned()
    }
}

fn is_cut_off(said: &str) -> bool {
    let signs = ["broken pipe", "onnection reset", "closed", "cancel", "end of file", "eof"];
    signs.iter().any(|sign| said.contains(sign))
}

/// Says of an address without an answer that the other scheme would get one; none when that is not sure.
pub(crate) async fn wrong_scheme(server: &str) -> Option<String> {
    match look(server).await? {
        Found::Tls if server.starts_with("http://") => {
            Some(format!("{server} speaks TLS: use {}", server.replacen("http://", "https://", 1)))
        }
        // A proxy may answer plain HTTP/1 on a port that is for TLS.
        Found::Http2 if server.starts_with("https://") => {
            Some(format!("{server} does not speak TLS: use {}", server.replacen("https://", "http://", 1)))
        }
        _ => None,
    }
}

async fn look(server: &str) -> Option<Found> {
    let uri: Uri = server.parse().ok()?;
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let host = uri.host()?.trim_matches(['[', ']']);
    tokio::time::timeout(LOOK_WITHIN, talk(host, port)).await.ok()?
}

async fn talk(host: &str, port: u16) -> Option<Found> {
    let mut stream = TcpStream::connect((host, port)).await.ok()?;
    stream.write_all(PREFACE).await.ok()?;
    let mut answer = Vec::new();
    while answer.len() < 9 {
        if stream.read_buf(&mut answer).await.ok()? == 0 {
            break;
        }
    }
    Some(recognise(&answer))
}

fn recognise(answer: &[u8]) -> Found {
    match answer {
        [0x15 | 0x16, 0x03, ..] => Found::Tls,
        [b'H', b'T', b'T', b'P', b'/', b'1', ..] => Found::Http1,
        // The first frame is SETTINGS.
        [0, _, _, 0x04, ..] => Found::Http2,
        _ => Found::Unknown,
    }
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_is_recognised_by_its_first_bytes() {
        assert_eq!(recognise(b"HTTP/1.1 400 Bad Request\r\n"), Found::Http1);
        assert_eq!(recognise(&[0x15, 0x03, 0x03, 0, 2, 2, 70]), Found::Tls);
        assert_eq!(recognise(&[0, 0, 0x18, 0x04, 0, 0, 0, 0, 0]), Found::Http2);
        assert_eq!(recognise(b""), Found::Unknown);
    }
}
