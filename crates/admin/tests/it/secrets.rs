//! No secret is where it should not be.

use signalpost_proto::v1::{
    CreateTokenRequest, CreateWriteKeyRequest, ListDestinationsRequest, ListSourcesRequest,
    ListTokensRequest, Role, RotateSecretRequest, SecretPurpose,
};

use crate::setup::Admin;

#[tokio::test]
async fn what_is_stored_listed_and_audited_holds_no_secret() {
    let (admin, mut client) = Admin::with_shop().await;
    let request = CreateWriteKeyRequest { source: "shop".to_owned(), revoke_others_after: None };
    let write_key = client.create_write_key(request).await.unwrap().into_inner().key;
    let request = CreateTokenRequest {
        name: "t".to_owned(),
        role: Role::Viewer.into(),
        ..CreateTokenRequest::default()
    };
    let token = client.create_token(request).await.unwrap().into_inner().secret;
    let request = RotateSecretRequest {
        destination: "shop/warehouse".to_owned(),
        purpose: SecretPurpose::WebhookSecret.into(),
        ..RotateSecretRequest::default()
    };
    let webhook_secret = client.rotate_secret(request).await.unwrap().into_inner().secret;
    assert!(webhook_secret.starts_with("whsec_"));

    let mut seen = Vec::new();
    for table in [
        "sources",
        "write_keys",
        "destinations",
        "destination_secrets",
        "mappings",
        "mapping_versions",
        "admin_tokens",
        "audit_log",
    ] {
        let statement = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM signalpost.{table} t");
        let text: String =
            sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(admin.storage.pool()).await.unwrap();
        seen.push(text);
    }
    let statements: String =
        sqlx::query_scalar("SELECT coalesce(string_agg(query, ' '), '') FROM pg_stat_activity")
            .fetch_one(admin.storage.pool())
            .await
            .unwrap();
    seen.push(statements);
    seen.push(format!("{:?}", client.list_sources(ListSourcesRequest::default()).await.unwrap()));
    seen.push(format!("{:?}", client.list_destinations(ListDestinationsRequest::default()).await.unwrap()));
    seen.push(format!("{:?}", client.list_tokens(ListTokensRequest::default()).await.unwrap()));
    let seen = seen.join(" ");
    assert!(seen.contains("shop"));
    for secret in ["hush-shared-secret", &write_key, &token, &webhook_secret] {
        let hex = hex(secret);
        assert!(
            !seen.contains(secret) && !seen.contains(&hex),
            "a secret of {} characters is seen",
            secret.len()
        );
    }
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
