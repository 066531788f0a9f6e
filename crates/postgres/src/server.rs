//! Server: the server that runs on one folder: started, shared, stopped, killed.
//!
//! Invariants: a folder has at most one server; a running one that somebody supervises is shared, one that nobody
//! supervises (its supervisor was killed) is ended and started again; "ready" is what Postgres itself wrote into its
//! `postmaster.pid`.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::folder::{Postmaster, data, initialise, last_lines, log, mark, temporary};
use crate::supervisor::{Places, Supervisor, Word};
use crate::{StartError, step};

/// How long a start may take: recovery after a crash replays what was not yet flushed.
const START_WITHIN: Duration = Duration::from_secs(90);
const PORT_TRIES: usize = 4;
/// What Postgres says when it could not bind its port, or could and somebody else listens there first.
const PORT_TAKEN: &str = "could not create any TCP/IP sockets";
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a throw-away server does without.
const UNSAFE_AND_FAST: [&str; 4] =
    ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=4GB"];

/// How to run a server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Tried first; a free port is taken when it is not free.
    pub port: Option<u16>,
    /// Settings of Postgres, such as `max_connections=200`.
    pub settings: Vec<String>,
}

/// A Postgres server for this process. Dropping it ends the server, unless another process started it.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    port: u16,
    /// None: another process' server, shared.
    supervisor: Option<Supervisor>,
    /// Removed last: the supervisor may not be allowed to remove the folder itself.
    temporary: Option<TempDir>,
}

impl Server {
    /// A durable server on the database in `folder`, which is made when it is not there. `say` is told of anything
    /// that takes long or changes the machine.
    pub fn kept(folder: &Path, options: &Options, say: &mut dyn FnMut(&str)) -> Result<Server, StartError> {
        let account = Account::choose()?;
        let wanted = folder;
        let folder = account.folder(folder)?;
        if folder.file_name() != wanted.file_name() {
            say(&format!(
                "the user that runs Postgres may not enter {}: the database is in {}",
                wanted.display(),
                folder.display()
            ));
        }
        let installations = Binaries::find_or_install(account, say)?;
        if let Some(server) = Server::attach(account, &folder) {
            return Ok(server);
        }
        let binaries = initialise(account, &installations, &folder, &[])?;
        let mut port = options.port;
        retrying(|| Server::launch(account, &binaries, &folder, None, port.take(), &options.settings))
    }

    /// A server on a fresh temporary database; both are gone when this process is.
    pub fn throw_away(options: &Options) -> Result<Server, StartError> {
        let account = Account::choose()?;
        let installations = Binaries::find_or_install(account, &mut |text| tracing::warn!("{text}"))?;
        let settings = [&options.settings[..], &UNSAFE_AND_FAST.map(str::to_owned)].concat();
        let mut port = options.port;
        retrying(|| {
            let temporary = temporary(account)?;
            let folder = account.folder(temporary.path())?;
            let binaries = initialise(account, &installations, &folder, &["--no-sync"])?;
            Server::launch(account, &binaries, &folder, Some(temporary), port.take(), &settings)
        })
    }

    /// Where a database of this server is.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The folder that holds the database and the log.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        Some(Postmaster::read(&self.folder)?.pid)
    }

    /// Whether another process started this server.
    pub fn is_shared(&self) -> bool {
        self.supervisor.is_none()
    }

    /// An orderly stop. The database stays.
    pub fn stop(&mut self) -> Result<(), StartError> {
        self.say(Word::Stop).map(|_| ())
    }

    /// SIGKILL, as a crash of the machine would end it. The database stays.
    pub fn kill(&mut self) -> Result<(), StartError> {
        self.say(Word::Kill).map(|_| ())
    }

    /// Starts it again on the same port, after a stop or a kill.
    pub fn start(&mut self) -> Result<(), StartError> {
        self.start_unless(&["pre-existing shared memory", PORT_TAKEN])
    }

    /// Tries again while it fails for one of these reasons: a killed server's last children are still ending.
    fn start_unless(&mut self, passing: &[&str]) -> Result<(), StartError> {
        let began = Instant::now();
        loop {
            match self.start_once(began) {
                Err(StartError::Server { said, .. })
                    if passing.iter().any(|reason| said.contains(reason))
                        && began.elapsed() < START_WITHIN =>
                {
                    self.say(Word::Stop)?;
                    sleep(LOOK_EVERY);
                }
                done => return done,
            }
        }
    }

    fn start_once(&mut self, began: Instant) -> Result<(), StartError> {
        let log = log(&self.folder);
        let said_before = fs::metadata(&log).map_or(0, |found| found.len());
        let before = Postmaster::read(&self.folder).map(|found| found.run);
        let Some(pid) = self.say(Word::Start)? else { return Ok(()) };
        loop {
            let now = Postmaster::read(&self.folder);
            if now.is_some_and(|now| Some(&now.run) != before.as_ref() && now.is_ready()) {
                return Ok(());
            }
            let said = fs::read(&log).unwrap_or_default();
            let start = usize::try_from(said_before).unwrap_or(0).min(said.len());
            let said = String::from_utf8_lossy(&said[start..]);
            if has_failed(&said, pid) || began.elapsed() > START_WITHIN {
                return Err(StartError::Server { log, said: last_lines(&said) });
            }
            sleep(LOOK_EVERY);
        }
    }

    fn say(&mut self, word: Word) -> Result<Option<u32>, StartError> {
        let Some(supervisor) = self.supervisor.as_mut() else { return Ok(None) };
        supervisor.say(word).map_err(step("telling the supervisor of Postgres what to do".to_owned()))
    }

    /// The running server of this folder. One that nobody supervises is asked to end, and waited for.
    fn attach(account: Account, folder: &Path) -> Option<Server> {
        let began = Instant::now();
        while began.elapsed() < START_WITHIN {
            let found = Postmaster::read(folder).filter(|found| is_alive(account, found.pid))?;
            if !is_supervised(account, folder) {
                let _ = signal(account, "INT", found.pid);
            } else if found.is_ready() {
                let folder = folder.to_owned();
                return Some(Server { folder, port: found.port, supervisor: None, temporary: None });
            }
            sleep(LOOK_EVERY);
        }
        None
    }

    fn launch(
        account: Account,
        binaries: &Binaries,
        folder: &Path,
        temporary: Option<TempDir>,
        wanted: Option<u16>,
        settings: &[String],
    ) -> Result<Server, StartError> {
        let port = free_port(wanted)?;
        let command = command(account, binaries, folder, port, settings);
        let places =
            Places { log: &log(folder), mark: &mark(folder), remove: temporary.as_ref().map(|_| folder) };
        let supervisor = Supervisor::spawn(account, &places, &command)
            .map_err(step("starting the supervisor of Postgres".to_owned()))?;
        let mut server = Server { folder: folder.to_owned(), port, supervisor: Some(supervisor), temporary };
        server.start_unless(&["pre-existing shared memory"])?;
        Ok(server)
    }
}

/// A free port may be taken by somebody else before the server has it: then once more, with another.
fn retrying(mut launch: impl FnMut() -> Result<Server, StartError>) -> Result<Server, StartError> {
    for _ in 0..PORT_TRIES {
        match launch() {
            Err(StartError::Server { said, .. }) if said.contains(PORT_TAKEN) => {}
            done => return done,
        }
    }
    launch()
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(supervisor) = self.supervisor.as_mut() {
            supervisor.end();
        }
        drop(self.temporary.take());
    }
}

fn command(account: Account, binaries: &Binaries, folder: &Path, port: u16, settings: &[String]) -> Command {
    let mut command = account.command(binaries.program("postgres"));
    command.arg("-D").arg(data(folder)).arg("-p").arg(port.to_string());
    let ours = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "timezone=UTC",
        "log_timezone=UTC",
        "log_line_prefix=%m [%p] ", // a failure to start is recognised by it
    ];
    for setting in ours.into_iter().chain(settings.iter().map(String::as_str)) {
        command.arg("-c").arg(setting);
    }
    command
}

/// The wanted port if it is free, else any.
fn free_port(wanted: Option<u16>) -> Result<u16, StartError> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = wanted
        .and_then(|port| bind(port).ok())
        .map_or_else(|| bind(0), Ok)
        .map_err(step("finding a free port on loopback".to_owned()))?;
    let address = listener.local_addr().map_err(step("reading the free port".to_owned()))?;
    Ok(address.port())
}

fn is_supervised(account: Account, folder: &Path) -> bool {
    let pid = fs::read_to_string(mark(folder)).ok().and_then(|text| text.trim().parse().ok());
    pid.is_some_and(|pid| is_alive(account, pid))
}

fn is_alive(account: Account, pid: u32) -> bool {
    signal(account, "0", pid)
}

/// The shell's own `kill`: the program of that name is not on every machine.
fn signal(account: Account, name: &str, pid: u32) -> bool {
    let mut shell = account.command("/bin/sh");
    shell.args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid.to_string()]);
    shell.output().is_ok_and(|output| output.status.success())
}

/// Whether this server refused to start. Others write FATAL into the same log: whoever refuses a client that comes too
/// early, and what is left of a server that was killed.
fn has_failed(said: &str, pid: u32) -> bool {
    let (fatal, panic) = (format!("[{pid}] FATAL:"), format!("[{pid}] PANIC:"));
    said.lines().any(|line| {
        line.contains(&fatal)
            || line.contains(&panic)
            || line.contains("error while loading shared libraries")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_server_itself_can_refuse_to_start() {
        let said =
            "[7] LOG:  starting\n[8] FATAL:  terminating connection due to unexpected postmaster exit\n";
        assert!(!has_failed(said, 7));
        assert!(has_failed("[7] LOG:  starting\n[7] FATAL:  could not create shared memory segment\n", 7));
    }

    #[test]
    fn a_wanted_port_that_is_taken_is_replaced() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(free_port(Some(port)).unwrap(), port);
    }
}
