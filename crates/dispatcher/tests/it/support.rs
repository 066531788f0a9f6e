//! What these tests share: a database with one destination, a queue to put events in, and dispatchers to run.

use std::time::Duration;

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use signalpost_core::delivery::Delivery;
use signalpost_core::json::Numbers;
use signalpost_core::secret::Secret;
use signalpost_core::signature::SignatureMode;
use signalpost_dispatcher::{Config, Metrics, run};
use signalpost_storage::{
    ConnectOptions, NewBatch, SealingKeys, Secrets, Storage, Wanted, WantedDestination, WantedMapping,
    WantedSource,
};
use signalpost_testkit as testkit;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const LEASE: Duration = Duration::from_secs(2);
pub(crate) const SECRET: &str = "shared secret";

/// A destination in the making.
pub(crate) struct Setup {
    pub(crate) signature: SignatureMode,
    pub(crate) secrets: Secrets,
    pub(crate) delivery: Value,
    pub(crate) mappings: Vec<Value>,
}

impl Setup {
    /// One mapping; retries come quickly; loopback is allowed.
    pub(crate) fn to(url: &str, batching: bool) -> Self {
        Self {
            signature: SignatureMode::Body,
            secrets: Secrets::default(),
            delivery: json!({ "batch_wait": "50ms", "retry": { "base": "20ms" }, "allow": ["127.0.0.0/8", "::1/128"] }),
            mappings: vec![mapping(url, batching)],
        }
    }

    pub(crate) fn and(mut self, mapping: Value) -> Self {
        self.mappings.push(mapping);
        self
    }

    pub(crate) fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.mappings[0][name] = value.into();
        self
    }

    pub(crate) fn delivery(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.delivery[name] = value.into();
        self
    }

    pub(crate) async fn start(self) -> World {
        self.start_on(&testkit::postgres().await.url).await
    }

    pub(crate) async fn start_on(self, url: &str) -> World {
        let options = ConnectOptions {
            url: url.to_owned(),
            connections_max: 8,
            application_name: "dispatcher tests".to_owned(),
        };
        let storage = Storage::connect(&options).unwrap();
        storage.catalog().apply(&self.wanted(), &keys(), false, false).await.unwrap();
        let catalog = storage.catalog().load(&keys()).await.unwrap();
        let mut rows: Vec<_> = catalog.mappings.iter().map(|row| (row.position, row.id)).collect();
        rows.sort_unstable();
        World { storage, mappings: rows.into_iter().map(|(_, id)| id).collect() }
    }

    fn wanted(&self) -> Wanted {
        let delivery: Delivery = serde_json::from_value(self.delivery.clone()).unwrap();
        let mappings = self.mappings.iter().enumerate().map(|(number, fields)| WantedMapping {
            name: format!("m{number}"),
            enabled: true,
            trigger: "type = \"track\"".to_owned(),
            fields: fields.clone(),
        });
        let destination = WantedDestination {
            name: "warehouse".to_owned(),
            enabled: true,
            shared_secret: Some(Secret::new(SECRET)),
            secrets: self.secrets.clone(),
            signature: self.signature,
            numbers: Numbers::Ecmascript,
            delivery,
            mappings: mappings.collect(),
        };
        Wanted {
            sources: vec![WantedSource {
                name: "shop".to_owned(),
                write_keys: vec![],
                destinations: vec![destination],
            }],
        }
    }
}

pub(crate) fn mapping(url: &str, batching: bool) -> Value {
    json!({ "url": url, "method": "POST", "data": { "@path": "$." }, "enable_batching": batching })
}

fn keys() -> SealingKeys {
    SealingKeys::parse("k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()
}

/// A database with a destination.
pub(crate) struct World {
    pub(crate) storage: Storage,
    pub(crate) mappings: Vec<i64>,
}

impl World {
    /// Queues a row of numbered events for the mapping of this number.
    pub(crate) async fn queue(&self, mapping: usize, numbers: std::ops::Range<u32>) {
        let events: Vec<String> = numbers.clone().map(|number| format!("{{\"n\":{number}}}")).collect();
        self.queue_text(mapping, numbers.count(), format!("[{}]", events.join(",")), None).await;
    }

    pub(crate) async fn queue_text(
        &self,
        mapping: usize,
        count: usize,
        payload: String,
        target: Option<String>,
    ) {
        let batch = NewBatch {
            mapping_id: self.mappings[mapping],
            event_count: i32::try_from(count).unwrap(),
            payload,
            target,
            traces: None,
        };
        self.storage.queue().enqueue(&[batch], &[]).await.unwrap();
        self.storage.queue().wake().await.unwrap();
    }

    pub(crate) fn dispatcher(&self) -> Dispatcher {
        self.dispatcher_with(Config::default())
    }

    pub(crate) fn dispatcher_with(&self, config: Config) -> Dispatcher {
        let config = Config { lease: LEASE, poll: Duration::from_millis(500), ..config };
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let running = run(config, self.storage.clone(), keys(), metrics, stop.clone(), abort.clone());
        #[expect(clippy::disallowed_methods, reason = "the test waits for it")]
        let task = tokio::spawn(async move { running.await.unwrap() });
        Dispatcher { stop, abort, task, registry }
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let statement = format!("SELECT count(*) FROM signalpost.{table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(self.storage.pool()).await.unwrap_or(-1)
    }

    /// Waits until nothing is queued.
    pub(crate) async fn empty(&self) {
        testkit::eventually("the queue is empty", async || (self.count("batches").await == 0).then_some(()))
            .await;
    }

    pub(crate) async fn text(&self, statement: &'static str) -> Option<String> {
        sqlx::query_scalar(statement).fetch_optional(self.storage.pool()).await.unwrap().flatten()
    }
}

/// A dispatcher that runs; it ends with the test.
pub(crate) struct Dispatcher {
    stop: CancellationToken,
    abort: CancellationToken,
    task: JoinHandle<()>,
    registry: Registry,
}

impl Dispatcher {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    pub(crate) async fn abort(self) {
        self.abort.cancel();
        self.task.await.unwrap();
    }

    /// What a metric without labels shows.
    pub(crate) fn metric(&self, name: &str) -> i64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().unwrap()
    }

    /// As if the process were killed: nothing is given back.
    pub(crate) async fn kill(self) {
        self.task.abort();
        _ = self.task.await;
    }
}

/// The numbers of the events of a request.
pub(crate) fn numbers(recorded: &testkit::Recorded) -> Vec<u64> {
    recorded.events().iter().map(|event| event["n"].as_u64().unwrap()).collect()
}
