//! The clients of docs/clients, taken from their pages and run as a user would: installed, generated, against a real server.
//!
//! Invariant: what is installed is what the page says, at the version it says, kept under `target` until the page changes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use signalpost_testkit::{Answer, Receiver, eventually, postgres, receiver};

use crate::page::Page;
use crate::support::{Process, SECRET, Stand, WRITE_KEY, finished, free_port, terminate, text};

const ORDERS: usize = 6000;

/// How a language's programs are installed and started.
struct Language {
    page: Page,
    program: &'static str,
    extension: &'static str,
    /// Where its packages are, from then on.
    packages: PathBuf,
}

/// A client's files in a folder of their own.
struct Client {
    language: Language,
    folder: tempfile::TempDir,
}

fn python_page() -> Page {
    Page::read(include_str!("../../../../docs/clients/python.md"))
}

/// The folder with the packages that the Python page installs.
pub(crate) fn python_packages() -> PathBuf {
    install("python", python_page().line("pip install"), |command, folder| {
        command.env("PIP_TARGET", folder);
    })
}

fn python() -> Client {
    let (page, packages) = (python_page(), python_packages());
    let client =
        Client::new(Language { page, program: "python3", extension: "py", packages: packages.clone() });
    client.run_line("grpc_tools.protoc");
    client
}

fn node() -> Client {
    let page = Page::read(include_str!("../../../../docs/clients/node.md"));
    let packages = install("node", page.line("npm install"), |command, folder| {
        std::fs::write(folder.join("package.json"), "{}").expect("an empty package");
        command.current_dir(folder);
    });
    let client = Client::new(Language { page, program: "node", extension: "js", packages });
    let modules = client.language.packages.join("node_modules");
    std::os::unix::fs::symlink(modules, client.folder.path().join("node_modules")).expect("a link");
    client
}

/// Runs a page's line that installs, unless the same line was run before; the folder it installed into.
fn install(name: &str, line: &str, tell: impl Fn(&mut Command, &Path)) -> PathBuf {
    let kept: String = line.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
    let folder = home.join(format!("{name}-{kept}"));
    if folder.exists() {
        return folder;
    }
    std::fs::create_dir_all(&home).expect("a folder under target");
    let beginning = tempfile::tempdir_in(&home).expect("a folder under target");
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    tell(&mut command, beginning.path());
    let output = command.output().expect("a shell");
    assert!(
        output.status.success(),
        "`{line}` failed. This test installs what docs/clients says: it needs {name} and its package registry.\n{}",
        text(&output)
    );
    // Another test may have been quicker; both are the same.
    if let Err(error) = std::fs::rename(beginning.keep(), &folder) {
        assert!(folder.exists(), "{}: {error}", folder.display());
    }
    folder
}

impl Client {
    fn new(language: Language) -> Client {
        let folder = tempfile::tempdir().expect("a folder");
        language.page.write_files(folder.path());
        let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
        std::os::unix::fs::symlink(proto, folder.path().join("proto")).expect("a link");
        Client { language, folder }
    }

    /// Runs the page's line that has this in it.
    fn run_line(&self, part: &str) {
        let line = self.language.page.line(part);
        let output = self.prepared("sh").args(["-c", line]).output().expect("a shell");
        assert!(output.status.success(), "`{line}`: {}", text(&output));
    }

    fn prepared(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("PYTHONPATH", &self.language.packages);
        command
    }

    /// One of the page's programs, against this server.
    fn begin(&self, stand: &Stand, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Child {
        let mut command = self.prepared(self.language.program);
        command.arg(format!("{name}.{}", self.language.extension)).args(arguments);
        command.env("SIGNALPOST_TARGET", stand.grpc_url().replace("http://127.0.0.1", "localhost"));
        command.env("SIGNALPOST_WRITE_KEY", WRITE_KEY).env("SIGNALPOST_SHARED_SECRET", SECRET);
        command.envs(environment.iter().copied());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }
}

const TRIGGER: &str = r#"type = "track""#;

fn to(url: &str) -> String {
    format!("{{ url = '{url}', enable_batching = true, batch_size = 100 }}")
}

async fn arrived(receiver: &Receiver, count: usize) {
    eventually(&format!("{count} events arrive"), async || {
        let distinct: HashSet<String> = receiver.message_ids().into_iter().collect();
        (distinct.len() >= count).then_some(())
    })
    .await;
}

/// What `publish` sends, the page's own receiver gets and verifies.
async fn publishes_and_receives(client: &Client) {
    let stand = Stand::new(&postgres().await.url);
    let port = free_port();
    stand.apply(&[("orders", TRIGGER, &to(&format!("http://127.0.0.1:{port}/")))]);
    let _process = stand.start("serve").await;
    let mut receiving = client.begin(&stand, "receiver", &[&port.to_string()], &[]);
    let said = finished(client.begin(&stand, "publish", &[], &[])).await;
    assert!(said.contains("accepted 1 queued 1"), "{said}");
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        let out = receiving.stdout.take().expect("piped");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("a line");
        receiving.kill().expect("it can be killed");
        receiving.wait().expect("it ends");
        line
    })
    .await
    .expect("no panic");
    assert!(line.starts_with("received Order Completed {") && line.contains("58.5"), "{line}");
}

/// A stream outlives its server, and its server's want of room.
async fn streams_through_a_full_queue_and_a_killed_server(client: &Client) {
    let (stand, receiver) = (Stand::new(&postgres().await.url), receiver().await);
    receiver.script(|_| Answer::status(503));
    stand.apply(&[("orders", TRIGGER, &to(&receiver.url("/")))]);
    let full = [("SIGNALPOST_INGEST__QUEUED_EVENTS_MAX", "2000")];
    let ingest = stand.start_with("ingest", &full).await;
    let _dispatcher = stand.start("dispatcher").await;
    let sending = client.begin(&stand, "stream", &[&ORDERS.to_string()], &[]);
    eventually("the queue is full", async || {
        let counted = ingest.get("/metrics").await.unwrap_or_default();
        counted.lines().any(|line| line.starts_with("signalpost_ingest_queue_full{")).then_some(())
    })
    .await;
    receiver.script(|_| Answer::status(200));
    arrived(&receiver, 1000).await;
    ingest.kill();
    let _ingest: Process = stand.begin("ingest");
    let said = finished(sending).await;
    assert!(said.contains("acknowledged 6000 refused 0"), "{said}");
    arrived(&receiver, ORDERS).await;
}

/// Told to stop, it takes nothing new, and everything that it took is acknowledged; over TLS.
async fn stops_in_good_order_over_tls(client: &Client) {
    let (stand, receiver) = (Stand::new(&postgres().await.url), receiver().await);
    stand.apply(&[("orders", TRIGGER, &to(&receiver.url("/")))]);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (stand.folder.path().join("tls.crt"), stand.folder.path().join("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).expect("it is written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("it is written");
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let tls = [
        ("SIGNALPOST_INGEST__TLS__CERTIFICATE_FILE", certificate.as_str()),
        ("SIGNALPOST_INGEST__TLS__KEY_FILE", key.as_str()),
    ];
    let _process = stand.start_with("serve", &tls).await;
    let sending = client.begin(&stand, "stream", &["100000000"], &[("SIGNALPOST_CA", &certificate)]);
    arrived(&receiver, 500).await;
    terminate(&sending);
    let said = finished(sending).await;
    let acknowledged = said.strip_prefix("acknowledged ").and_then(|rest| rest.split(' ').next());
    let acknowledged: usize = acknowledged.and_then(|count| count.parse().ok()).expect(&said);
    assert!(acknowledged >= 500, "{said}");
    arrived(&receiver, acknowledged).await;
}

/// A wrong key is told once, at once.
async fn is_told_of_a_wrong_key(client: &Client) {
    let stand = Stand::new(&postgres().await.url);
    stand.apply(&[("orders", TRIGGER, &to("http://127.0.0.1:1/"))]);
    let _process = stand.start("ingest").await;
    for program in ["publish", "stream"] {
        let wrong = [("SIGNALPOST_WRITE_KEY", "wrong")];
        let child = client.begin(&stand, program, &["10"], &wrong);
        let output = child.wait_with_output().expect("it ends");
        assert!(!output.status.success() && text(&output).contains("UNAUTHENTICATED"), "{}", text(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_page_does_what_it_says() {
    let client = tokio::task::spawn_blocking(python).await.expect("no panic");
    publishes_and_receives(&client).await;
    streams_through_a_full_queue_and_a_killed_server(&client).await;
    stops_in_good_order_over_tls(&client).await;
    is_told_of_a_wrong_key(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_page_does_what_it_says() {
    let client = tokio::task::spawn_blocking(node).await.expect("no panic");
    publishes_and_receives(&client).await;
    streams_through_a_full_queue_and_a_killed_server(&client).await;
    stops_in_good_order_over_tls(&client).await;
    is_told_of_a_wrong_key(&client).await;
}
