//! `health`: asks a running process whether it is ready; an image has no other program to do so.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cli::Health;
use crate::config::Settings;
use crate::exit::Failure;
use crate::output;

const ANSWER_WITHIN: Duration = Duration::from_secs(4);

pub(crate) async fn run(settings: &Settings, args: &Health, is_json: bool) -> anyhow::Result<()> {
    let why_not =
        ask_ready(args.address.unwrap_or(settings.http.listen)).await.map_err(Failure::unavailable)?;
    if is_json {
        output::document(&json!({ "ready": why_not.is_none(), "why": why_not }));
    }
    match why_not {
        None if is_json => Ok(()),
        None => {
            output::line("ready");
            Ok(())
        }
        Some(why) => Err(Failure::unavailable(anyhow::anyhow!("not ready: {why}"))),
    }
}

/// None: it is ready; else why it is not.
pub(crate) async fn ask_ready(address: SocketAddr) -> anyhow::Result<Option<String>> {
    let address = reachable(address);
    let answer = tokio::time::timeout(ANSWER_WITHIN, ask(address))
        .await
        .map_err(|_| anyhow::anyhow!("{address} did not answer within {ANSWER_WITHIN:?}"))??;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    Ok((status != "200").then(|| body.trim().to_owned()))
}

/// Whoever listens on all addresses is asked on loopback.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
    match listen {
        SocketAddr::V4(address) if address.ip().is_unspecified() => {
            (Ipv4Addr::LOCALHOST, address.port()).into()
        }
        SocketAddr::V6(address) if address.ip().is_unspecified() => {
            (Ipv6Addr::LOCALHOST, address.port()).into()
        }
        other => other,
    }
}

async fn ask(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream =
        TcpStream::connect(address).await.with_context(|| format!("nothing answers on {address}"))?;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.context("asking")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.context("reading the answer")?;
    Ok(answer)
}
