//! Processes of the program, and what they share.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use signalpost_testkit::eventually;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const SEALING_KEY: &str = "test:b25seS1mb3ItdHJ5aW5nLW5vdC1mb3ItcmVhbC11c2U=";
pub(crate) const SECRET: &str = "a shared secret";
pub(crate) const WRITE_KEY: &str = "a-write-key";

/// One configured Signalpost: a database, a folder, addresses.
pub(crate) struct Stand {
    pub(crate) folder: TempDir,
    database_url: String,
    grpc: u16,
    /// Settings of its processes besides the usual: names and values of environment variables.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Settings of its destination besides the usual: the inside of a TOML table, ending in a comma.
    pub(crate) delivery: &'static str,
}

/// A process that is killed when the test is over.
pub(crate) struct Process {
    child: Child,
    /// The port of its probes and metrics.
    pub(crate) http: u16,
    log: PathBuf,
}

impl Stand {
    pub(crate) fn new(database_url: &str) -> Stand {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Stand {
            folder,
            database_url: database_url.to_owned(),
            grpc: free_port(),
            variables: Vec::new(),
            delivery: "",
        }
    }

    pub(crate) fn grpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.grpc)
    }

    /// A command of the program with this stand's settings and nothing from the outside.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signalpost"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("DATABASE_URL")
            .env("SIGNALPOST_DATABASE__URL", &self.database_url)
            .env("SIGNALPOST_GRPC__LISTEN", format!("127.0.0.1:{}", self.grpc))
            .env("SIGNALPOST_SECRETS__SEALING_KEYS", SEALING_KEY)
            .env("SIGNALPOST_DISPATCHER__LEASE", "2s")
            .env("SIGNALPOST_TO", self.grpc_url())
            .env("SIGNALPOST_WRITE_KEY", WRITE_KEY)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end, which must be a good one.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("it starts");
        let said = text(&output);
        assert!(output.status.success(), "{arguments:?}: {}\n{said}", output.status);
        said
    }

    /// Applies one destination with these mappings: name, trigger, fields as TOML.
    pub(crate) fn apply(&self, mappings: &[(&str, &str, &str)]) -> String {
        let mut file = format!(
            "[[source]]\nname = 'shop'\nwrite_keys = ['{WRITE_KEY}']\n[[source.destination]]\nname = 'receiver'\n\
             shared_secret = '{SECRET}'\ndelivery = {{ {} allow = ['127.0.0.0/8'], batch_wait = '50ms' }}\n",
            self.delivery
        );
        for (name, trigger, fields) in mappings {
            let _ = write!(
                file,
                "[[source.destination.mapping]]\nname = '{name}'\ntrigger = '{trigger}'\nfields = {fields}\n"
            );
        }
        std::fs::write(self.folder.path().join("destinations.toml"), file).expect("the file is written");
        self.run(&["apply", "--file", "destinations.toml"])
    }

    /// Starts a process and waits until it is ready.
    pub(crate) async fn start(&self, role: &str) -> Process {
        self.start_with(role, &[]).await
    }

    /// Starts a process with settings of its own, and waits until it is ready.
    pub(crate) async fn start_with(&self, role: &str, settings: &[(&str, &str)]) -> Process {
        let mut process = self.begin_with(role, settings);
        process.ready().await;
        process
    }

    /// Starts a process.
    pub(crate) fn begin(&self, role: &str) -> Process {
        self.begin_with(role, &[])
    }

    fn begin_with(&self, role: &str, settings: &[(&str, &str)]) -> Process {
        let http = free_port();
        let log = self.folder.path().join(format!("{role}-{http}.log"));
        let file = std::fs::File::create(&log).expect("a log");
        let mut command = self.command(&[role]);
        command.env("SIGNALPOST_HTTP__LISTEN", format!("127.0.0.1:{http}"));
        command.envs(settings.iter().copied());
        let child = command.stdout(Stdio::null()).stderr(file).spawn().expect("it starts");
        Process { child, http, log }
    }

    /// Begins to send these events, one JSON text a line.
    pub(crate) fn send(&self, events: &[String], more: &[&str]) -> Child {
        let path = self.folder.path().join(format!("events-{}.ndjson", free_port()));
        let mut file = std::fs::File::create(&path).expect("a file");
        for event in events {
            writeln!(file, "{event}").expect("it is written");
        }
        let mut command = self.command(&["send"]);
        command.args(more).arg(path).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("it starts")
    }
}

impl Process {
    /// Where its probes are.
    pub(crate) fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    pub(crate) async fn ready(&mut self) {
        let http = self.http;
        eventually(&format!("ready; the log: {}", self.log()), async || {
            get(http, "/readyz").await.filter(|answer| answer.starts_with("HTTP/1.1 200")).map(|_| ())
        })
        .await;
    }

    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        get(self.http, path).await
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.log.clone()
    }

    /// Its exit status, once it has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.child.try_wait().expect("it can be asked").and_then(|status| status.code())
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// SIGTERM, and its exit status.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        self.signal("TERM");
        eventually("it ends", async || self.child.try_wait().expect("it can be asked")).await.code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

/// SIGTERM.
pub(crate) fn terminate(child: &Child) {
    signal(child, "TERM");
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid]).status().expect("a shell");
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// What a command said.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Waits for a command that was begun; it must end well.
pub(crate) async fn finished(child: Child) -> String {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await;
    let output = output.expect("no panic").expect("it ends");
    let said = text(&output);
    assert!(output.status.success(), "{}: {said}", output.status);
    said
}
