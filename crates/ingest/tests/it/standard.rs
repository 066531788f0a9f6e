//! The standard services: health and reflection.

use futures::StreamExt as _;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::setup::Ingest;

#[tokio::test]
async fn a_ready_ingest_is_serving() {
    let ingest = Ingest::with(vec![]).await;
    assert_eq!(ingest.health().await.unwrap(), 1);
}

#[tokio::test]
async fn reflection_lists_the_services() {
    let ingest = Ingest::with(vec![]).await;
    let mut client = ServerReflectionClient::new(ingest.channel().await);
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = client.server_reflection_info(futures::stream::iter([ask])).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&"signalpost.v1.IngestService"), "{names:?}");
    assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");
}
