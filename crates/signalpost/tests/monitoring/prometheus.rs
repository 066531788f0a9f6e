//! A Prometheus of our own: found or unpacked, started on its own port and folder, asked over HTTP.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use signalpost_testkit::eventually;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

/// The programs.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    prometheus: PathBuf,
    pub(crate) promtool: PathBuf,
}

static FOUND: OnceCell<Binaries> = OnceCell::const_new();

impl Binaries {
    /// Those on the path; else those of Debian's package, which is fetched and unpacked, not installed.
    pub(crate) async fn find() -> Binaries {
        let find = || async { tokio::task::spawn_blocking(find).await.expect("no panic") };
        FOUND.get_or_init(find).await.clone()
    }
}

fn find() -> Binaries {
    let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prometheus");
    let in_folder = |folder: &Path| {
        let of = |name: &str| Some(folder.join(name)).filter(|file| file.is_file());
        Some(Binaries { prometheus: of("prometheus")?, promtool: of("promtool")? })
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find_map(|folder| in_folder(&folder));
    if let Some(found) = on_path.or_else(|| in_folder(&unpacked.join("usr/bin"))) {
        return found;
    }
    std::fs::create_dir_all(&unpacked).expect("a folder under the target folder");
    let fetch = "apt-get download prometheus || { apt-get update && apt-get download prometheus; }";
    let unpack = "dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb";
    let script = format!("({fetch}) && {unpack}");
    let output = Command::new("sh").args(["-c", &script]).current_dir(&unpacked).output().expect("a shell");
    in_folder(&unpacked.join("usr/bin")).unwrap_or_else(|| {
        panic!(
            "these tests need prometheus and promtool 2.40 or later on the PATH: they are not there, and could not be \
             unpacked from Debian's package (`apt-get download prometheus`). Install them: `apt-get install prometheus`, \
             or https://prometheus.io/download. What apt said: {}",
            crate::support::text(&output)
        )
    })
}

/// A running one; ended when dropped.
pub(crate) struct Prometheus {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes one process every second, and evaluates these rules.
    pub(crate) async fn start(target: u16, rules: &Path) -> Prometheus {
        let binaries = Binaries::find().await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: ['{}']\nscrape_configs:\n  \
             - job_name: signalpost\n    static_configs: [{{ targets: ['127.0.0.1:{target}'] }}]\n",
            rules.canonicalize().expect("the rules are there").display()
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("it is written");
        let port = crate::support::free_port();
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let child = Command::new(&binaries.prometheus)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let prometheus = Prometheus { child, port, _folder: folder };
        eventually("prometheus is ready", async || {
            prometheus.get("/-/ready").await.filter(|answer| answer.starts_with("HTTP/1.1 200")).map(|_| ())
        })
        .await;
        prometheus
    }

    /// How many series a query gives; a query that is wrong is a failure of the test.
    pub(crate) async fn ask(&self, query: &str) -> usize {
        let path = format!("/api/v1/query?query={}", percent(query));
        let answer = self.json(&path).await;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().map_or(0, Vec::len)
    }

    /// No rule failed when it was evaluated.
    pub(crate) async fn rules_are_healthy(&self) {
        eventually("all rules were evaluated", async || {
            let answer = self.json("/api/v1/rules").await;
            let groups = answer["data"]["groups"].as_array()?;
            let mut rules = groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten());
            rules.all(|rule| rule["health"] == "ok").then_some(())
        })
        .await;
    }

    async fn json(&self, path: &str) -> Value {
        let answer = eventually("an answer", async || self.get(path).await).await;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {answer}"))
    }

    /// HTTP 1.0: the answer ends with its connection and comes in one piece.
    async fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        let request = format!("GET {path} HTTP/1.0\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer.replacen("HTTP/1.0", "HTTP/1.1", 1))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| {
        if byte.is_ascii_alphanumeric() {
            text + &char::from(byte).to_string()
        } else {
            text + &format!("%{byte:02X}")
        }
    })
}
