//! No secret is where it should not be.

use signalpost_admin::Config;
use signalpost_proto::v1::{
    CreateTokenRequest, CreateWriteKeyRequest, ListAuditRequest, ListDestinationsRequest, ListSourcesRequest,
    ListTokensRequest, Role, RotateSealingKeyRequest, RotateSecretRequest, SecretPurpose,
};
use signalpost_testkit::postgres::Cluster;

use crate::setup::{Admin, Client, ROOT, SEALING_KEY, shop};

/// Makes one secret of each kind, and tells them.
async fn make(client: &mut Client) -> Vec<String> {
    let request = CreateWriteKeyRequest { source: "shop".to_owned(), revoke_others_after: None };
    let write_key = client.create_write_key(request).await.unwrap().into_inner().key;
    let request = CreateTokenRequest {
        name: "t".to_owned(),
        role: Role::Viewer.into(),
        ..CreateTokenRequest::default()
    };
    let token = client.create_token(request).await.unwrap().into_inner().secret;
    let rotate = |purpose: SecretPurpose, secret: &str| RotateSecretRequest {
        destination: "shop/warehouse".to_owned(),
        purpose: purpose.into(),
        secret: secret.to_owned(),
        finish: false,
    };
    let webhook = client.rotate_secret(rotate(SecretPurpose::WebhookSecret, "")).await.unwrap().into_inner();
    assert!(webhook.secret.starts_with("whsec_"));
    client.rotate_secret(rotate(SecretPurpose::SharedSecret, "hush-second-secret")).await.unwrap();
    client.rotate_sealing_key(RotateSealingKeyRequest {}).await.unwrap();
    let known = ["hush-shared-secret", "hush-second-secret", ROOT];
    known.into_iter().map(str::to_owned).chain([write_key, token, webhook.secret]).collect()
}

fn holds_none(text: &str, secrets: &[String]) {
    for secret in secrets {
        let hex = secret.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let is_seen = text.contains(secret) || text.contains(&hex);
        assert!(!is_seen, "the secret that begins with {secret:.4} is seen");
    }
}

#[tokio::test]
async fn what_is_stored_listed_and_audited_holds_no_secret() {
    let (admin, mut client) = Admin::with_shop().await;
    let secrets = make(&mut client).await;
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
        let statement = sqlx::query_scalar(sqlx::AssertSqlSafe(statement));
        seen.push(statement.fetch_one(admin.storage.pool()).await.unwrap());
    }
    seen.push(format!("{:?}", client.list_sources(ListSourcesRequest::default()).await.unwrap()));
    seen.push(format!("{:?}", client.list_destinations(ListDestinationsRequest::default()).await.unwrap()));
    seen.push(format!("{:?}", client.list_tokens(ListTokensRequest::default()).await.unwrap()));
    seen.push(format!("{:?}", client.list_audit(ListAuditRequest::default()).await.unwrap()));
    let seen = seen.join(" ");
    assert!(seen.contains("shop") && seen.contains("secret.set"));
    holds_none(&seen, &secrets);
}

#[tokio::test]
async fn not_even_a_database_that_logs_every_statement_with_its_values_sees_a_secret() {
    let cluster = Cluster::dedicated().await;
    let url = cluster.database().await.url;
    let first = Admin::at(url.clone(), Config::default(), SEALING_KEY).await;
    first.execute("ALTER SYSTEM SET logging_collector = on").await;
    first.execute("ALTER SYSTEM SET log_statement = 'all'").await;
    drop(first);
    cluster.stop().await;
    cluster.start().await;
    let admin = Admin::at(url, Config::default(), SEALING_KEY).await;
    let mut client = admin.client(ROOT).await;
    shop(&mut client, "https://receiver.example/").await;
    let secrets = make(&mut client).await;
    let log: String = sqlx::query_scalar("SELECT pg_read_file(pg_current_logfile())")
        .fetch_one(admin.storage.pool())
        .await
        .unwrap();
    assert!(
        log.contains("INSERT INTO signalpost.admin_tokens") && log.contains("arameters: $1"),
        "{log:.2000}"
    );
    holds_none(&log, &secrets);
}
