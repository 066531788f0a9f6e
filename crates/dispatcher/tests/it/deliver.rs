//! What arrives, and how it is put together.

use std::time::Duration;

use serde_json::json;
use signalpost_core::secret::Secret;
use signalpost_core::signature::{SignatureMode, Signer};
use signalpost_testkit::{Answer, receiver};

use crate::support::{SECRET, Setup, mapping, numbers};

#[tokio::test]
async fn a_batch_arrives_signed_over_its_exact_bytes() {
    let receiver = receiver().await;
    let world = Setup::to(&receiver.url("/hook?a=b"), true)
        .field("headers", json!({ "X-Team": "blue" }))
        .start()
        .await;
    let dispatcher = world.dispatcher();
    world.queue(0, 0..3).await;
    let request = receiver.wait_for(1).await.remove(0);
    assert_eq!(request.body, r#"[{"n":0},{"n":1},{"n":2}]"#);
    assert_eq!(request.uri, "/hook?a=b");
    assert!(Signer::new(&Secret::new(SECRET)).verify(&request.body, request.header("x-signature").unwrap()));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("x-team"), Some("blue"));
    assert_eq!(request.header("x-signalpost-attempt"), Some("1"));
    assert_eq!(request.header("x-signalpost-maybe-repeated"), None);
    world.empty().await;
    dispatcher.stop().await;
    assert_eq!(world.count("attempts").await, 1);
}

#[tokio::test]
async fn first_event_signs_the_first_event_alone() {
    let receiver = receiver().await;
    let setup = Setup { signature: SignatureMode::FirstEvent, ..Setup::to(&receiver.url("/"), true) };
    let world = setup.start().await;
    let dispatcher = world.dispatcher();
    world.queue(0, 7..9).await;
    let request = receiver.wait_for(1).await.remove(0);
    assert!(Signer::new(&Secret::new(SECRET)).verify(br#"{"n":7}"#, request.header("x-signature").unwrap()));
    dispatcher.stop().await;
}

#[tokio::test]
async fn without_batching_every_event_is_a_request_of_its_own() {
    let receiver = receiver().await;
    let world = Setup::to(&receiver.url("/"), false).start().await;
    world.queue(0, 0..25).await;
    world.queue_text(0, 1, "[null]".to_owned(), None).await;
    let dispatcher = world.dispatcher();
    let requests = receiver.wait_for(26).await;
    let mut bodies: Vec<_> = requests
        .iter()
        .filter(|one| !one.body.is_empty())
        .map(|one| one.json()["n"].as_u64().unwrap())
        .collect();
    bodies.sort_unstable();
    assert_eq!(bodies, (0..25).collect::<Vec<_>>());
    let empty = requests.iter().find(|request| request.body.is_empty()).unwrap();
    assert_eq!((empty.header("content-type"), empty.header("x-signature")), (None, None));
    world.empty().await;
    dispatcher.stop().await;
}

#[tokio::test]
async fn rows_are_joined_up_to_the_batch_size() {
    let receiver = receiver().await;
    let world = Setup::to(&receiver.url("/"), true).field("batch_size", 10).start().await;
    for row in 0..8 {
        world.queue(0, row * 3..row * 3 + 3).await;
    }
    world.queue(0, 24..50).await;
    let dispatcher = world.dispatcher();
    world.empty().await;
    let requests = receiver.requests();
    let mut all: Vec<u64> = requests.iter().flat_map(numbers).collect();
    all.sort_unstable();
    assert_eq!(all, (0..50).collect::<Vec<_>>());
    let sizes: Vec<usize> = requests.iter().map(|request| request.events().len()).collect();
    assert!(sizes.iter().all(|size| *size <= 10) && sizes.len() <= 7, "{sizes:?}");
    dispatcher.stop().await;
}

#[tokio::test]
async fn events_go_where_their_own_target_says() {
    let receiver = receiver().await;
    let url = json!({ "@template": "{{properties.url}}" });
    let world = Setup::to("http://127.0.0.1:1/", true).field("url", url).start().await;
    for path in ["/a", "/b", "/a"] {
        let target = json!({ "url": receiver.url(path), "method": "PUT", "headers": { "x-path": path } });
        world.queue_text(0, 1, "[{\"n\":1}]".to_owned(), Some(target.to_string())).await;
    }
    let dispatcher = world.dispatcher();
    let requests = receiver.wait_for(2).await;
    let mut seen: Vec<_> = requests
        .iter()
        .map(|one| (one.uri.path().to_owned(), one.events().len(), one.method.to_string()))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [("/a".to_owned(), 2, "PUT".to_owned()), ("/b".to_owned(), 1, "PUT".to_owned())]);
    assert!(requests.iter().all(|one| one.header("x-path") == Some(one.uri.path())));
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_does_not_delay_another() {
    let (hangs, works) = (receiver().await, receiver().await);
    hangs.script(|_| Answer::hang());
    let setup = Setup::to(&hangs.url("/"), false).and(mapping(&works.url("/"), false));
    let world = setup.start().await;
    for row in 0..10 {
        world.queue(0, row * 25..row * 25 + 25).await;
    }
    let dispatcher = world.dispatcher();
    hangs.wait_for(8).await;
    let started = std::time::Instant::now();
    for row in 0..10 {
        world.queue(1, row * 25..row * 25 + 25).await;
    }
    works.wait_for(250).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(hangs.requests().len(), 8, "never more at a time than allowed");
    dispatcher.abort().await;
}

#[tokio::test]
async fn an_ordered_lane_arrives_in_order_over_failures() {
    let receiver = receiver().await;
    receiver.script(|request| {
        let fails = numbers(request)[0] % 7 == 3 && request.header("x-signalpost-attempt") == Some("1");
        Answer::status(if fails { 503 } else { 200 })
    });
    let world = Setup::to(&receiver.url("/"), false).delivery("ordered", true).start().await;
    world.queue(0, 0..25).await;
    let dispatcher = world.dispatcher();
    world.queue(0, 25..40).await;
    world.empty().await;
    let delivered: Vec<u64> = receiver
        .requests()
        .iter()
        .map(|one| (numbers(one)[0], one.header("x-signalpost-attempt") == Some("1")))
        .filter(|(number, is_first)| !(number % 7 == 3 && *is_first))
        .map(|(number, _)| number)
        .collect();
    assert_eq!(delivered, (0..40).collect::<Vec<_>>());
    dispatcher.stop().await;
}

#[tokio::test]
async fn stopping_finishes_what_is_under_way_and_leaves_the_rest_queued() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(200).after(Duration::from_millis(200)));
    let world = Setup::to(&receiver.url("/"), false).delivery("max_concurrency", 4).start().await;
    world.queue(0, 0..25).await;
    let dispatcher = world.dispatcher();
    receiver.wait_for(6).await;
    dispatcher.stop().await;
    let sent = receiver.requests().len();
    assert!(sent < 25);
    let dispatcher = world.dispatcher();
    world.empty().await;
    let mut all: Vec<u64> = receiver.requests().iter().flat_map(numbers).collect();
    all.sort_unstable();
    assert_eq!(all, (0..25).collect::<Vec<_>>(), "each exactly once");
    dispatcher.stop().await;
}
