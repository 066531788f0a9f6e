//! Probes say what is wrong, by name; the log is made for programs when asked.

use serde_json::Value;
use signalpost_testkit::postgres::Cluster;
use signalpost_testkit::{Answer, event, eventually, postgres, receiver};

use crate::support::{SECRET, Stand, WRITE_KEY, finished};

#[tokio::test]
async fn readiness_names_everything_that_is_missing_and_life_goes_on() {
    let cluster = Cluster::dedicated().await;
    let (stand, receiver) = (Stand::new(&cluster.database().await.url), receiver().await);
    stand.apply(&[("orders", r#"type = "track""#, &format!("{{ url = '{}' }}", receiver.url("/")))]);
    let mut process = stand.start("serve").await;
    cluster.stop().await;
    eventually("all three are named", async || {
        let answer = process.get("/readyz").await.filter(|answer| answer.starts_with("HTTP/1.1 503"))?;
        ["\ndatabase: ", "\ningest: ", "\ndispatcher: the last heartbeat"]
            .iter()
            .all(|name| answer.contains(name))
            .then_some(())
    })
    .await;
    assert!(process.get("/livez").await.is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
    cluster.start().await;
    process.ready().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_at_the_start_and_suits_who_runs_already() {
    let database = postgres().await;
    let (stand, receiver) = (Stand::new(&database.url), receiver().await);
    stand.apply(&[("orders", r#"type = "track""#, &format!("{{ url = '{}' }}", receiver.url("/")))]);
    let mut process = stand.start("serve").await;
    let pool = sqlx::PgPool::connect(&database.url).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (29990101000000, 'of the next release', true, '\\x00', 1)",
    )
    .execute(&pool)
    .await
    .unwrap();
    process.ready().await;
    finished(stand.send(&[event::order("m-1", 1).json()], &[])).await;
    receiver.wait_for(1).await;
    let mut late = stand.begin("dispatcher");
    let status = eventually("it ends", async || late.ended()).await;
    assert_eq!(status, 69, "{}", late.log());
    assert!(late.log().contains("newer than this build"), "{}", late.log());
    assert!(late.log().contains("29990101000000"), "{}", late.log());
}

#[tokio::test]
async fn an_older_schema_is_waited_for_with_the_command_that_brings_it() {
    let database = postgres().await;
    let pool = sqlx::PgPool::connect(&database.url).await.unwrap();
    sqlx::raw_sql("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)")
        .execute(&pool)
        .await
        .unwrap();
    let stand = Stand::new(&database.url);
    let process = stand.begin("serve");
    eventually("it says so", async || process.log().contains("run `signalpost migrate`").then_some(())).await;
    let answer = process.get("/readyz").await.unwrap();
    assert!(answer.contains("database: the database schema is behind this build by 1"), "{answer}");
}

#[tokio::test]
async fn every_line_of_a_json_log_is_an_object_that_keeps_secrets() {
    let (mut stand, receiver) = (Stand::new(&postgres().await.url), receiver().await);
    stand.variables = vec![
        ("SIGNALPOST_LOG__FORMAT", "json".to_owned()),
        (
            "SIGNALPOST_LOG__LEVEL",
            "info,signalpost=debug,signalpost_ingest=debug,signalpost_dispatcher=debug".to_owned(),
        ),
    ];
    receiver.script(|request| Answer::status(if request.uri.path() == "/bad" { 400 } else { 200 }));
    let fields = |path: &str| format!("{{ url = '{}' }}", receiver.url(path));
    stand.apply(&[
        ("good", r#"type = "track""#, &fields("/good")),
        ("bad", r#"type = "track""#, &fields("/bad")),
    ]);
    let process = stand.start("serve").await;
    finished(stand.send(&[event::order("m-1", 1).json()], &[])).await;
    let wrong = stand.command(&["send", "--write-key", "no-such-key"]).output().unwrap();
    assert!(!wrong.status.success());
    receiver.wait_for(2).await;
    eventually("both attempts are in the log", async || {
        (process.log().matches("\"attempted\"").count() >= 2).then_some(())
    })
    .await;
    let path = process.log_path();
    assert_eq!(process.terminate().await, Some(0));

    let log = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
    }
    let attempts: Vec<&Value> = lines.iter().filter(|line| line["message"] == "attempted").collect();
    for attempt in &attempts {
        let mapping = attempt["mapping"].as_str().unwrap();
        assert!(["shop/receiver/good", "shop/receiver/bad"].contains(&mapping), "{attempt}");
        assert!(
            attempt["batch_id"].is_string() && attempt["attempt"] == 1 && attempt["events"] == 1,
            "{attempt}"
        );
        assert!(attempt["outcome"].is_string() && attempt["status"].is_number(), "{attempt}");
    }
    for secret in [SECRET, WRITE_KEY, "no-such-key", "b25seS1mb3ItdHJ5aW5n"] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}
