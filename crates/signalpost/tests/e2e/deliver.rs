//! What is sent arrives; what is changed is taken up; what fails stays in its lane.

use signalpost_testkit::postgres::Cluster;
use signalpost_testkit::{Answer, event, eventually, postgres, receiver};

use crate::support::{Stand, finished};

#[tokio::test]
async fn one_failing_mapping_does_not_touch_the_other() {
    let (stand, receiver) = (Stand::new(&postgres().await.url), receiver().await);
    receiver.script(|request| Answer::status(if request.uri.path() == "/bad" { 500 } else { 200 }));
    let to =
        |path: &str| format!("{{ url = '{}', enable_batching = true, batch_size = 10 }}", receiver.url(path));
    let trigger = r#"type = "track""#;
    stand.apply(&[("bad", trigger, &to("/bad")), ("good", trigger, &to("/good"))]);
    let _process = stand.start("serve").await;
    let events: Vec<String> = event::orders("m", 200).map(|event| event.json()).collect();
    let said = finished(stand.send(&events, &[])).await;
    assert!(
        said.contains("200 accepted, 0 refused; 0 wanted by no mapping, 400 deliveries queued"),
        "{said}"
    );
    eventually("all 200 at the good one", async || {
        let good = receiver.requests().into_iter().filter(|request| request.uri.path() == "/good");
        (good.flat_map(|request| request.events()).count() >= 200).then_some(())
    })
    .await;
    assert!(receiver.requests().iter().any(|request| request.uri.path() == "/bad"));
}

#[tokio::test]
async fn a_changed_configuration_is_taken_up_without_a_restart() {
    let (stand, receiver) = (Stand::new(&postgres().await.url), receiver().await);
    let fields = |path: &str| format!("{{ url = '{}' }}", receiver.url(path));
    stand.apply(&[("orders", r#"event = "Other""#, &fields("/before"))]);
    let _process = stand.start("serve").await;
    let order = [event::order("m-1", 1).json()];
    let said = finished(stand.send(&order, &[])).await;
    assert!(said.contains("1 wanted by no mapping"), "{said}");
    let changed = stand.apply(&[("orders", r#"type = "track""#, &fields("/after"))]);
    assert!(changed.contains("~ mapping shop/receiver/orders"), "{changed}");
    let again = stand.apply(&[("orders", r#"type = "track""#, &fields("/after"))]);
    assert!(again.contains("nothing to change"), "{again}");
    eventually("the change is taken up", async || {
        finished(stand.send(&order, &[])).await.contains("1 deliveries queued").then_some(())
    })
    .await;
    assert_eq!(receiver.wait_for(1).await[0].uri.path(), "/after");
}

#[tokio::test]
async fn a_process_that_starts_before_postgres_waits_and_says_so() {
    let cluster = Cluster::dedicated().await;
    let (stand, receiver) = (Stand::new(&cluster.database().await.url), receiver().await);
    stand.apply(&[("orders", r#"type = "track""#, &format!("{{ url = '{}' }}", receiver.url("/")))]);
    cluster.stop().await;
    let mut process = stand.begin("serve");
    eventually("it says that it waits", async || {
        process.log().contains("waiting for the database").then_some(())
    })
    .await;
    assert!(process.get("/livez").await.is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
    assert!(process.get("/readyz").await.is_some_and(|answer| answer.starts_with("HTTP/1.1 503")));
    cluster.start().await;
    process.ready().await;
    finished(stand.send(&[event::order("m-1", 1).json()], &[])).await;
    receiver.wait_for(1).await;
    assert!(
        process.get("/metrics").await.is_some_and(|answer| answer.contains("signalpost_ingest_events_total"))
    );
    assert_eq!(process.terminate().await, Some(0));
}

#[tokio::test]
async fn refused_events_are_told_by_line_and_make_the_status() {
    let (stand, receiver) = (Stand::new(&postgres().await.url), receiver().await);
    stand.apply(&[("orders", r#"type = "track""#, &format!("{{ url = '{}' }}", receiver.url("/")))]);
    let _process = stand.start("serve").await;
    let events =
        [event::order("m-1", 1).json(), r#"{"type":"track","userId":"u"}"#.to_owned(), "nonsense".to_owned()];
    let output = stand.send(&events, &[]).wait_with_output().unwrap();
    let said = crate::support::text(&output);
    assert_eq!(output.status.code(), Some(65), "{said}");
    assert!(said.contains("1 accepted, 2 refused"), "{said}");
    assert!(said.contains(".ndjson:2: refused: event: ") && said.contains(".ndjson:3: refused: "), "{said}");
}
