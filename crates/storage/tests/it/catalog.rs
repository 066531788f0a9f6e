//! The catalog: applied, loaded, applied again.

use signalpost_core::{delivery::Delivery, json::Numbers, secret::Secret, signature::SignatureMode};
use signalpost_storage::{
    ApplyError, ChangeKind, Channel, SealingKeys, Secrets, Storage, StorageError, Wanted, WantedDestination,
    WantedMapping, WantedSource,
};

use crate::support::{batch, storage};

fn keys() -> SealingKeys {
    SealingKeys::parse("k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").unwrap()
}

fn mapping(name: &str) -> WantedMapping {
    WantedMapping {
        name: name.to_owned(),
        enabled: true,
        trigger: "type = \"track\"".to_owned(),
        fields: serde_json::json!({ "url": "https://receiver.example/", "method": "POST", "1": "first all the same" }),
    }
}

fn wanted(mappings: &[&str]) -> Wanted {
    let destination = WantedDestination {
        name: "warehouse".to_owned(),
        enabled: true,
        shared_secret: Some(Secret::new("hush")),
        secrets: Secrets::default(),
        signature: SignatureMode::Body,
        numbers: Numbers::Ecmascript,
        delivery: Delivery::default(),
        mappings: mappings.iter().map(|name| mapping(name)).collect(),
    };
    let source = WantedSource {
        name: "shop".to_owned(),
        write_keys: vec![Secret::new("wk_live_1")],
        destinations: vec![destination],
    };
    Wanted { sources: vec![source] }
}

async fn apply(storage: &Storage, wanted: &Wanted) -> Result<Vec<(ChangeKind, String)>, ApplyError> {
    let changes = storage.catalog().apply(wanted, &keys(), false, false).await?;
    Ok(changes.into_iter().map(|change| (change.kind, change.what)).collect())
}

#[tokio::test]
async fn what_is_applied_is_loaded_and_applying_it_again_changes_nothing() {
    let storage = storage().await;
    assert_eq!(apply(&storage, &wanted(&["orders", "people"])).await.unwrap().len(), 4);
    let version = storage.catalog().version().await.unwrap();
    let again = storage.catalog().apply(&wanted(&["orders", "people"]), &keys(), false, false).await.unwrap();
    assert_eq!(again, []);
    assert_eq!(storage.catalog().version().await.unwrap(), version);

    let catalog = storage.catalog().load(&keys()).await.unwrap();
    assert_eq!(catalog.sources[0].write_keys.len(), 1);
    assert_eq!(catalog.destinations[0].shared_secret.as_ref().unwrap().expose(), "hush");
    assert_eq!(catalog.mappings.iter().map(|one| one.position).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(catalog.mappings[0].fields, mapping("orders").fields);
}

#[tokio::test]
async fn a_change_is_told_by_field_and_a_secret_is_never_shown() {
    let storage = storage().await;
    apply(&storage, &wanted(&["orders", "people"])).await.unwrap();
    let mut next = wanted(&["people", "orders"]);
    next.sources[0].destinations[0].shared_secret = Some(Secret::new("new hush"));
    next.sources[0].write_keys = vec![Secret::new("wk_live_2")];
    let changes = storage.catalog().apply(&next, &keys(), false, false).await.unwrap();
    let told = format!("{changes:?}");
    for word in ["write key", "shared_secret", "***", "position"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(!told.contains("hush"), "{told}");
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_keeps_nothing() {
    let storage = storage().await;
    let changes = storage.catalog().apply(&wanted(&["orders"]), &keys(), false, true).await.unwrap();
    assert_eq!(changes.len(), 3);
    assert!(storage.catalog().load(&keys()).await.unwrap().sources.is_empty());
}

#[tokio::test]
async fn a_sixth_mapping_is_refused_by_name_and_by_the_table() {
    let storage = storage().await;
    let error = apply(&storage, &wanted(&["1", "2", "3", "4", "5", "sixth"])).await.unwrap_err().to_string();
    assert!(error.contains("shop/warehouse") && error.contains("sixth"), "{error}");
    apply(&storage, &wanted(&["1", "2", "3", "4", "5"])).await.unwrap();
    let sixth = sqlx::raw_sql(
        "INSERT INTO signalpost.mappings (destination_id, position, name, trigger, fields)
         SELECT id, 6, 'sixth', '', '{}' FROM signalpost.destinations",
    );
    assert!(sixth.execute(storage.pool()).await.is_err());
}

#[tokio::test]
async fn what_is_not_listed_stays_unless_pruned_and_never_goes_while_events_wait() {
    let storage = storage().await;
    apply(&storage, &wanted(&["orders", "people"])).await.unwrap();
    let left = apply(&storage, &wanted(&["orders"])).await.unwrap();
    assert_eq!(left, [(ChangeKind::Unlisted, "mapping shop/warehouse/people".to_owned())]);

    let people = storage.catalog().load(&keys()).await.unwrap().mappings[1].id;
    storage.queue().enqueue(&[batch(people, 3)], &[]).await.unwrap();
    let refused = storage.catalog().apply(&wanted(&["orders"]), &keys(), true, false).await.unwrap_err();
    assert!(refused.to_string().contains("3 events still wait"), "{refused}");
    let page = storage.queue().page(people, 0, 1, false).await.unwrap();
    sqlx::raw_sql("DELETE FROM signalpost.batches").execute(storage.pool()).await.unwrap();
    assert_eq!(page.len(), 1);
    let changes = storage.catalog().apply(&wanted(&["orders"]), &keys(), true, false).await.unwrap();
    assert_eq!(changes[0].kind, ChangeKind::Removed);
}

#[tokio::test]
async fn a_key_that_is_not_listed_any_more_is_revoked_and_may_come_back() {
    let storage = storage().await;
    apply(&storage, &wanted(&[])).await.unwrap();
    let mut without = wanted(&[]);
    without.sources[0].write_keys.clear();
    apply(&storage, &without).await.unwrap();
    assert!(storage.catalog().load(&keys()).await.unwrap().sources[0].write_keys.is_empty());
    apply(&storage, &wanted(&[])).await.unwrap();
    assert_eq!(storage.catalog().load(&keys()).await.unwrap().sources[0].write_keys.len(), 1);
}

#[tokio::test]
async fn a_secret_that_cannot_be_opened_names_its_destination_and_key() {
    let storage = storage().await;
    apply(&storage, &wanted(&[])).await.unwrap();
    let others = SealingKeys::parse(&SealingKeys::generate("k2")).unwrap();
    let error = storage.catalog().load(&others).await.unwrap_err();
    assert!(matches!(&error, StorageError::Sealed { destination, .. } if destination == "shop/warehouse"));
}

#[tokio::test]
async fn without_secrets_everything_else_is_loaded_whatever_sealed_them() {
    let storage = storage().await;
    apply(&storage, &wanted(&["orders"])).await.unwrap();
    let catalog = storage.catalog().load_without_secrets().await.unwrap();
    assert_eq!(catalog.destinations[0].shared_secret, None);
    assert_eq!((catalog.sources[0].write_keys.len(), catalog.mappings.len()), (1, 1));
}

#[tokio::test]
async fn a_change_by_psql_raises_the_version_and_wakes_listeners() {
    let storage = storage().await;
    let wakeups = storage.listen(Channel::Catalog);
    wakeups.next().await; // listening began
    let before = storage.catalog().version().await.unwrap();
    sqlx::raw_sql("INSERT INTO signalpost.sources (name) VALUES ('by hand')")
        .execute(storage.pool())
        .await
        .unwrap();
    wakeups.next().await;
    assert!(storage.catalog().version().await.unwrap() > before);
}

#[tokio::test]
async fn what_a_destination_signs_with_besides_is_sealed_changed_and_removed_like_its_secret() {
    let storage = storage().await;
    let mut next = wanted(&["orders"]);
    apply(&storage, &next).await.unwrap();
    let secrets = Secrets {
        client_key: Some(Secret::new("a private key")),
        previous_shared_secret: Some(Secret::new("hush before")),
        webhook_secret: Some(Secret::new("whsec_new")),
        previous_webhook_secret: None,
    };
    next.sources[0].destinations[0].secrets = secrets.clone();
    let changes = storage.catalog().apply(&next, &keys(), false, false).await.unwrap();
    let told: Vec<_> = changes[0]
        .fields
        .iter()
        .map(|field| (field.name, field.before.as_deref(), field.after.as_deref()))
        .collect();
    let all = ["previous_shared_secret", "webhook_secret", "client_key"];
    assert_eq!(told, all.map(|name| (name, None, Some("***"))));
    assert!(apply(&storage, &next).await.unwrap().is_empty());
    assert_eq!(storage.catalog().load(&keys()).await.unwrap().destinations[0].secrets, secrets);
    assert_eq!(
        storage.catalog().load_without_secrets().await.unwrap().destinations[0].secrets,
        Secrets::default()
    );
    next.sources[0].destinations[0].secrets = Secrets::default();
    let before = storage.catalog().version().await.unwrap();
    assert_eq!(apply(&storage, &next).await.unwrap().len(), 1);
    assert!(storage.catalog().version().await.unwrap() > before);
    assert_eq!(storage.catalog().load(&keys()).await.unwrap().destinations[0].secrets, Secrets::default());
}
