//! Who is let in, and to what.

use signalpost_proto::v1::admin_service_client::AdminServiceClient;
use signalpost_proto::v1::{
    CreateSourceRequest, CreateTokenRequest, CreateWriteKeyRequest, ListSourcesRequest, ListTokensRequest,
    RevokeTokenRequest, Role,
};
use tonic::Code;

use crate::setup::{Admin, ROOT, healthy};

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let (admin, mut root) = Admin::with_shop().await;
    let make = |name: &str| CreateTokenRequest {
        name: name.to_owned(),
        role: Role::Viewer.into(),
        ..CreateTokenRequest::default()
    };
    let revoked = root.create_token(make("revoked")).await.unwrap().into_inner().secret;
    root.revoke_token(RevokeTokenRequest { name: "revoked".to_owned() }).await.unwrap();
    let expired = root.create_token(make("expired")).await.unwrap().into_inner().secret;
    admin
        .execute(
            "UPDATE signalpost.admin_tokens SET expires_at = now() - interval '1s' WHERE name = 'expired'",
        )
        .await;
    let request = CreateWriteKeyRequest { source: "shop".to_owned(), revoke_others_after: None };
    let write_key = root.create_write_key(request).await.unwrap().into_inner().key;

    let mut without = AdminServiceClient::new(admin.channel().await);
    let mut told = vec![without.list_sources(ListSourcesRequest::default()).await.unwrap_err()];
    for token in [revoked.as_str(), &expired, &write_key, "sp_wrong"] {
        told.push(admin.client(token).await.list_sources(ListSourcesRequest::default()).await.unwrap_err());
    }
    for status in told {
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(
            status.message(),
            "no valid admin token: send metadata `authorization: Bearer <admin token>`"
        );
    }
}

#[tokio::test]
async fn a_role_may_do_what_it_may_and_no_more() {
    let (admin, _root) = Admin::with_shop().await;
    for role in [Role::Viewer, Role::Operator] {
        let mut client = admin.client_of(role).await;
        assert!(client.list_sources(ListSourcesRequest::default()).await.is_ok());
        let status = client.create_source(CreateSourceRequest { name: "more".to_owned() }).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied);
        assert!(status.message().contains("needs the role admin"), "{}", status.message());
    }
    let mut client = admin.client_of(Role::Admin).await;
    assert!(client.create_source(CreateSourceRequest { name: "more".to_owned() }).await.is_ok());
}

#[tokio::test]
async fn whoever_keeps_guessing_is_refused_unread_and_the_right_token_is_not() {
    let admin = Admin::start().await;
    let mut root = admin.client(ROOT).await;
    root.list_sources(ListSourcesRequest::default()).await.unwrap();
    let mut codes = Vec::new();
    for guess in 0..40 {
        let mut client = admin.client(&format!("sp_guess_{guess}")).await;
        codes.push(client.list_sources(ListSourcesRequest::default()).await.unwrap_err().code());
    }
    assert_eq!(codes.first(), Some(&Code::Unauthenticated));
    assert_eq!(codes.last(), Some(&Code::ResourceExhausted));
    assert!(root.list_sources(ListSourcesRequest::default()).await.is_ok());
}

#[tokio::test]
async fn tokens_are_listed_without_what_they_are() {
    let admin = Admin::start().await;
    let _operator = admin.client_of(Role::Operator).await;
    let mut root = admin.client(ROOT).await;
    let listed = root.list_tokens(ListTokensRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.tokens.len(), 1);
    assert_eq!((listed.tokens[0].name.as_str(), listed.tokens[0].role()), ("role_operator", Role::Operator));
    assert_eq!(listed.tokens[0].prefix.len(), 8);
    let again = CreateTokenRequest { name: "root".to_owned(), ..CreateTokenRequest::default() };
    assert_eq!(crate::setup::fields(&root.create_token(again).await.unwrap_err()), ["name", "role"]);
}

#[tokio::test]
async fn health_and_reflection_need_no_token() {
    let admin = Admin::start().await;
    healthy(admin.channel().await, 1).await;
}
