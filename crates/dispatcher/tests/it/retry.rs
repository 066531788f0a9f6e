//! What happens to requests that fail.

use std::collections::HashSet;

use serde_json::json;
use signalpost_testkit::{Answer, eventually, receiver};

use crate::support::{Setup, numbers};

#[tokio::test]
async fn a_failed_request_comes_again_with_its_composition_and_id() {
    let receiver = receiver().await;
    receiver.script(|request| {
        Answer::status(if request.header("x-signalpost-attempt") == Some("1") { 500 } else { 200 })
    });
    let world = Setup::to(&receiver.url("/"), true).start().await;
    world.queue(0, 0..2).await;
    world.queue(0, 2..3).await;
    let dispatcher = world.dispatcher();
    let requests = receiver.wait_for(2).await;
    assert_eq!(requests[0].body, requests[1].body);
    let id = |index: usize| requests[index].header("x-signalpost-batch-id");
    assert!(id(0).is_some() && id(0) == id(1));
    assert_eq!(requests[1].header("x-signalpost-attempt"), Some("2"));
    world.empty().await;
    dispatcher.stop().await;
    assert_eq!(world.count("attempts").await, 2);
}

#[tokio::test]
async fn of_single_events_only_those_that_failed_come_again() {
    let receiver = receiver().await;
    receiver.script(|request| {
        let fails =
            numbers(request)[0].is_multiple_of(5) && request.header("x-signalpost-attempt") == Some("1");
        Answer::status(if fails { 500 } else { 200 })
    });
    let world = Setup::to(&receiver.url("/"), false).start().await;
    for row in 0..8 {
        world.queue(0, row * 25..row * 25 + 25).await;
    }
    let dispatcher = world.dispatcher();
    world.empty().await;
    dispatcher.stop().await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 200 + 40);
    let distinct: HashSet<u64> = requests.iter().flat_map(numbers).collect();
    assert_eq!(distinct.len(), 200);
}

#[tokio::test]
async fn what_the_receiver_refuses_is_buried_with_its_answer() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(403).body("no entry"));
    let world = Setup::to(&receiver.url("/"), true).start().await;
    world.queue(0, 0..2).await;
    let dispatcher = world.dispatcher();
    world.empty().await;
    dispatcher.stop().await;
    assert_eq!(receiver.requests().len(), 1);
    let buried = "SELECT concat_ws(' ', reason, status, response, payload) FROM signalpost.dead_batches";
    assert_eq!(world.text(buried).await.unwrap(), r#"rejected 403 no entry [{"n":0},{"n":1}]"#);
}

#[tokio::test]
async fn a_batch_refused_for_one_event_is_halved_until_that_event_stands_alone() {
    let receiver = receiver().await;
    receiver.script(|request| {
        let is_poisoned = numbers(request).contains(&37);
        if is_poisoned { Answer::status(400).body("n must not be 37") } else { Answer::status(200) }
    });
    let world = Setup::to(&receiver.url("/"), true).start().await;
    world.queue(0, 0..100).await;
    let dispatcher = world.dispatcher();
    world.empty().await;
    dispatcher.stop().await;
    let buried = "SELECT concat_ws(' ', event_count, payload, response) FROM signalpost.dead_batches";
    assert_eq!(world.text(buried).await.unwrap(), r#"1 [{"n":37}] n must not be 37"#);
    let requests = receiver.requests();
    assert!(requests.len() <= 1 + 2 * 7, "{}", requests.len());
    let mut delivered: Vec<u64> =
        requests.iter().map(numbers).filter(|batch| !batch.contains(&37)).flatten().collect();
    delivered.sort_unstable();
    assert_eq!(delivered, (0..100).filter(|number| *number != 37).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_fails_too_often_is_buried() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(500));
    let retry = json!({ "base": "5ms", "max_attempts": 3 });
    let world = Setup::to(&receiver.url("/"), true).delivery("retry", retry).start().await;
    world.queue(0, 0..1).await;
    let dispatcher = world.dispatcher();
    world.empty().await;
    dispatcher.stop().await;
    assert_eq!(receiver.requests().len(), 3);
    let buried = "SELECT concat_ws(' ', reason, attempts, last_error) FROM signalpost.dead_batches";
    assert_eq!(world.text(buried).await.unwrap(), "exhausted 3 the receiver answered 500");
}

#[tokio::test]
async fn an_attempt_cut_off_by_abort_costs_nothing() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::hang());
    let world = Setup::to(&receiver.url("/"), false).start().await;
    world.queue(0, 0..5).await;
    let dispatcher = world.dispatcher();
    receiver.wait_for(5).await;
    dispatcher.abort().await;
    assert_eq!(world.count("attempts").await, 0);
    receiver.script(|_| Answer::status(200));
    let dispatcher = world.dispatcher();
    let requests = receiver.wait_for(10).await;
    assert!(requests[5..].iter().all(|request| request.header("x-signalpost-attempt") == Some("1")));
    assert!(
        requests[5..].iter().all(|request| request.header("x-signalpost-maybe-repeated") == Some("true")),
        "it may have arrived"
    );
    eventually("the queue is empty", async || (world.count("batches").await == 0).then_some(())).await;
    dispatcher.stop().await;
}

#[tokio::test]
async fn an_event_that_is_refused_leaves_the_queue_with_those_beside_it_in_its_row() {
    let receiver = receiver().await;
    receiver.script(|request| Answer::status(if numbers(request) == [0] { 403 } else { 200 }));
    let world = Setup::to(&receiver.url("/"), false).start().await;
    world.queue(0, 0..3).await;
    let dispatcher = world.dispatcher();
    world.empty().await;
    dispatcher.stop().await;
    assert_eq!(receiver.requests().len(), 3);
    let buried = "SELECT concat_ws(' ', event_count, payload) FROM signalpost.dead_batches";
    assert_eq!(world.text(buried).await.unwrap(), r#"1 [{"n":0}]"#);
}

#[tokio::test]
async fn an_answer_that_tells_events_apart_settles_each_by_itself() {
    let receiver = receiver().await;
    receiver.script(|request| {
        let entry = |number: u64| match number {
            1 => json!({ "status": 422, "error": "no price" }),
            3 => json!({ "status": 410 }),
            4 | 5 if request.header("x-signalpost-attempt") == Some("1") => json!({ "status": 503 }),
            _ => json!({ "status": 200 }),
        };
        let entries: Vec<_> = numbers(request).into_iter().map(entry).collect();
        Answer::status(207).body(json!({ "results": entries }).to_string())
    });
    let world = Setup::to(&receiver.url("/"), true).start().await;
    world.queue(0, 0..7).await;
    let dispatcher = world.dispatcher();
    world.empty().await;
    dispatcher.stop().await;
    let requests = receiver.requests();
    assert_eq!(requests.iter().map(numbers).collect::<Vec<_>>(), [vec![0, 1, 2, 3, 4, 5, 6], vec![4, 5]]);
    let id = |index: usize| requests[index].header("x-signalpost-batch-id");
    assert_ne!(id(0), id(1), "other events, another id");
    let buried = "SELECT string_agg(concat_ws(' ', status, payload, response), E'\n' ORDER BY position) \
                  FROM signalpost.dead_batches";
    let expected =
        "422 [{\"n\":1}] {\"status\":422,\"error\":\"no price\"}\n410 [{\"n\":3}] {\"status\":410}";
    assert_eq!(world.text(buried).await.unwrap(), expected);
    let log =
        "SELECT string_agg(concat_ws(' ', outcome, error), E'\n' ORDER BY attempt) FROM signalpost.attempts";
    let told = "retryable of 7 events the receiver took 3, refused 2 and asks for 2 again\ndelivered";
    assert_eq!(world.text(log).await.unwrap(), told);
}

#[tokio::test]
async fn an_answer_that_tells_events_apart_is_read_to_its_end_however_many_there_are() {
    let receiver = receiver().await;
    receiver.script(|request| {
        let entry = |number: u64| json!({ "status": if number == 1999 { 400 } else { 201 }, "id": number });
        Answer::status(207)
            .body(json!(numbers(request).into_iter().map(entry).collect::<Vec<_>>()).to_string())
    });
    let world = Setup::to(&receiver.url("/"), true).field("batch_size", 2000).start().await;
    world.queue(0, 0..2000).await;
    let dispatcher = world.dispatcher();
    world.empty().await;
    dispatcher.stop().await;
    assert_eq!(receiver.requests().len(), 1);
    assert_eq!(world.text("SELECT payload FROM signalpost.dead_batches").await.unwrap(), r#"[{"n":1999}]"#);
    assert_eq!(world.text("SELECT length(response)::text FROM signalpost.attempts").await.unwrap(), "1024");
}

#[tokio::test]
async fn an_answer_of_207_that_tells_nothing_means_delivered() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(207).body("[500]"));
    let world = Setup::to(&receiver.url("/"), true).start().await;
    world.queue(0, 0..2).await;
    let dispatcher = world.dispatcher();
    world.empty().await;
    dispatcher.stop().await;
    assert_eq!((receiver.requests().len(), world.count("dead_batches").await), (1, 0));
}
