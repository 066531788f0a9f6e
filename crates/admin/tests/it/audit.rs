//! Every change is recorded, whoever makes it and however.

use signalpost_proto::v1::{DeleteSourceRequest, UpdateMappingRequest};

use crate::setup::{Admin, ORDERS};

async fn told(admin: &Admin) -> Vec<(String, String, String)> {
    sqlx::query_as("SELECT actor, action, subject FROM signalpost.audit_log ORDER BY id")
        .fetch_all(admin.storage.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_change_is_told_with_who_made_it_and_a_removal_with_all_that_went() {
    let (admin, mut client) = Admin::with_shop().await;
    let change = UpdateMappingRequest {
        name: ORDERS.to_owned(),
        new_name: Some("sales".to_owned()),
        ..UpdateMappingRequest::default()
    };
    client.update_mapping(change).await.unwrap();
    admin.execute("UPDATE signalpost.mappings SET paused_at = now(), paused_why = 'by hand'").await;
    client.delete_source(DeleteSourceRequest { name: "shop".to_owned() }).await.unwrap();
    let told = told(&admin).await;
    let told: Vec<_> = told.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!(
        told,
        [
            ("token root", "source.create", "source shop"),
            ("token root", "destination.create", "destination shop/warehouse"),
            ("token root", "mapping.create", "mapping shop/warehouse/orders"),
            ("token root", "mapping.update", "mapping shop/warehouse/sales"),
            ("database user postgres", "lane.pause", "mapping shop/warehouse/sales"),
            ("token root", "mapping.delete", "mapping shop/warehouse/sales"),
            ("token root", "destination.delete", "destination shop/warehouse"),
            ("token root", "source.delete", "source shop"),
        ]
    );
}
