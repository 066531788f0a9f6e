//! The queries that are made for Prometheus: of the dashboard and of the alerts.

use std::collections::BTreeSet;

use serde_json::Value;

/// A rule of `alerts.yml`.
pub(crate) struct Alert {
    pub(crate) name: String,
    pub(crate) expression: String,
    pub(crate) runbook: String,
}

/// Every alert. The file is plain enough to be read line by line.
pub(crate) fn alerts() -> Vec<Alert> {
    let text = std::fs::read_to_string(crate::deploy("prometheus/alerts.yml")).expect("the rules are there");
    let alerts: Vec<Alert> = text.split("- alert: ").skip(1).map(alert).collect();
    assert!(alerts.len() > 20, "{} alerts", alerts.len());
    alerts
}

fn alert(text: &str) -> Alert {
    let after = |key: &str| {
        let rest = text.split_once(key).unwrap_or_else(|| panic!("{key} in {text}")).1;
        rest.lines().next().unwrap_or_default().trim().to_owned()
    };
    let expression = match after("expr:").as_str() {
        ">-" => {
            let folded = text.split_once(">-\n").expect("a folded text").1;
            let is_more = |line: &&str| line.starts_with("          ");
            folded.lines().take_while(is_more).map(str::trim).collect::<Vec<_>>().join(" ")
        }
        plain => plain.to_owned(),
    };
    Alert {
        name: text.lines().next().unwrap_or_default().to_owned(),
        expression,
        runbook: after("runbook: "),
    }
}

/// Every query of the dashboard, its variables filled in as Grafana would.
pub(crate) fn dashboard() -> Vec<String> {
    let text = std::fs::read_to_string(crate::deploy("grafana/dashboards/signalpost.json"));
    let dashboard: Value = serde_json::from_str(&text.expect("the dashboard is there")).expect("it is JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.filter_map(|target| target["expr"].as_str()).map(filled).collect()
}

fn filled(query: &str) -> String {
    let filled = query.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$mapping", ".*");
    assert!(!filled.contains('$'), "a variable that is not known here: {query}");
    filled
}

/// The metrics that a query names.
pub(crate) fn metrics(query: &str) -> Vec<String> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("signalpost_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// The names under which what `docs/metrics.md` lists is scraped.
pub(crate) fn known(page: &str) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let (name, rest) = line.split_once("` | ").expect("a name");
        if rest.starts_with("histogram") {
            known.extend(["bucket", "sum", "count"].map(|part| format!("{name}_{part}")));
        } else {
            known.insert(name.to_owned());
        }
    }
    known
}
