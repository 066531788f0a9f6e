//! A process of Signalpost: started, watched, killed.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::{program, until};

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Ingest and dispatcher in one process.
    Serve,
    /// Ingest alone; several may run.
    Ingest(u16),
    /// Dispatcher alone; several may run.
    Dispatcher(u16),
}

impl Role {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Serve => "serve".to_owned(),
            Self::Ingest(number) => format!("ingest-{number}"),
            Self::Dispatcher(number) => format!("dispatcher-{number}"),
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Ingest(_) => "ingest",
            Self::Dispatcher(_) => "dispatcher",
        }
    }
}

/// A running process; killed when dropped.
pub(crate) struct Process {
    role: Role,
    child: Child,
    grpc: SocketAddr,
    http: SocketAddr,
    environment: Vec<(&'static str, String)>,
    log: PathBuf,
}

impl Process {
    pub(super) async fn start(role: Role, database: &str, sealing_key: &str, log: PathBuf) -> Result<Self> {
        let (grpc, http) = (free_address()?, free_address()?);
        let environment = vec![
            ("DATABASE_URL", database.to_owned()),
            ("SIGNALPOST_GRPC__LISTEN", grpc.to_string()),
            ("SIGNALPOST_HTTP__LISTEN", http.to_string()),
            ("SIGNALPOST_SECRETS__SEALING_KEYS", sealing_key.to_owned()),
        ];
        let child = spawn(role, &environment, &log)?;
        let mut process = Self { role, child, grpc, http, environment, log };
        process.wait_until_ready().await?;
        Ok(process)
    }

    /// Kills it, as a crash would, and starts it again with the same addresses.
    pub(crate) async fn crash(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.child = spawn(self.role, &self.environment, &self.log)?;
        self.wait_until_ready().await
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// Where events are sent to.
    pub(crate) fn ingest(&self) -> String {
        format!("http://{}", self.grpc)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let (http, log) = (self.http, self.log.clone());
        let child = &mut self.child;
        until("the process is ready", Duration::from_secs(30), async || {
            if let Some(status) = child.try_wait()? {
                bail!(
                    "it ended with {status}; its log: {}",
                    std::fs::read_to_string(&log).unwrap_or_default()
                );
            }
            Ok(is_ready(http).await.unwrap_or(false))
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn spawn(role: Role, environment: &[(&'static str, String)], log: &PathBuf) -> Result<Child> {
    let log = File::options().create(true).append(true).open(log)?;
    Command::new(program()?)
        .arg(role.command())
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("starting signalpost")
}

async fn is_ready(address: SocketAddr) -> Result<bool> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
