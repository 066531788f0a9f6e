//! Postgres: one throw-away server for all tests of a process, and a fresh migrated database for each.
//!
//! Invariant: a database is a copy of a template that holds the migrations and nothing else; nobody stays connected to
//! the template.

use std::sync::atomic::{AtomicU32, Ordering};

use signalpost_postgres::{Options, Server};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::{Mutex, OnceCell};

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");
static SHARED: OnceCell<Cluster> = OnceCell::const_new();
const TEMPLATE: &str = "signalpost_template";

/// A fresh database with the schema, on the server that all tests of this process share.
pub async fn postgres() -> TestDatabase {
    SHARED.get_or_init(Cluster::dedicated).await.database().await
}

/// A database of its own for one test; it goes away with the server.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    /// Where it is.
    pub url: String,
}

/// A throw-away server; a test that stops it has one of its own.
#[derive(Debug)]
pub struct Cluster {
    server: Mutex<Option<Server>>,
    /// Of the database `postgres`; the others differ in their name.
    url: String,
    databases: AtomicU32,
    /// `create database … template` refuses while another copies the same template.
    copying: Mutex<()>,
}

impl Cluster {
    /// A server that only the caller uses.
    pub async fn dedicated() -> Cluster {
        let server = blocking(|| {
            let settings = ["max_connections=300", "shared_buffers=64MB"].map(str::to_owned).into();
            Server::throw_away(&Options { port: None, settings }).expect("Postgres starts")
        })
        .await;
        let cluster = Cluster {
            url: server.url("postgres"),
            server: Mutex::new(Some(server)),
            databases: AtomicU32::new(0),
            copying: Mutex::new(()),
        };
        cluster.make_template().await;
        cluster
    }

    /// A fresh database with the schema.
    pub async fn database(&self) -> TestDatabase {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let _one_at_a_time = self.copying.lock().await;
        self.execute(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}")).await;
        TestDatabase { url: self.url_of(&name) }
    }

    /// A fresh database without the schema.
    pub async fn empty_database(&self) -> TestDatabase {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute(&format!("CREATE DATABASE {name}")).await;
        TestDatabase { url: self.url_of(&name) }
    }

    /// An orderly stop of the server; its databases stay.
    pub async fn stop(&self) {
        self.tell(Server::stop).await;
    }

    /// SIGKILL to the server, as by a crash; its databases stay.
    pub async fn kill(&self) {
        self.tell(Server::kill).await;
    }

    /// Starts the server again, on the same port.
    pub async fn start(&self) {
        self.tell(Server::start).await;
    }

    async fn tell(&self, what: fn(&mut Server) -> Result<(), signalpost_postgres::StartError>) {
        let mut held = self.server.lock().await;
        let mut server = held.take().expect("put back after every use");
        *held = Some(
            blocking(move || {
                what(&mut server).expect("the server does as it is told");
                server
            })
            .await,
        );
    }

    async fn make_template(&self) {
        self.execute(&format!("CREATE DATABASE {TEMPLATE}")).await;
        let mut connection = connect(&self.url_of(TEMPLATE)).await;
        MIGRATOR.run(&mut connection).await.expect("the migrations apply");
        connection.close().await.expect("the template is left");
    }

    async fn execute(&self, statement: &str) {
        let mut connection = connect(&self.url).await;
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await
            .expect("it executes");
        connection.close().await.expect("the connection closes");
    }

    fn url_of(&self, database: &str) -> String {
        let (server, _) = self.url.rsplit_once('/').expect("a url with a database");
        format!("{server}/{database}")
    }
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("Postgres answers")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("the launcher does not panic")
}
