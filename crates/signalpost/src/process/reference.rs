//! Reference: `docs/metrics.md` lists what the registries hold. `SIGNALPOST_BLESS=1 cargo test -p signalpost reference`
//! writes the page anew.

use std::fmt::Write;
use std::path::PathBuf;

use super::*;

const HEAD: &str = "# Metrics\n\n\
<!-- Generated from the registries by a test: SIGNALPOST_BLESS=1 cargo test -p signalpost reference -->\n\n\
`/metrics` of every process, in the OpenMetrics text format: of `serve` all of them, of `ingest` and `dispatcher` their own and\n\
what every process has. A histogram is `…_bucket`, `…_sum` and `…_count`. Labels are bounded: by the program, and then shown\n\
at 0 from the start, so that the first of anything counts as a rise; or `mapping` (`source/destination/mapping`), of which\n\
gauges show the 500 with most to do, and counters those that anything happened to. Nothing here is counted by reading the queue\n\
for it: depths are the estimate by which ingest refuses what is too much, ages cost one look a mapping every 15 seconds.\n\n\
Alert rules for [Prometheus](../deploy/prometheus/alerts.yml) and a [dashboard](../deploy/grafana/dashboards/signalpost.json)\n\
for Grafana use them; what to do about each alert stands in [operations](operations.md).\n\n\
| metric | kind | |\n| --- | --- | --- |\n";

/// Name, kind and help of everything that a process with all parts shows.
fn listed() -> Vec<(String, String, String)> {
    let mut registry = Registry::default();
    let parts = show(Role::Both, &mut registry);
    parts.ingest.iter().for_each(signalpost_ingest::Metrics::exemplify);
    parts.dispatcher.iter().for_each(signalpost_dispatcher::Metrics::exemplify);
    parts.admin.iter().for_each(signalpost_admin::Metrics::exemplify);
    let mut encoded = String::new();
    prometheus_client::encoding::text::encode(&mut encoded, &registry).expect("text takes everything");
    let mut helps = encoded.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
    let kinds = encoded.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let entry = |(name, kind): (&str, &str)| {
        let (of, help) = helps.next().expect("a help for each");
        assert_eq!(of, name);
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        (name, kind.to_owned(), help.trim_end_matches('.').to_owned())
    };
    kinds.map(entry).collect()
}

#[test]
fn the_page_of_metrics_is_fresh() {
    let mut page = HEAD.to_owned();
    for (name, kind, help) in listed() {
        let _ = writeln!(page, "| `{name}` | {kind} | {} |", help.replace('|', "\\|"));
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    if std::env::var_os("SIGNALPOST_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/metrics.md is stale: SIGNALPOST_BLESS=1 cargo test -p signalpost reference");
}
