//! Client certificates of a destination: the certificate is a delivery setting, its key a secret that goes with it.

use serde_json::{Value, json};
use signalpost_proto::v1::{
    CreateDestinationRequest, Destination, ExportRequest, RotateSecretRequest, SecretPurpose,
    UpdateDestinationRequest,
};
use signalpost_testkit::Authority;
use tonic::{Code, Status};

use crate::setup::{Admin, Client, fields};

const NAME: &str = "shop/partner";

/// A destination "shop/partner" that trusts an authority and shows a certificate.
async fn with_certificate(client: &mut Client) -> Destination {
    let issued = Authority::named("Ours").issue("signalpost");
    let request = CreateDestinationRequest {
        name: NAME.to_owned(),
        delivery_json: shows(&issued.certificate).to_string(),
        client_key: Some(issued.key),
        ..CreateDestinationRequest::default()
    };
    client.create_destination(request).await.unwrap().into_inner().destination.unwrap()
}

fn shows(certificate: &str) -> Value {
    json!({ "ca": Authority::named("Theirs").pem(), "client_certificate": certificate })
}

fn update(delivery: Option<Value>, client_key: Option<&str>) -> UpdateDestinationRequest {
    UpdateDestinationRequest {
        name: NAME.to_owned(),
        delivery_json: delivery.map(|delivery| delivery.to_string()),
        client_key: client_key.map(str::to_owned),
        ..UpdateDestinationRequest::default()
    }
}

async fn refused(client: &mut Client, request: UpdateDestinationRequest) -> Status {
    let status = client.update_destination(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    status
}

fn has_key(destination: &Destination) -> bool {
    destination.secrets.iter().any(|secret| secret.purpose() == SecretPurpose::ClientKey)
}

#[tokio::test]
async fn a_client_certificate_is_set_renewed_and_removed_with_its_key() {
    let (_admin, mut client) = Admin::with_shop().await;
    let made = with_certificate(&mut client).await;
    assert!(has_key(&made) && !format!("{made:?}").contains("PRIVATE KEY"), "{made:?}");

    let next = Authority::named("Ours").issue("signalpost-next");
    let renewed = update(Some(shows(&next.certificate)), Some(&next.key));
    let renewed = client.update_destination(renewed).await.unwrap().into_inner().destination.unwrap();
    assert!(has_key(&renewed) && renewed.version > made.version);
    let slower = json!({ "timeout": "30s", "client_certificate": next.certificate });
    let kept = client.update_destination(update(Some(slower), None)).await.unwrap().into_inner();
    assert!(has_key(&kept.destination.unwrap()), "another setting changes nothing about the key");

    let exported = client.export(ExportRequest::default()).await.unwrap().into_inner().destinations_toml;
    assert!(exported.contains("client_certificate = '''\n-----BEGIN CERTIFICATE-----\n"), "{exported}");
    assert!(exported.contains("client_key = { env = \"SHOP_PARTNER_CLIENT_KEY\" }"), "{exported}");

    let without = client.update_destination(update(Some(json!({})), None)).await.unwrap().into_inner();
    assert!(!has_key(&without.destination.unwrap()));
}

#[tokio::test]
async fn a_certificate_without_its_own_key_is_refused_by_field() {
    let (_admin, mut client) = Admin::with_shop().await;
    with_certificate(&mut client).await;
    let (next, other) = (Authority::named("Ours").issue("next"), Authority::named("Ours").issue("other"));
    let alone = refused(&mut client, update(Some(shows(&next.certificate)), None)).await;
    assert_eq!(fields(&alone), ["client_key"]);
    let foreign = refused(&mut client, update(Some(shows(&next.certificate)), Some(&other.key))).await;
    assert_eq!(fields(&foreign), ["client_key"]);
    let orphan = refused(&mut client, update(Some(json!({ "ca": "no PEM" })), Some(&next.key))).await;
    assert_eq!(fields(&orphan), ["delivery_json/ca", "client_key"]);
    let rotate = RotateSecretRequest {
        destination: NAME.to_owned(),
        purpose: SecretPurpose::ClientKey.into(),
        ..RotateSecretRequest::default()
    };
    let status = client.rotate_secret(rotate).await.unwrap_err();
    assert!(status.code() == Code::InvalidArgument && fields(&status) == ["purpose"], "{status}");
}
