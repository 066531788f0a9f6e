//! Reference: `deploy/signalpost.example.toml` names every setting at its default, and `docs/configuration.md` says the
//! same as tables. `SIGNALPOST_BLESS=1 cargo test -p signalpost reference` writes the page anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use serde_json::Value;

use super::*;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn example() -> String {
    std::fs::read_to_string(root().join("deploy/signalpost.example.toml")).expect("the example is there")
}

/// `ingest.committers` and so on.
fn keys(value: &Value, path: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                keys(value, &format!("{path}.{key}"), all);
            }
        }
        _ => {
            all.insert(path.trim_start_matches('.').to_owned());
        }
    }
}

#[test]
fn the_example_holds_every_setting_at_its_default() {
    let args = SettingsArgs {
        config: Some(root().join("deploy/signalpost.example.toml")),
        ..SettingsArgs::default()
    };
    let read = Settings::read(&args, std::iter::empty()).unwrap();
    let (read, defaults) =
        (serde_json::to_value(&read).unwrap(), serde_json::to_value(Settings::default()).unwrap());
    assert_eq!(read, defaults);
    let (mut named, mut known) = (BTreeSet::new(), BTreeSet::new());
    keys(&toml::from_str::<Value>(&example()).unwrap(), "", &mut named);
    keys(&defaults, "", &mut known);
    assert_eq!(named, known);
}

#[test]
fn the_page_is_fresh() {
    let page = page(&example());
    let path = root().join("docs/configuration.md");
    if std::env::var_os("SIGNALPOST_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "docs/configuration.md is stale: SIGNALPOST_BLESS=1 cargo test -p signalpost reference"
    );
}

const HEAD: &str = "# Configuration\n\n\
<!-- Generated from deploy/signalpost.example.toml by a test: SIGNALPOST_BLESS=1 cargo test -p signalpost reference -->\n\n\
What is delivered, and where to, stands in a destinations file (`signalpost apply`, annotated in\n\
[`deploy/destinations.example.toml`](../deploy/destinations.example.toml)). This page is about the processes.\n\n\
A setting comes from, later over earlier: its default; the file `signalpost.toml` or the one named by `--config`;\n\
`DATABASE_URL`; environment variables (`database.url` is `SIGNALPOST_DATABASE__URL`); flags (`--set database.url=…`).\n\
Any setting may be read from a file by adding `_file` to its name (`SIGNALPOST_DATABASE__URL_FILE`), which suits\n\
secrets. An unknown key, or a value that cannot be used, ends the program with status 64 and names key, value, place and\n\
what is accepted; all mistakes at once. Durations read `30s`, `4h`; sizes `32KiB`, `4MB`.\n\n\
`signalpost config check` says whether the settings can be used, and also reads what they name: files, certificates and\n\
their keys, sealing keys, proxies. It connects nowhere. `signalpost config show` lists every setting with its value and\n\
where that came from (default, file and line, variable, flag), secrets as `***`. Both have `--json`.\n";

/// The example's comments and defaults as tables.
fn page(example: &str) -> String {
    let mut out = HEAD.to_owned();
    let mut comment: Vec<&str> = Vec::new();
    let mut section = String::new();
    for line in example.lines().skip_while(|line| !line.is_empty()) {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let is_header = bare.starts_with('[') && bare.ends_with(']');
        if is_header {
            section = bare.trim_matches(['[', ']']).to_owned();
            let text = comment.join(" ");
            let _ = writeln!(out, "\n## {section}\n\n{text}\n\n| setting | default | |\n| --- | --- | --- |");
            comment.clear();
        } else if let Some((key, value)) = setting(bare) {
            let is_unset = line.starts_with('#');
            let (key, default) = match key.strip_suffix("_file") {
                Some(key) => (key, "–".to_owned()),
                None if is_unset => (key, "–".to_owned()),
                None => (key, format!("`{value}`")),
            };
            let _ = writeln!(
                out,
                "| `{section}.{key}` | {default} | {} |",
                comment.join(" ").replace('|', "\\|")
            );
            comment.clear();
        } else if line.is_empty() {
            comment.clear();
        } else {
            comment.push(bare);
        }
    }
    out
}

fn setting(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(" = ")?;
    let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_key.then_some((key, value))
}
