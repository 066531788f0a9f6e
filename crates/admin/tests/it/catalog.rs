//! Sources, destinations and mappings: made, changed, looked at, removed.

use signalpost_proto::v1::{
    CreateDestinationRequest, CreateMappingRequest, CreateSourceRequest, DeleteSourceRequest,
    GetDestinationRequest, GetMappingRequest, ListMappingVersionsRequest, ListMappingsRequest,
    ListSourcesRequest, RestoreMappingRequest, RotateSecretRequest, SecretPurpose, UpdateDestinationRequest,
    UpdateMappingRequest, UpdateSourceRequest,
};
use signalpost_storage::SealingKeys;
use tonic::Code;

use crate::setup::{Admin, ORDERS, ROOT, SEALING_KEY, fields};

#[tokio::test]
async fn a_mapping_gets_its_defaults_and_the_first_free_position() {
    let (_admin, mut client) = Admin::with_shop().await;
    let mapping =
        client.get_mapping(GetMappingRequest { name: ORDERS.to_owned() }).await.unwrap().into_inner();
    let mapping = mapping.mapping.unwrap();
    assert_eq!((mapping.position, mapping.version, mapping.enabled), (1, 1, true));
    let told = r#"{"url":"https://receiver.example/","method":"POST","data":{"@path":"$."}}"#;
    assert_eq!(mapping.fields_json, told);
}

#[tokio::test]
async fn every_mistake_is_told_at_once_in_the_words_of_apply() {
    let (_admin, mut client) = Admin::with_shop().await;
    let mapping = CreateMappingRequest {
        name: "shop/warehouse/wrong".to_owned(),
        trigger: String::new(),
        fields_json: r#"{"url":"ftp://a","method":"GET","data":{"x":{"@path":7}}}"#.to_owned(),
        enabled: None,
    };
    let status = client.create_mapping(mapping).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let at = ["trigger", "fields_json/data/x/@path", "fields_json/url", "fields_json/method"];
    assert_eq!(fields(&status), at);
    let destination = CreateDestinationRequest {
        name: "shop/wrong".to_owned(),
        delivery_json: r#"{"timeout":"1h","tries":3}"#.to_owned(),
        webhook_secret: Some("short".to_owned()),
        signature: 9,
        ..CreateDestinationRequest::default()
    };
    let status = client.create_destination(destination).await.unwrap_err();
    let at = ["delivery_json/timeout", "delivery_json/tries", "signature", "webhook_secret"];
    assert_eq!(fields(&status), at);
    assert!(!status.message().contains("short"), "{}", status.message());
}

#[tokio::test]
async fn two_who_change_the_same_mapping_notice() {
    let (_admin, mut client) = Admin::with_shop().await;
    let change = |trigger: &str| UpdateMappingRequest {
        name: ORDERS.to_owned(),
        expected_version: 1,
        trigger: Some(trigger.to_owned()),
        ..UpdateMappingRequest::default()
    };
    let changed = client.update_mapping(change(r#"type = "page""#)).await.unwrap().into_inner();
    assert_eq!(changed.mapping.unwrap().version, 2);
    let status = client.update_mapping(change(r#"type = "group""#)).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    let mapping =
        client.get_mapping(GetMappingRequest { name: ORDERS.to_owned() }).await.unwrap().into_inner();
    assert_eq!(mapping.mapping.unwrap().trigger, r#"type = "page""#);
}

#[tokio::test]
async fn a_change_can_be_seen_and_undone_however_it_was_made() {
    let (admin, mut client) = Admin::with_shop().await;
    admin.execute("UPDATE signalpost.mappings SET trigger = 'type = \"page\"', enabled = false").await;
    let versions =
        ListMappingVersionsRequest { name: ORDERS.to_owned(), ..ListMappingVersionsRequest::default() };
    let versions = client.list_mapping_versions(versions).await.unwrap().into_inner().versions;
    let told: Vec<_> =
        versions.iter().map(|one| (one.mapping.clone().unwrap().version, one.changed_by.as_str())).collect();
    assert_eq!(told, [(2, "database user postgres"), (1, "token root")]);
    let restored = RestoreMappingRequest { name: ORDERS.to_owned(), version: 1 };
    let mapping = client.restore_mapping(restored).await.unwrap().into_inner().mapping.unwrap();
    assert_eq!((mapping.version, mapping.enabled, mapping.trigger.as_str()), (3, true, r#"type = "track""#));
    let unknown = RestoreMappingRequest { name: ORDERS.to_owned(), version: 9 };
    assert_eq!(client.restore_mapping(unknown).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_sixth_mapping_is_refused_with_what_to_do() {
    let (_admin, mut client) = Admin::with_shop().await;
    let mapping = |name: &str| CreateMappingRequest {
        name: format!("shop/warehouse/{name}"),
        trigger: r#"type = "track""#.to_owned(),
        fields_json: r#"{"url":"https://receiver.example/"}"#.to_owned(),
        enabled: None,
    };
    for name in ["b", "c", "d", "e"] {
        client.create_mapping(mapping(name)).await.unwrap();
    }
    let status = client.create_mapping(mapping("f")).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("another destination"), "{}", status.message());
    assert_eq!(client.create_mapping(mapping("b")).await.unwrap_err().code(), Code::AlreadyExists);
}

#[tokio::test]
async fn pages_are_complete_although_things_come_and_go() {
    let admin = Admin::start().await;
    let mut client = admin.client(ROOT).await;
    for name in ["a", "c", "e", "g"] {
        client.create_source(CreateSourceRequest { name: name.to_owned() }).await.unwrap();
    }
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListSourcesRequest { page_size: 2, page_token };
        let page = client.list_sources(request).await.unwrap().into_inner();
        names.extend(page.sources.into_iter().map(|source| source.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        client.create_source(CreateSourceRequest { name: "b".to_owned() }).await.unwrap();
        client.delete_source(DeleteSourceRequest { name: "a".to_owned() }).await.unwrap();
    }
    assert_eq!(names, ["a", "c", "e", "g"]);
    let wrong = ListMappingsRequest { page_token: "x".to_owned(), ..ListMappingsRequest::default() };
    assert_eq!(fields(&client.list_mappings(wrong).await.unwrap_err()), ["page_token"]);
}

#[tokio::test]
async fn what_events_wait_for_is_not_removed() {
    let (admin, mut client) = Admin::with_shop().await;
    admin.queue(3, "[1,2,3]").await;
    let status = client.delete_source(DeleteSourceRequest { name: "shop".to_owned() }).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("3 events still wait"), "{}", status.message());
}

#[tokio::test]
async fn a_new_name_keeps_the_secrets_and_a_rotation_keeps_the_old_secret_until_it_is_finished() {
    let (admin, mut client) = Admin::with_shop().await;
    let rotate = |secret: &str, finish: bool| RotateSecretRequest {
        destination: "store/warehouse".to_owned(),
        purpose: SecretPurpose::SharedSecret.into(),
        secret: secret.to_owned(),
        finish,
    };
    let renamed = UpdateSourceRequest { name: "shop".to_owned(), new_name: "store".to_owned() };
    client.update_source(renamed).await.unwrap();
    client.rotate_secret(rotate("second", false)).await.unwrap();
    let again = client.rotate_secret(rotate("third", false)).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition);
    let change = UpdateDestinationRequest {
        name: "store/warehouse".to_owned(),
        new_name: Some("depot".to_owned()),
        ..UpdateDestinationRequest::default()
    };
    let version = client.update_destination(change).await.unwrap().into_inner().destination.unwrap().version;
    assert_eq!(version, 4);

    let keys = SealingKeys::parse(SEALING_KEY).unwrap();
    let destination = admin.storage.catalog().load(&keys).await.unwrap().destinations.remove(0);
    assert_eq!(destination.shared_secret.unwrap().expose(), "second");
    assert_eq!(destination.secrets.previous_shared_secret.unwrap().expose(), "hush-shared-secret");
    let finish = RotateSecretRequest { destination: "store/depot".to_owned(), ..rotate("", true) };
    client.rotate_secret(finish).await.unwrap();
    let get = GetDestinationRequest { name: "store/depot".to_owned() };
    let secrets = client.get_destination(get).await.unwrap().into_inner().destination.unwrap().secrets;
    assert_eq!(secrets.len(), 1);
    assert_eq!((secrets[0].is_previous, secrets[0].sealing_key.as_str()), (false, "k1"));
}
