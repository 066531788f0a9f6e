//! Write keys and tokens at ingest: who may publish, and for how long.

use std::time::Duration;

use prometheus_client::registry::Registry;
use signalpost_proto::v1::event::Form;
use signalpost_proto::v1::ingest_service_client::IngestServiceClient;
use signalpost_proto::v1::{
    CreateTokenRequest, CreateWriteKeyRequest, Event, PublishRequest, RevokeWriteKeyRequest, Role,
};
use signalpost_testkit::eventually;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use crate::setup::Admin;

struct Ingest {
    channel: Channel,
    _running: JoinSet<Result<(), signalpost_ingest::RunError>>,
}

impl Ingest {
    async fn beside(admin: &Admin) -> Ingest {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let metrics = signalpost_ingest::Metrics::register(&mut Registry::default());
        let (storage, stop) = (admin.storage.clone(), CancellationToken::new());
        let mut running = JoinSet::new();
        running.spawn(signalpost_ingest::run(
            signalpost_ingest::Config::default(),
            listener,
            storage,
            metrics,
            stop,
        ));
        Ingest { channel: Endpoint::from_shared(url).unwrap().connect().await.unwrap(), _running: running }
    }

    /// How publishing one event ends.
    async fn publish(&self, credential: &str, source: Option<&str>) -> Code {
        let json = r#"{"type":"track","event":"Order Completed","userId":"u"}"#;
        let event = Event { form: Some(Form::Json(json.into())), ..Event::default() };
        let mut request = Request::new(PublishRequest { events: vec![event], all_or_nothing: false });
        request.metadata_mut().insert("authorization", format!("Bearer {credential}").parse().unwrap());
        if let Some(source) = source {
            request.metadata_mut().insert("signalpost-source", source.parse().unwrap());
        }
        let answer = IngestServiceClient::new(self.channel.clone()).publish(request).await;
        answer.map_or_else(|status| status.code(), |_| Code::Ok)
    }

    async fn until(&self, credential: &str, source: Option<&str>, wanted: Code) {
        eventually("publishing ends so", async || {
            (self.publish(credential, source).await == wanted).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_key_that_ends_at_a_time_is_good_until_then_and_not_after() {
    let (admin, mut client) = Admin::with_shop().await;
    let ingest = Ingest::beside(&admin).await;
    let make = |after: Option<Duration>| CreateWriteKeyRequest {
        source: "shop".to_owned(),
        revoke_others_after: after.map(|after| prost_types::Duration::try_from(after).unwrap()),
    };
    let first = client.create_write_key(make(None)).await.unwrap().into_inner();
    let second = client.create_write_key(make(Some(Duration::from_hours(1)))).await.unwrap().into_inner();
    ingest.until(&first.key, None, Code::Ok).await;
    ingest.until(&second.key, None, Code::Ok).await;

    let id = first.write_key.unwrap().id;
    let soon = Some(prost_types::Duration { seconds: 2, nanos: 0 });
    let revoke = RevokeWriteKeyRequest { source: "shop".to_owned(), id, after: soon };
    client.revoke_write_key(revoke).await.unwrap();
    assert_eq!(ingest.publish(&first.key, None).await, Code::Ok);
    ingest.until(&first.key, None, Code::Unauthenticated).await;
    assert_eq!(ingest.publish(&second.key, None).await, Code::Ok);
    let at_once =
        RevokeWriteKeyRequest { source: "shop".to_owned(), id: second.write_key.unwrap().id, after: None };
    client.revoke_write_key(at_once).await.unwrap();
    ingest.until(&second.key, None, Code::Unauthenticated).await;
}

#[tokio::test]
async fn an_admin_token_publishes_only_when_it_may_and_only_for_a_source_it_names() {
    let (admin, mut client) = Admin::with_shop().await;
    let ingest = Ingest::beside(&admin).await;
    let make = |name: &str, may_publish: bool| CreateTokenRequest {
        name: name.to_owned(),
        role: Role::Viewer.into(),
        may_publish,
        valid_for: None,
    };
    let reads = client.create_token(make("reads", false)).await.unwrap().into_inner().secret;
    let publishes = client.create_token(make("publishes", true)).await.unwrap().into_inner().secret;
    ingest.until(&publishes, Some("shop"), Code::Ok).await;
    assert_eq!(ingest.publish(&publishes, None).await, Code::Unauthenticated);
    assert_eq!(ingest.publish(&publishes, Some("other")).await, Code::NotFound);
    assert_eq!(ingest.publish(&reads, Some("shop")).await, Code::Unauthenticated);
}
