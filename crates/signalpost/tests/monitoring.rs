//! What is made for Prometheus and Grafana holds against real ones: rules by promtool, every query by a Prometheus that
//! scrapes a real process, every runbook in the page it names.
//!
//! Prometheus is Debian's: where it is not installed it is unpacked under the target folder, and no service is started.

#[path = "e2e/support.rs"]
#[expect(
    dead_code,
    reason = "the processes are those of the end-to-end tests, and not all of it is needed here"
)]
mod support;

#[path = "monitoring/prometheus.rs"]
mod prometheus;
#[path = "monitoring/queries.rs"]
mod queries;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use signalpost_testkit::{Answer, PATIENCE, event, postgres, receiver};
use tokio::time::sleep;

use crate::prometheus::{Binaries, Prometheus};
use crate::support::{Stand, finished};

fn deploy(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)
}

#[tokio::test]
async fn every_alert_fires_when_its_test_says_so_and_has_a_test() {
    let output = Command::new(Binaries::find().await.promtool)
        .args(["test", "rules"])
        .arg(deploy("prometheus/alerts.test.yml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", support::text(&output));
    let tests = std::fs::read_to_string(deploy("prometheus/alerts.test.yml")).unwrap();
    for alert in queries::alerts() {
        assert!(tests.contains(&format!("alertname=\"{}\"", alert.name)), "{} has no test", alert.name);
    }
}

#[tokio::test]
async fn compose_scrapes_and_evaluates_what_is_there() {
    // Names inside the container, as docker-compose.yml mounts them.
    let text = std::fs::read_to_string(deploy("prometheus/prometheus.yml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let rules = deploy("prometheus/alerts.yml").canonicalize().unwrap();
    let text = text.replace("/etc/prometheus/alerts.yml", rules.to_str().unwrap());
    assert!(text.contains(rules.to_str().unwrap()), "alerts.yml is loaded: {text}");
    std::fs::write(&config, text).unwrap();
    let output =
        Command::new(Binaries::find().await.promtool).args(["check", "config"]).arg(config).output().unwrap();
    assert!(output.status.success(), "{}", support::text(&output));
}

#[test]
fn every_alert_names_an_entry_of_the_operations_page() {
    let page = std::fs::read_to_string(deploy("../docs/operations.md")).unwrap();
    for alert in queries::alerts() {
        let anchor = alert.runbook.strip_prefix("docs/operations.md#").expect("the page of operations");
        assert_eq!(anchor, alert.name.to_lowercase());
        let heading = format!("\n### {}\n", alert.name);
        assert!(page.contains(&heading), "docs/operations.md has no entry {}", alert.name);
    }
}

#[tokio::test]
async fn every_statement_of_the_operations_page_runs() {
    let page = std::fs::read_to_string(deploy("../docs/operations.md")).unwrap();
    let statements: Vec<&str> =
        page.split("`sql: ").skip(1).filter_map(|rest| Some(rest.split_once('`')?.0)).collect();
    assert!(statements.len() > 5, "{statements:?}");
    let pool = sqlx::PgPool::connect(&postgres().await.url).await.unwrap();
    for statement in statements {
        let ran = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&pool).await;
        assert!(ran.is_ok(), "{statement}: {ran:?}");
    }
}

#[test]
fn every_metric_that_is_asked_for_exists() {
    let page = std::fs::read_to_string(deploy("../docs/metrics.md")).unwrap();
    let known = queries::known(&page);
    let asked: Vec<String> = queries::dashboard()
        .into_iter()
        .chain(queries::alerts().into_iter().map(|alert| alert.expression))
        .flat_map(|query| queries::metrics(&query))
        .collect();
    assert!(asked.len() > 50, "{asked:?}");
    for metric in asked {
        assert!(known.contains(&metric), "{metric} is no metric of docs/metrics.md");
    }
}

#[tokio::test]
async fn every_query_has_an_answer_while_events_come_and_fail() {
    let (mut stand, receiver) = (Stand::new(&postgres().await.url), receiver().await);
    stand.delivery = "retry = { base = '100ms', cap = '1s' },";
    receiver.script(|request| Answer::status(if request.uri.path() == "/good" { 200 } else { 503 }));
    let fields = |path: &str| format!("{{ url = '{}' }}", receiver.url(path));
    let trigger = r#"type = "track""#;
    stand.apply(&[("good", trigger, &fields("/good")), ("bad", trigger, &fields("/bad"))]);
    let process = stand.start("serve").await;
    let prometheus = Prometheus::start(process.http, &deploy("prometheus/alerts.yml")).await;
    let mut unanswered = queries::dashboard();
    assert!(unanswered.len() > 40, "{unanswered:?}");
    let deadline = Instant::now() + PATIENCE * 3;
    for number in 0.. {
        assert!(Instant::now() < deadline, "no answer to {unanswered:#?}");
        finished(stand.send(&[event::order(&format!("m-{number}"), 1).json()], &[])).await;
        let mut left = Vec::new();
        for query in unanswered {
            if prometheus.ask(&query).await == 0 {
                left.push(query);
            }
        }
        unanswered = left;
        if unanswered.is_empty() {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
    for alert in queries::alerts() {
        prometheus.ask(&alert.expression).await;
    }
    prometheus.rules_are_healthy().await;
}
