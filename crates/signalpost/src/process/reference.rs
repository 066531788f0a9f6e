//! Reference: `docs/metrics.md` lists what the registries hold. `SIGNALPOST_BLESS=1 cargo test -p signalpost reference`
//! writes the page anew.

use std::fmt::Write;
use std::path::PathBuf;

use super::*;

const HEAD: &str = "# Metrics\n\n\
<!-- Generated from the registries by a test: SIGNALPOST_BLESS=1 cargo test -p signalpost reference -->\n\n\
`/metrics` of every process, in the OpenMetrics text format. Counters end in `_total`, histograms in `_bucket`, `_sum` and\n\
`_count`. A metric with a label appears once it has a value. Labels are few and bounded: `mapping` by what is configured,\n\
the others by the program.\n\n| metric | kind | |\n| --- | --- | --- |\n";

/// Name, kind and help of everything that is registered. Encoding leaves out what has a label and no value yet, so the
/// names are read from what the registry says of itself.
fn listed() -> Vec<(String, String, String)> {
    let mut registry = Registry::default();
    let _ingest = signalpost_ingest::Metrics::register(&mut registry);
    let _dispatcher = signalpost_dispatcher::Metrics::register(&mut registry);
    let _admin = signalpost_admin::Metrics::register(&mut registry);
    let mut encoded = String::new();
    prometheus_client::encoding::text::encode(&mut encoded, &registry).expect("text takes everything");
    let said = format!("{registry:?}");
    let mut listed = Vec::new();
    for crate_said in said.split("prefix: Some(Prefix(\"").skip(1) {
        let (prefix, metrics) = crate_said.split_once('"').expect("a quoted prefix");
        for metric in metrics.split("Descriptor { name: \"").skip(1) {
            let (name, rest) = metric.split_once("\", help: \"").expect("a name");
            let (help, rest) = rest.split_once("\", unit: ").expect("a help");
            let unit = rest
                .strip_prefix("Some(")
                .and_then(|rest| rest.split_once(')'))
                .map(|(unit, _)| unit.to_lowercase());
            let name =
                [Some(format!("{prefix}_{name}")), unit].into_iter().flatten().collect::<Vec<_>>().join("_");
            let kind = encoded.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} ")));
            let kind = kind.unwrap_or("by label").to_owned();
            listed.push((name, kind, help.trim_end_matches('.').to_owned()));
        }
    }
    listed
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
