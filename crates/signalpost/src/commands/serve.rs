//! `serve`, `ingest`, `dispatcher`, `admin`: the processes that run for long.

use std::net::SocketAddr;

use anyhow::Context;
use signalpost_dispatcher::transport::Proxies;
use signalpost_grpc::tls;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::config::Settings;
use crate::exit::Failure;
use crate::lifecycle::Lifecycle;
use crate::process::{self, Listeners, Role};

pub(crate) async fn run(settings: Settings, role: Role) -> anyhow::Result<()> {
    settings.database_url()?;
    if role != Role::Ingest {
        process::sealing_keys(&settings)?;
    }
    if matches!(role, Role::Dispatcher | Role::Both) {
        let dispatcher = &settings.dispatcher;
        Proxies::new(&dispatcher.proxy, &dispatcher.proxy_variables).map_err(Failure::usage)?;
    }
    if matches!(role, Role::Ingest | Role::Both) {
        check_tls("ingest", settings.ingest.tls.as_ref())?;
    }
    let grpc = match role {
        Role::Dispatcher | Role::Admin => None,
        Role::Ingest | Role::Both => Some(bind(settings.grpc.listen, "grpc.listen").await?),
    };
    let is_administered = match role {
        Role::Admin => true,
        Role::Both => settings.admin.token.is_some(),
        Role::Ingest | Role::Dispatcher => false,
    };
    if is_administered {
        check_tls("admin", settings.admin.tls.as_ref())?;
    }
    let admin = if is_administered { Some(bind(settings.admin.listen, "admin.listen").await?) } else { None };
    let http = bind(settings.http.listen, "http.listen").await?;
    let tasks = TaskTracker::new();
    let lifecycle = Lifecycle::listen(&tasks, settings.shutdown.deadline)?;
    let ended = process::run(settings, role, Listeners { grpc, admin, http }, lifecycle.clone()).await;
    // Also when it could not even begin: else the signals would be waited for.
    lifecycle.stop.cancel();
    lifecycle.abort.cancel();
    tasks.close();
    tasks.wait().await;
    ended
}

/// Before anything is bound: what is wrong with a certificate is wrong usage.
fn check_tls(section: &str, tls: Option<&tls::Config>) -> anyhow::Result<()> {
    let loaded = tls.map(tls::Server::load).transpose();
    loaded.map(drop).map_err(|error| Failure::usage(anyhow::anyhow!("{section}.{error}")))
}

async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| {
            format!("cannot listen on {address}; set another address with --set {setting}=HOST:PORT")
        })
        .map_err(Failure::usage)
}
