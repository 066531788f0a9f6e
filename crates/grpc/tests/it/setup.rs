//! A service that runs (the standard health service: it answers without anything else), and clients of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use prometheus_client::registry::Registry;
use signalpost_grpc::client::{self, Tls};
use signalpost_grpc::tls::{Config, Pem, Server};
use signalpost_grpc::{Metrics, listen};
use signalpost_testkit::{Authority, Issued};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// A service; it ends with the test.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) registry: Registry,
    _running: JoinSet<()>,
}

impl Service {
    pub(crate) async fn start(tls: Option<&Config>) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let incoming = listen(listener, tls.map(|tls| Server::load(tls).unwrap()), metrics);
        let (_reporter, health) = tonic_health::server::health_reporter();
        let mut running = JoinSet::new();
        running.spawn(async move {
            tonic::transport::Server::builder()
                .add_service(health)
                .serve_with_incoming(incoming)
                .await
                .unwrap();
        });
        Service { address, registry, _running: running }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}", self.address.port())
    }

    /// What `/metrics` would say of this metric.
    pub(crate) fn metric(&self, line: &str) -> Option<String> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text.lines().find_map(|found| found.strip_prefix(line)).map(|value| value.trim().to_owned())
    }
}

/// One call over a new connection; why not, in the words for people.
pub(crate) async fn call(url: &str, tls: &Tls) -> Result<(), String> {
    let channel = client::endpoint(url, tls).map_err(|error| error.to_string())?;
    let channel = channel.connect().await.map_err(|error| client::explain(&error))?;
    ask(channel).await
}

pub(crate) async fn ask(channel: Channel) -> Result<(), String> {
    let asked = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    asked.map(drop).map_err(|status| client::explain(&status))
}

/// A folder with certificates, as files.
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    pub(crate) fn new() -> Files {
        Files { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `tls.crt` and `tls.key`, as the settings name them.
    pub(crate) fn serve(&self, issued: &Issued) -> Config {
        self.write("tls.crt", &issued.certificate);
        self.write("tls.key", &issued.key);
        config(self.folder.path())
    }

    /// A client that trusts this authority.
    pub(crate) fn trusting(&self, authority: &Authority) -> Tls {
        Tls { ca_file: Some(self.write("ca.crt", &authority.pem())), ..Tls::default() }
    }

    /// And that shows this certificate.
    pub(crate) fn showing(&self, trusting: Tls, issued: &Issued) -> Tls {
        Tls {
            certificate_file: Some(self.write("client.crt", &issued.certificate)),
            key_file: Some(self.write("client.key", &issued.key)),
            ..trusting
        }
    }
}

pub(crate) fn config(folder: &Path) -> Config {
    Config {
        certificate: Pem::File(folder.join("tls.crt")),
        key: Pem::File(folder.join("tls.key")),
        client_ca: None,
    }
}
