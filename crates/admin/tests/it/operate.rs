//! Lanes are paused, retried and purged, and secrets sealed anew.

use signalpost_proto::v1::{
    ControlRedriveRequest, CreateRedriveRequest, DeadLetterFilter, GetMappingRequest, GetRedriveRequest,
    ListRedrivesRequest, PauseRequest, PurgeRequest, PurgeWhat, RedriveControl, RedriveState, ResumeRequest,
    RetryNowRequest, Role, RotateSealingKeyRequest,
};
use signalpost_storage::{NewBatch, SealingKeys};
use tonic::Code;

use crate::setup::{Admin, ORDERS, ROOT, SEALING_KEY, fields};

#[tokio::test]
async fn an_operator_pauses_with_a_reason_and_resumes() {
    let (admin, _root) = Admin::with_shop().await;
    let mut client = admin.client_of(Role::Operator).await;
    let without = PauseRequest { mapping: ORDERS.to_owned(), why: String::new() };
    assert_eq!(fields(&client.pause(without).await.unwrap_err()), ["why"]);
    let why = "the receiver is being moved".to_owned();
    client.pause(PauseRequest { mapping: ORDERS.to_owned(), why }).await.unwrap();
    let get = || GetMappingRequest { name: ORDERS.to_owned() };
    let mapping = client.get_mapping(get()).await.unwrap().into_inner().mapping.unwrap();
    assert_eq!((mapping.paused_why.as_str(), mapping.version), ("the receiver is being moved", 1));
    client.resume(ResumeRequest { mapping: ORDERS.to_owned() }).await.unwrap();
    assert_eq!(client.get_mapping(get()).await.unwrap().into_inner().mapping.unwrap().paused_at, None);
    let unknown = ResumeRequest { mapping: "shop/warehouse/none".to_owned() };
    assert_eq!(client.resume(unknown).await.unwrap_err().code(), Code::NotFound);
    let told = "SELECT count(*) FROM signalpost.audit_log WHERE actor = 'token role_operator' AND action LIKE 'lane.%'";
    assert_eq!(admin.count(told).await, 2);
}

#[tokio::test]
async fn a_purge_counts_asks_for_the_name_and_takes_all_of_a_long_lane() {
    let (admin, mut client) = Admin::with_shop().await;
    let mapping_id = admin.orders().await;
    let batch =
        NewBatch { mapping_id, event_count: 1, payload: "[1]".to_owned(), target: None, traces: None };
    admin.storage.queue().enqueue(&vec![batch; 2500], &[]).await.unwrap();
    let purge = |confirm: &str, dry_run: bool| PurgeRequest {
        mapping: ORDERS.to_owned(),
        what: PurgeWhat::Queued.into(),
        confirm: confirm.to_owned(),
        dry_run,
    };
    assert_eq!(client.purge(purge("", true)).await.unwrap().into_inner().events, 2500);
    assert_eq!(fields(&client.purge(purge("orders", false)).await.unwrap_err()), ["confirm"]);
    assert_eq!(client.purge(purge(ORDERS, false)).await.unwrap().into_inner().events, 2500);
    assert_eq!(admin.count("SELECT count(*) FROM signalpost.batches").await, 0);
    let mut operator = admin.client_of(Role::Operator).await;
    assert_eq!(operator.purge(purge(ORDERS, false)).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn retries_become_due_and_dead_letters_are_redriven_by_a_job() {
    let (admin, mut client) = Admin::with_shop().await;
    admin
        .execute(
            "INSERT INTO signalpost.batches (mapping_id, event_count, payload, attempts, due_at)
             SELECT id, 1, '[1]', 3, now() + interval '1h' FROM signalpost.mappings;
             INSERT INTO signalpost.dead_batches (mapping_id, position, event_count, payload, attempts, enqueued_at, reason)
             SELECT id, 7, 2, '[1,2]', 3, now(), 'rejected' FROM signalpost.mappings",
        )
        .await;
    let retried =
        client.retry_now(RetryNowRequest { mapping: ORDERS.to_owned() }).await.unwrap().into_inner();
    assert_eq!(retried.batches, 1);
    let create = |parent: &str, dry_run: bool| CreateRedriveRequest {
        filter: Some(DeadLetterFilter { parent: parent.to_owned(), ..DeadLetterFilter::default() }),
        events_per_second: 5.0,
        dry_run,
    };
    assert_eq!(fields(&client.create_redrive(create("", false)).await.unwrap_err()), ["filter.parent"]);
    assert_eq!(client.create_redrive(create("shop/none", false)).await.unwrap_err().code(), Code::NotFound);
    let dry = client.create_redrive(create("shop", true)).await.unwrap().into_inner().redrive.unwrap();
    assert_eq!((dry.id, dry.events_matched), (0, 2));
    let made = client.create_redrive(create("shop", false)).await.unwrap().into_inner().redrive.unwrap();
    assert_eq!((made.created_by.as_str(), made.state()), ("token root", RedriveState::Running));
    let cancel = ControlRedriveRequest {
        id: made.id,
        control: RedriveControl::Cancel.into(),
        events_per_second: None,
    };
    client.control_redrive(cancel).await.unwrap();
    let got =
        client.get_redrive(GetRedriveRequest { id: made.id }).await.unwrap().into_inner().redrive.unwrap();
    assert_eq!(got.state(), RedriveState::Cancelled);
    let live = ListRedrivesRequest { only_live: true, ..ListRedrivesRequest::default() };
    assert!(client.list_redrives(live).await.unwrap().into_inner().redrives.is_empty());
}

#[tokio::test]
async fn secrets_are_sealed_anew_with_the_first_key_and_open_as_before() {
    let (admin, _root) = Admin::with_shop().await;
    let new = SealingKeys::generate("k2");
    let both = format!("{new},{SEALING_KEY}");
    let later = Admin::beside(&admin, &both).await;
    let mut client = later.client(ROOT).await;
    let first = client.rotate_sealing_key(RotateSealingKeyRequest {}).await.unwrap().into_inner();
    assert_eq!((first.resealed, first.current, first.sealing_key.as_str()), (1, 0, "k2"));
    let second = client.rotate_sealing_key(RotateSealingKeyRequest {}).await.unwrap().into_inner();
    assert_eq!((second.resealed, second.current), (0, 1));
    let keys = SealingKeys::parse(&new).unwrap();
    let destination = admin.storage.catalog().load(&keys).await.unwrap().destinations.remove(0);
    assert_eq!(destination.shared_secret.unwrap().expose(), "hush-shared-secret");
    assert_eq!(admin.count("SELECT version FROM signalpost.destinations").await, 1);
    assert_eq!(
        admin.count("SELECT count(*) FROM signalpost.audit_log WHERE action = 'secret.reseal'").await,
        1
    );
}
