//! A Postgres that can't be written to, has no room, or ends connections: nothing is lost, nothing is sent twice, it
//! goes on by itself, and says so once.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use signalpost_testkit::postgres::Cluster;
use signalpost_testkit::{Answer, Receiver, eventually, receiver};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Setup, World, numbers};

/// What was logged in this test, whose tasks all run on its own thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn listen() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn count(&self, what: &str) -> usize {
        String::from_utf8_lossy(&self.0.lock().unwrap()).lines().filter(|line| line.contains(what)).count()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

const BEGAN: &str = "postgres does not do what it is asked";
const OVER: &str = "postgres does what it is asked again";

async fn execute(world: &World, statements: &str) {
    let statements = sqlx::AssertSqlSafe(statements.to_owned());
    sqlx::raw_sql(statements).execute(world.storage.pool()).await.unwrap();
}

/// Every one of these events arrived, and none twice.
fn check_once(receiver: &Receiver, count: usize) {
    let all: Vec<u64> = receiver.requests().iter().flat_map(numbers).collect();
    let distinct: HashSet<u64> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (count, count), "nothing lost, nothing repeated");
}

#[tokio::test]
async fn a_connection_that_ends_in_the_middle_of_a_settlement_loses_and_repeats_nothing() {
    let (log, _guard) = Log::listen();
    let receiver = receiver().await;
    let world = Setup::to(&receiver.url("/"), false).start().await;
    let dispatcher = world.dispatcher();
    for round in 0..5_u32 {
        let mut lock = world.storage.pool().begin().await.unwrap();
        sqlx::raw_sql("LOCK TABLE signalpost.attempts IN EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
        world.queue(0, round * 10..round * 10 + 10).await;
        receiver.wait_for(round as usize * 10 + 10).await;
        let end = "SELECT string_agg(pg_terminate_backend(pid)::text, '') FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '-- settle%'";
        eventually("a settlement waits and its connection is ended", async || world.text(end).await).await;
        lock.rollback().await.unwrap();
        world.empty().await;
    }
    dispatcher.stop().await;
    check_once(&receiver, 50);
    let said = (log.count(BEGAN), log.count(OVER));
    assert!((1..=5).contains(&said.0) && said.0 == said.1, "{said:?}");
}

#[tokio::test]
async fn what_is_delivered_while_postgres_is_read_only_is_recorded_when_it_is_not_any_more() {
    let (log, _guard) = Log::listen();
    let cluster = Cluster::dedicated().await;
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(200).after(Duration::from_millis(300)));
    let world = Setup::to(&receiver.url("/"), false).start_on(&cluster.database().await.url).await;
    let dispatcher = world.dispatcher();
    world.queue(0, 0..16).await;
    receiver.wait_for(8).await;
    execute(&world, "ALTER SYSTEM SET default_transaction_read_only = on").await;
    execute(&world, "SELECT pg_reload_conf()").await;
    eventually("it says so", async || (log.count(BEGAN) == 1).then_some(())).await;
    let up = || dispatcher.metric("signalpost_dispatcher_database_up");
    eventually("it shows in the metrics", async || (up() == 0).then_some(())).await;
    // Longer than the lease: nothing can be renewed meanwhile.
    eventually("the lease ends", async || (log.count("the lease could not be renewed") == 1).then_some(()))
        .await;
    execute(&world, "ALTER SYSTEM RESET default_transaction_read_only").await;
    execute(&world, "SELECT pg_reload_conf()").await;
    world.empty().await;
    world.queue(0, 16..20).await;
    receiver.wait_for(20).await;
    world.empty().await;
    assert_eq!((log.count(BEGAN), log.count(OVER)), (1, 1), "said once");
    assert_eq!(up(), 1);
    dispatcher.stop().await;
    check_once(&receiver, 20);
}

/// A file system of 24 MB, unmounted when dropped; none where that is not permitted.
struct Small(PathBuf, #[expect(dead_code, reason = "the folder goes when it is dropped")] tempfile::TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = tempfile::Builder::new().tempdir_in("/tmp").ok()?;
        let path = folder.path().join("small");
        std::fs::create_dir(&path).ok()?;
        let is_done = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        let is_open = |path: &Path| is_done(Command::new("chmod").arg("777").arg(path));
        let options = ["-t", "tmpfs", "-o", "size=24m", "none"];
        let is_mounted = is_done(Command::new("chmod").arg("755").arg(folder.path()))
            && is_done(Command::new("mount").args(options).arg(&path))
            && is_open(&path);
        is_mounted.then(|| Self(path, folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_deliveries_go_on_when_there_is_room() {
    let (log, _guard) = Log::listen();
    let cluster = Cluster::dedicated().await;
    let Some(small) = Small::mount() else {
        eprintln!("skipped: mounting a small file system is not permitted here");
        return;
    };
    let owned = Command::new("chown").arg("postgres").arg(&small.0).output().is_ok();
    assert!(owned, "Postgres can write there");
    let receiver = receiver().await;
    let world = Setup::to(&receiver.url("/"), false).start_on(&cluster.database().await.url).await;
    execute(&world, &format!("CREATE TABLESPACE small LOCATION '{}'", small.0.display())).await;
    execute(&world, "CREATE TABLE ballast (filler text) TABLESPACE small; CREATE TABLE probe (filler text) TABLESPACE small").await;
    let today = "SELECT format('ALTER TABLE %s SET TABLESPACE small', inhrelid::regclass) FROM pg_inherits
                 WHERE inhparent = 'signalpost.attempts'::regclass";
    let moves: Vec<String> = sqlx::query_scalar(today).fetch_all(world.storage.pool()).await.unwrap();
    for statement in moves {
        execute(&world, &statement).await;
    }
    let fill = "INSERT INTO ballast SELECT repeat(md5(n::text), 30) FROM generate_series(1, 100) AS n";
    while sqlx::raw_sql(fill).execute(world.storage.pool()).await.is_ok() {}
    let fill = "INSERT INTO ballast VALUES ('x')";
    while sqlx::raw_sql(fill).execute(world.storage.pool()).await.is_ok() {}

    let dispatcher = world.dispatcher();
    world.queue(0, 0..50).await;
    receiver.wait_for(50).await;
    eventually("it says so", async || (log.count(BEGAN) == 1).then_some(())).await;
    assert_eq!(dispatcher.metric("signalpost_dispatcher_database_up"), 0);
    assert!(world.count("batches").await > 0, "nothing is recorded");
    execute(&world, "DROP TABLE ballast").await;
    world.empty().await;
    eventually("it says that too", async || (log.count(OVER) == 1).then_some(())).await;
    assert_eq!(log.count(BEGAN), 1, "said once");
    dispatcher.stop().await;
    check_once(&receiver, 50);
}
