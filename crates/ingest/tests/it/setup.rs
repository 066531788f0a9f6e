//! A running ingest, its database, and clients.

use std::net::SocketAddr;

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use signalpost_core::delivery::Delivery;
use signalpost_core::json::Numbers;
use signalpost_core::signature::SignatureMode;
use signalpost_ingest::{Config, Metrics, RunError};
use signalpost_proto::v1::event::Form;
use signalpost_proto::v1::ingest_service_client::IngestServiceClient;
use signalpost_proto::v1::{Event, PublishRequest, Receipt};
use signalpost_storage::{
    ConnectOptions, SealingKeys, Secrets, Storage, Wanted, WantedDestination, WantedMapping, WantedSource,
};
use signalpost_testkit::eventually;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// The write key of the source "shop".
pub(crate) const KEY: &str = "wk_shop";

pub(crate) type Client = IngestServiceClient<InterceptedService<Channel, Bearer>>;

/// Adds a write key to every call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<tonic::metadata::Ascii>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A running ingest.
pub(crate) struct Ingest {
    pub(crate) address: SocketAddr,
    pub(crate) storage: Storage,
    pub(crate) stop: CancellationToken,
    running: JoinSet<Result<(), RunError>>,
}

impl Ingest {
    /// Ready, with these mappings for the source "shop".
    pub(crate) async fn with(mappings: Vec<WantedMapping>) -> Ingest {
        Ingest::start(Config::default(), mappings).await
    }

    pub(crate) async fn start(config: Config, mappings: Vec<WantedMapping>) -> Ingest {
        let ingest = Ingest::at(&signalpost_testkit::postgres().await.url, config).await;
        ingest.apply(&shop(mappings)).await;
        ingest.ready().await;
        ingest
    }

    /// On a database that may be empty, or away.
    pub(crate) async fn at(url: &str, config: Config) -> Ingest {
        let storage = Storage::connect(&ConnectOptions {
            url: url.to_owned(),
            connections_max: 8,
            application_name: "ingest-test".to_owned(),
        })
        .expect("the address is one");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let metrics = Metrics::register(&mut Registry::default());
        let mut running = JoinSet::new();
        running.spawn(signalpost_ingest::run(config, listener, storage.clone(), metrics, stop.clone()));
        Ingest { address, storage, stop, running }
    }

    pub(crate) async fn apply(&self, wanted: &Wanted) {
        self.storage
            .catalog()
            .apply(wanted, &SealingKeys::none(), true, false)
            .await
            .expect("it is a valid configuration");
    }

    /// Until the health service says that calls can be taken, and the key of "shop" is known.
    pub(crate) async fn ready(&self) {
        let mut client = self.client(KEY).await;
        eventually("the write key works", async || {
            let answer = client.publish(PublishRequest::default()).await;
            (answer.unwrap_err().code() == tonic::Code::InvalidArgument).then_some(())
        })
        .await;
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).expect("an address");
        endpoint.connect().await.expect("it listens")
    }

    pub(crate) async fn client(&self, key: &str) -> Client {
        self.client_with(&format!("Bearer {key}")).await
    }

    pub(crate) async fn client_with(&self, authorization: &str) -> Client {
        let bearer = Bearer(authorization.parse().expect("printable"));
        IngestServiceClient::with_interceptor(self.channel().await, bearer)
    }

    /// What the standard health service answers: 1 is `SERVING`.
    pub(crate) async fn health(&self) -> Result<i32, Status> {
        let mut client = HealthClient::new(self.channel().await);
        let answer = client.check(HealthCheckRequest { service: String::new() }).await?;
        Ok(answer.into_inner().status)
    }

    /// Publishes with the key of "shop".
    pub(crate) async fn publish(&self, events: impl IntoIterator<Item = String>) -> Result<Receipt, Status> {
        publish(&mut self.client(KEY).await, events).await
    }

    /// What is queued: mapping name, events, payload, in the order of the queue.
    pub(crate) async fn queued(&self) -> Vec<(String, i32, Value)> {
        let rows: Vec<(String, i32, String)> = sqlx::query_as(
            "SELECT m.name, b.event_count, b.payload
             FROM signalpost.batches b JOIN signalpost.mappings m ON m.id = b.mapping_id ORDER BY b.position",
        )
        .fetch_all(self.storage.pool())
        .await
        .expect("the queue can be read");
        let value = |text: String| serde_json::from_str(&text).expect("payloads are JSON");
        rows.into_iter().map(|(name, count, payload)| (name, count, value(payload))).collect()
    }

    /// The message ids of every queued payload that carries one.
    pub(crate) async fn queued_ids(&self) -> Vec<String> {
        let id = |event: &Value| event["messageId"].as_str().map(str::to_owned);
        let rows = self.queued().await;
        rows.iter()
            .flat_map(|(_, _, payload)| payload.as_array().expect("an array").iter().filter_map(id))
            .collect()
    }

    /// Until a commit waits for a lock of this type. Other tests' databases on the same server are copies of one
    /// template, their tables have the same ids as ours: only the database tells their locks from ours.
    pub(crate) async fn waiting_for_lock(&self, locktype: &str) {
        eventually("a commit waits for the lock", async || {
            let (is_waiting,): (bool,) = sqlx::query_as(
                "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                                WHERE d.datname = current_database() AND l.locktype = $1 AND NOT l.granted)",
            )
            .bind(locktype)
            .fetch_one(self.storage.pool())
            .await
            .expect("locks can be read");
            is_waiting.then_some(())
        })
        .await;
    }

    /// Tells it to stop and waits until it has.
    pub(crate) async fn stopped(mut self) -> Result<(), RunError> {
        self.stop.cancel();
        self.running.join_next().await.expect("it runs").expect("it does not panic")
    }
}

pub(crate) async fn publish(
    client: &mut Client,
    events: impl IntoIterator<Item = String>,
) -> Result<Receipt, Status> {
    let request = PublishRequest { events: events.into_iter().map(event).collect(), all_or_nothing: false };
    Ok(client.publish(request).await?.into_inner().receipt.expect("always there"))
}

/// An event as JSON.
pub(crate) fn event(json: String) -> Event {
    Event { form: Some(Form::Json(json.into())), ..Event::default() }
}

/// A source "shop" with one destination "warehouse".
pub(crate) fn shop(mappings: Vec<WantedMapping>) -> Wanted {
    let warehouse = WantedDestination {
        name: "warehouse".to_owned(),
        enabled: true,
        shared_secret: None,
        secrets: Secrets::default(),
        signature: SignatureMode::Body,
        numbers: Numbers::Ecmascript,
        delivery: Delivery::default(),
        mappings,
    };
    Wanted {
        sources: vec![WantedSource {
            name: "shop".to_owned(),
            write_keys: vec![KEY.into()],
            destinations: vec![warehouse],
        }],
    }
}

/// A mapping that sends whole events, in batches.
pub(crate) fn whole(name: &str, trigger: &str) -> WantedMapping {
    mapping(name, trigger, json!({ "enable_batching": true, "data": { "@path": "$." } }))
}

pub(crate) fn mapping(name: &str, trigger: &str, mut fields: Value) -> WantedMapping {
    for (field, default) in [("url", "https://receiver.example/events"), ("method", "POST")] {
        if fields.get(field).is_none() {
            fields[field] = default.into();
        }
    }
    WantedMapping { name: name.to_owned(), enabled: true, trigger: trigger.to_owned(), fields }
}
