//! Looking: lanes, attempts, dead letters, rejected events, the audit log; page by page and as it happens.

use std::time::Duration;

use signalpost_proto::v1::{
    AttemptOutcome, BuryReason, DeadLetterFilter, ListAttemptsRequest, ListAuditRequest,
    ListDeadLettersRequest, ListLanesRequest, ListRejectedEventsRequest, WatchAttemptsRequest,
};
use signalpost_testkit::PATIENCE;
use tonic::Code;

use crate::setup::{Admin, ORDERS};

/// Attempts, one a second back from now, every third one failed.
async fn attempts(admin: &Admin) {
    admin
        .execute(
            "INSERT INTO signalpost.attempts (mapping_id, started_at, batch_id, attempt, outcome, status, event_count,
                                              body_bytes, latency_ms)
             SELECT m.id, now() - interval '1 minute' - n * interval '1 second', gen_random_uuid(), 1,
                    CASE WHEN n % 3 = 0 THEN 'retryable' ELSE 'delivered' END, 200, 1, 10, 12.5
             FROM signalpost.mappings m, generate_series(1, 30) AS n",
        )
        .await;
}

#[tokio::test]
async fn attempts_are_paged_newest_first_and_new_ones_move_nothing() {
    let (admin, mut client) = Admin::with_shop().await;
    attempts(&admin).await;
    let mut request = ListAttemptsRequest { page_size: 12, ..ListAttemptsRequest::default() };
    let mut seen = Vec::new();
    loop {
        let page = client.list_attempts(request.clone()).await.unwrap().into_inner();
        seen.extend(page.attempts);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
        admin
            .execute(
                "INSERT INTO signalpost.attempts (mapping_id, started_at, batch_id, attempt, outcome, event_count,
                                                  body_bytes, latency_ms)
                 SELECT id, now(), gen_random_uuid(), 1, 'delivered', 1, 1, 1 FROM signalpost.mappings",
            )
            .await;
    }
    assert_eq!(seen.len(), 30);
    assert!(seen.is_sorted_by_key(|one| std::cmp::Reverse(one.started_at.unwrap().seconds)));
    assert_eq!(seen[0].mapping, ORDERS);
    let failures = ListAttemptsRequest {
        parent: "shop/warehouse".to_owned(),
        only_failures: true,
        ..ListAttemptsRequest::default()
    };
    let failures = client.list_attempts(failures).await.unwrap().into_inner().attempts;
    assert_eq!((failures.len(), failures[0].outcome()), (10, AttemptOutcome::Retryable));
    let of_batch =
        ListAttemptsRequest { batch_id: failures[3].batch_id.clone(), ..ListAttemptsRequest::default() };
    assert_eq!(client.list_attempts(of_batch).await.unwrap().into_inner().attempts.len(), 1);
    let unknown = ListAttemptsRequest { parent: "shop/none".to_owned(), ..ListAttemptsRequest::default() };
    assert_eq!(client.list_attempts(unknown).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn whoever_watches_is_told_each_attempt_once_and_nothing_of_before() {
    let (admin, mut client) = Admin::with_shop().await;
    attempts(&admin).await;
    let mut stream = client.watch_attempts(WatchAttemptsRequest::default()).await.unwrap().into_inner();
    for number in [7, 8] {
        let statement = "INSERT INTO signalpost.attempts (mapping_id, started_at, batch_id, attempt, outcome, event_count,
                                                          body_bytes, latency_ms)
                         SELECT id, now() - interval '1 second', gen_random_uuid(), $1, 'delivered', 1, 1, 900
                         FROM signalpost.mappings RETURNING attempt";
        let inserted: i32 =
            sqlx::query_scalar(statement).bind(number).fetch_one(admin.storage.pool()).await.unwrap();
        assert_eq!(inserted, number);
        let told = tokio::time::timeout(PATIENCE, stream.message()).await.unwrap().unwrap().unwrap();
        assert_eq!(
            told.attempts.iter().map(|one| one.attempt).collect::<Vec<_>>(),
            [u32::try_from(number).unwrap()]
        );
    }
}

#[tokio::test]
async fn dead_letters_and_rejected_events_are_listed_by_what_they_are() {
    let (admin, mut client) = Admin::with_shop().await;
    admin
        .execute(
            "INSERT INTO signalpost.dead_batches (mapping_id, position, event_count, payload, attempts, enqueued_at, reason,
                                                  buried_at, batch_id)
             SELECT m.id, n, 2, '[' || n || ',2]', 3, now(), CASE WHEN n = 2 THEN 'expired' ELSE 'rejected' END,
                    now() - n * interval '1 minute', gen_random_uuid()
             FROM signalpost.mappings m, generate_series(1, 5) AS n;
             INSERT INTO signalpost.rejected_events (mapping_id, message_id, path, reason, event)
             SELECT m.id, 'm-' || n, '/data', 'why', '{\"n\":' || n || '}' FROM signalpost.mappings m, generate_series(1, 5) AS n",
        )
        .await;
    let list = |filter: DeadLetterFilter, page_token: &str| ListDeadLettersRequest {
        filter: Some(filter),
        with_payload: true,
        page_size: 3,
        page_token: page_token.to_owned(),
    };
    let first = client.list_dead_letters(list(DeadLetterFilter::default(), "")).await.unwrap().into_inner();
    let positions = |letters: &[signalpost_proto::v1::DeadLetter]| {
        letters.iter().map(|one| one.position).collect::<Vec<_>>()
    };
    assert_eq!(positions(&first.dead_letters), [1, 2, 3]);
    assert_eq!(first.dead_letters[0].payload, "[1,2]");
    let rest = client.list_dead_letters(list(DeadLetterFilter::default(), &first.next_page_token)).await;
    let rest = rest.unwrap().into_inner();
    assert_eq!((positions(&rest.dead_letters), rest.next_page_token), (vec![4, 5], String::new()));
    let expired = DeadLetterFilter {
        parent: ORDERS.to_owned(),
        reason: BuryReason::Expired.into(),
        ..DeadLetterFilter::default()
    };
    let expired = client.list_dead_letters(list(expired, "")).await.unwrap().into_inner();
    assert_eq!(positions(&expired.dead_letters), [2]);

    let request = ListRejectedEventsRequest { page_size: 4, ..ListRejectedEventsRequest::default() };
    let rejected = client.list_rejected_events(request).await.unwrap().into_inner();
    let ids: Vec<_> = rejected.rejected_events.iter().map(|one| one.message_id.as_str()).collect();
    assert_eq!(
        (ids.as_slice(), rejected.next_page_token.is_empty()),
        (["m-5", "m-4", "m-3", "m-2"].as_slice(), false)
    );
}

#[tokio::test]
async fn a_lane_says_how_much_waits_and_the_audit_log_who_did_what() {
    let (admin, mut client) = Admin::with_shop().await;
    admin.queue(3, "[1,2,3]").await;
    let lanes =
        client.list_lanes(ListLanesRequest { only_troubled: true, ..ListLanesRequest::default() }).await;
    let lanes = lanes.unwrap().into_inner().lanes;
    assert_eq!(
        (lanes[0].mapping.as_str(), lanes[0].events, lanes[0].state.as_str()),
        (ORDERS, 3, "no dispatcher")
    );
    assert!(lanes[0].oldest_age.is_some());
    let unknown = ListLanesRequest { parent: "other".to_owned(), ..ListLanesRequest::default() };
    assert_eq!(client.list_lanes(unknown).await.unwrap_err().code(), Code::NotFound);

    let request = ListAuditRequest { parent: "shop/warehouse".to_owned(), ..ListAuditRequest::default() };
    let entries = client.list_audit(request).await.unwrap().into_inner().entries;
    let told: Vec<_> = entries.iter().map(|one| (one.action.as_str(), one.actor.as_str())).collect();
    assert_eq!(told, [("mapping.create", "token root"), ("destination.create", "token root")]);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_and_says_what_to_do() {
    let (admin, _root) = Admin::with_shop().await;
    let slow = Duration::from_millis(100);
    let storage = admin.storage.for_operators(1, slow);
    let ended = sqlx::raw_sql("SELECT pg_sleep(5)").execute(storage.pool()).await.unwrap_err();
    assert_eq!(ended.as_database_error().unwrap().code().unwrap(), "57014");
    assert!(signalpost_storage::StorageError::from(ended).is_timeout());
}
