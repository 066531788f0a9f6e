//! A running control API, its database, and clients.

use std::net::SocketAddr;

use prometheus_client::registry::Registry;
use signalpost_admin::{Config, Means, Metrics, RunError};
use signalpost_core::secret::Secret;
use signalpost_proto::v1::admin_service_client::AdminServiceClient;
use signalpost_proto::v1::{
    CreateDestinationRequest, CreateMappingRequest, CreateSourceRequest, CreateTokenRequest, Role,
};
use signalpost_storage::{ConnectOptions, NewBatch, SealingKeys, Storage};
use signalpost_testkit::eventually;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

/// The token of the settings.
pub(crate) const ROOT: &str = "sp_root_token_of_the_tests";
/// What a sealing key looks like.
pub(crate) const SEALING_KEY: &str = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
pub(crate) const ORDERS: &str = "shop/warehouse/orders";

pub(crate) type Client = AdminServiceClient<InterceptedService<Channel, Bearer>>;

/// Adds a token to every call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<tonic::metadata::Ascii>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A running control API.
pub(crate) struct Admin {
    pub(crate) address: SocketAddr,
    pub(crate) storage: Storage,
    url: String,
    stop: CancellationToken,
    _running: JoinSet<Result<(), RunError>>,
}

impl Admin {
    pub(crate) async fn start() -> Admin {
        Admin::with(Config::default(), SEALING_KEY).await
    }

    pub(crate) async fn with(config: Config, sealing_keys: &str) -> Admin {
        Admin::at(signalpost_testkit::postgres().await.url, config, sealing_keys).await
    }

    /// Another one on the same database, with other sealing keys.
    pub(crate) async fn beside(other: &Admin, sealing_keys: &str) -> Admin {
        Admin::at(other.url.clone(), Config::default(), sealing_keys).await
    }

    pub(crate) async fn at(url: String, config: Config, sealing_keys: &str) -> Admin {
        let storage = Storage::connect(&ConnectOptions {
            url: url.clone(),
            connections_max: 8,
            application_name: "admin-test".to_owned(),
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let config = Config { token: Some(Secret::new(ROOT)), ..config };
        let keys = SealingKeys::parse(sealing_keys).unwrap();
        let metrics = Metrics::register(&mut Registry::default());
        let mut running = JoinSet::new();
        let means = Means {
            storage: storage.clone(),
            keys,
            transport: signalpost_dispatcher::client(&signalpost_dispatcher::Config::default()).unwrap(),
            read_destinations: |_json| Err(vec![(String::new(), String::from("tested with the program"))]),
        };
        running.spawn(signalpost_admin::run(config, listener, means, metrics, stop.clone()));
        Admin { address, storage, url, stop, _running: running }
    }

    /// With the mapping "shop/warehouse/orders", and a client of role admin.
    pub(crate) async fn with_shop() -> (Admin, Client) {
        let admin = Admin::start().await;
        let mut client = admin.client(ROOT).await;
        shop(&mut client, "https://receiver.example/").await;
        (admin, client)
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn client(&self, token: &str) -> Client {
        let bearer = Bearer(format!("Bearer {token}").parse().unwrap());
        AdminServiceClient::with_interceptor(self.channel().await, bearer)
    }

    /// A client whose token has this role; its name is the role's.
    pub(crate) async fn client_of(&self, role: Role) -> Client {
        let mut root = self.client(ROOT).await;
        let name = role.as_str_name().to_lowercase();
        let request = CreateTokenRequest { name, role: role.into(), ..CreateTokenRequest::default() };
        let made = root.create_token(request).await.unwrap().into_inner();
        self.client(&made.secret).await
    }

    /// One number that a statement answers.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(self.storage.pool()).await.unwrap()
    }

    pub(crate) async fn execute(&self, statements: &'static str) {
        sqlx::raw_sql(statements).execute(self.storage.pool()).await.unwrap();
    }

    /// Queues one batch for "shop/warehouse/orders"; `payload` is its array.
    pub(crate) async fn queue(&self, event_count: i32, payload: &str) {
        let (mapping_id, payload) = (self.orders().await, payload.to_owned());
        let batch = NewBatch { mapping_id, event_count, payload, target: None, traces: None };
        self.storage.queue().enqueue(&[batch], &[]).await.unwrap();
    }

    /// The number of "shop/warehouse/orders".
    pub(crate) async fn orders(&self) -> i64 {
        self.count("SELECT id FROM signalpost.mappings WHERE name = 'orders'").await
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A source, a destination with a secret, a mapping.
pub(crate) async fn shop(client: &mut Client, url: &str) {
    client.create_source(CreateSourceRequest { name: "shop".to_owned() }).await.unwrap();
    let destination = CreateDestinationRequest {
        name: "shop/warehouse".to_owned(),
        shared_secret: Some("hush-shared-secret".to_owned()),
        delivery_json: r#"{"timeout":"2s","allow":["127.0.0.0/8"]}"#.to_owned(),
        ..CreateDestinationRequest::default()
    };
    client.create_destination(destination).await.unwrap();
    let mapping = CreateMappingRequest {
        name: ORDERS.to_owned(),
        trigger: r#"type = "track""#.to_owned(),
        fields_json: format!(r#"{{"url":{url:?}}}"#),
        enabled: None,
    };
    client.create_mapping(mapping).await.unwrap();
}

/// The fields at fault that a status names.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_error_details().bad_request().map(|bad| bad.field_violations.clone());
    violations.unwrap_or_default().into_iter().map(|one| one.field).collect()
}

/// Until the health service says what it should.
pub(crate) async fn healthy(channel: Channel, wanted: i32) {
    let mut client = tonic_health::pb::health_client::HealthClient::new(channel);
    eventually("health says so", async || {
        let request = tonic_health::pb::HealthCheckRequest { service: String::new() };
        let answer = client.check(request).await.ok()?;
        (answer.into_inner().status == wanted).then_some(())
    })
    .await;
}
