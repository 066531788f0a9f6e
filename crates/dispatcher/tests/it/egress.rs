//! Where requests may go, and what may come back.

use serde_json::json;
use signalpost_testkit::{Answer, eventually, receiver};

use crate::support::Setup;

const LAST_ERROR: &str = "SELECT last_error FROM signalpost.batches";

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_target_is_named() {
    let (receiver, elsewhere) = (receiver().await, receiver().await);
    let location = elsewhere.url("/trap");
    receiver.script(move |_| Answer::status(302).header("location", &location));
    let world = Setup::to(&receiver.url("/"), true).start().await;
    world.queue(0, 0..1).await;
    let dispatcher = world.dispatcher();
    world.empty().await;
    dispatcher.stop().await;
    let error = world.text("SELECT last_error FROM signalpost.dead_batches").await.unwrap();
    assert!(error.contains(&elsewhere.url("/trap")), "{error}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_private_address_is_refused_and_the_error_names_the_setting() {
    let receiver = receiver().await;
    let world = Setup::to(&receiver.url("/"), true).delivery("allow", json!([])).start().await;
    world.queue(0, 0..1).await;
    let dispatcher = world.dispatcher();
    let error = eventually("an error", async || world.text(LAST_ERROR).await).await;
    assert!(error.contains("127.0.0.1 is a loopback address") && error.contains("delivery.allow"), "{error}");
    dispatcher.stop().await;
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_told_apart() {
    for (url, kind) in [("http://127.0.0.1:1/", "connect: "), ("https://no.such.name.invalid/", "dns: ")] {
        let world = Setup::to(url, true).start().await;
        world.queue(0, 0..1).await;
        let dispatcher = world.dispatcher();
        let error = eventually("an error", async || world.text(LAST_ERROR).await).await;
        assert!(error.starts_with(kind), "{error}");
        dispatcher.stop().await;
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_or_resets_is_told_apart() {
    let receiver = receiver().await;
    for (answer, kind) in [(Answer::hang as fn() -> Answer, "timeout: "), (Answer::reset, "reset: ")] {
        receiver.script(move |_| answer());
        let retry = json!({ "base": "10m" });
        let setup = Setup::to(&receiver.url("/"), true).delivery("timeout", "300ms").delivery("retry", retry);
        let world = setup.start().await;
        world.queue(0, 0..1).await;
        let dispatcher = world.dispatcher();
        let error = eventually("an error", async || world.text(LAST_ERROR).await).await;
        assert!(error.starts_with(kind), "{error}");
        dispatcher.stop().await;
    }
}

#[tokio::test]
async fn a_huge_answer_does_not_fail_an_attempt() {
    let receiver = receiver().await;
    receiver.script(|_| Answer::status(200).body(vec![b'x'; 5_000_000]));
    let world = Setup::to(&receiver.url("/"), true).start().await;
    world.queue(0, 0..1).await;
    let dispatcher = world.dispatcher();
    world.empty().await;
    dispatcher.stop().await;
    assert_eq!(receiver.requests().len(), 1);
    let kept = world.text("SELECT length(response)::text FROM signalpost.attempts").await;
    assert_eq!(kept.as_deref(), Some("1024"));
}
