//! The launcher against real servers.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use signalpost_postgres::{Options, Server};

/// Waits for what happens in another process.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "never happened: {what}");
        std::thread::yield_now();
    }
}

fn answers(server: &Server) -> bool {
    TcpStream::connect(("127.0.0.1", server.port())).is_ok()
}

#[test]
fn a_throw_away_server_leaves_nothing_behind() {
    let server = Server::throw_away(&Options::default()).unwrap();
    assert!(answers(&server));
    let port = server.port();
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_killed_server_comes_back_on_its_port() {
    let mut server = Server::throw_away(&Options::default()).unwrap();
    let (port, pid) = (server.port(), server.pid());
    server.kill().unwrap();
    eventually("its last children have ended", || !answers(&server));
    server.start().unwrap();
    assert!(answers(&server));
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), pid);
    server.stop().unwrap();
    assert!(!answers(&server));
}

#[test]
fn a_kept_database_is_shared_while_it_runs_and_found_again_after() {
    let folder = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    let folder = folder.path().join("postgres");
    let mut quiet = |_: &str| {};
    let first = Server::kept(&folder, &Options::default(), &mut quiet).unwrap();
    let second = Server::kept(&folder, &Options::default(), &mut quiet).unwrap();
    assert!(second.is_shared() && !first.is_shared());
    assert_eq!(first.pid(), second.pid());
    drop(second);
    assert!(answers(&first));
    drop(first);
    let third = Server::kept(&folder, &Options::default(), &mut quiet).unwrap();
    assert!(!third.is_shared() && answers(&third));
}

#[test]
fn a_server_ends_with_a_parent_that_is_killed() {
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--ignored", "parent_that_only_waits"])
        .env("SIGNALPOST_TEST_PARENT", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.contains("port=")).unwrap();
    let word = |name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=")).unwrap();
        rest.split(' ').next().unwrap().to_owned()
    };
    let port: u16 = word("port").parse().unwrap();
    let folder = word("folder");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("the server ends", || TcpStream::connect(("127.0.0.1", port)).is_err());
    eventually("the folder is removed", || !Path::new(&folder).join("data").exists());
}

/// Not a test by itself: the process that the test above kills.
#[test]
#[ignore = "started by a_server_ends_with_a_parent_that_is_killed"]
fn parent_that_only_waits() {
    let server = Server::throw_away(&Options::default()).unwrap();
    println!("port={} folder={} .", server.port(), server.folder().display());
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
}
