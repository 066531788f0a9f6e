//! What people get wrong in a destinations file, and what they are told.

use std::fs;
use std::path::PathBuf;

use signalpost_testkit::Authority;

use super::*;

const MAPPING: &str = r#"
[[source.destination.mapping]]
name = "NAME"
trigger = 'type = "track"'
fields = { url = "https://example.com/in" }
"#;

const SOURCE: &str = r#"[[source]]
name = "shop"
write_keys = ["k"]
[[source.destination]]
name = "warehouse"
"#;

fn load_as(name: &str, text: &str) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join(name);
    fs::write(&path, text).map_err(|error| error.to_string())?;
    let variables = |name: &str| (name == "SHOP_KEY").then(|| "from-env".to_owned());
    load(&path, &variables).map_err(|error| format!("{error:#}"))
}

fn load_toml(text: &str) -> Result<Loaded, String> {
    load_as("destinations.toml", text)
}

fn refusal(text: &str) -> String {
    load_toml(text).expect_err("it is refused")
}

#[test]
fn the_example_can_be_applied() {
    let example = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/destinations.example.toml");
    let loaded = load(&example, &|_| None).unwrap();
    assert!(loaded.warnings.is_none(), "{:?}", loaded.warnings);
    let source = &loaded.wanted.sources[0];
    let destination = &source.destinations[0];
    assert_eq!((source.name.as_str(), destination.name.as_str()), ("shop", "warehouse"));
    let names: Vec<_> = destination.mappings.iter().map(|mapping| mapping.name.as_str()).collect();
    assert_eq!(names, ["orders", "people", "refunds"]);
    assert_eq!(destination.delivery.allow.len(), 1);
    let fields: Vec<_> = destination.mappings[1].fields.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["url", "method", "headers", "data"]);
}

#[test]
fn toml_yaml_and_json_say_the_same() {
    let yaml = r#"
sources:
  - name: shop ☂
    write_keys: [{ env: SHOP_KEY }]
    destinations:
      - name: warehouse
        mappings:
          - name: orders
            trigger: type = "track"
            fields: { url: "https://example.com/in", data: { "@path": "$." } }
"#;
    let json = r#"{"source": [{"name": "shop ☂", "write_keys": [{"env": "SHOP_KEY"}], "destination": [
        {"name": "warehouse", "mapping": [{"name": "orders", "trigger": "type = \"track\"",
         "fields": {"url": "https://example.com/in", "data": {"@path": "$."}}}]}]}]}"#;
    let yaml = load_as("a.yaml", yaml).unwrap();
    let json = load_as("a.json", json).unwrap();
    assert_eq!(format!("{:?}", yaml.wanted), format!("{:?}", json.wanted));
    assert_eq!(json.wanted.sources[0].write_keys[0].expose(), "from-env");
}

#[test]
fn an_unknown_key_is_shown_at_its_place_with_the_one_that_was_meant() {
    let shown = refusal(&format!("{SOURCE}enabeld = true\n"));
    assert!(shown.contains("`enabeld` means nothing in a destination"), "{shown}");
    assert!(shown.contains("6 | enabeld = true\n  | ^^^^^^^"), "{shown}");
    assert!(shown.contains("did you mean `enabled`?"), "{shown}");
}

#[test]
fn a_sixth_mapping_is_refused_by_name() {
    let mappings: String = (1..=6).map(|n| MAPPING.replace("NAME", &format!("m{n}"))).collect();
    let shown = refusal(&format!("{SOURCE}{mappings}"));
    assert!(
        shown.contains("destination `warehouse` has 6 mappings, at most 5 are possible: `m6` is the sixth"),
        "{shown}"
    );
}

#[test]
fn every_mistake_is_told_at_once() {
    let shown = refusal(&format!("{SOURCE}signature = \"md5\"\nshared_secret = {{ env = \"NOPE\" }}\n"));
    assert!(shown.contains("unknown variant `md5`"), "{shown}");
    assert!(shown.contains("the environment variable NOPE is not set"), "{shown}");
}

#[test]
fn secrets_of_a_rotation_are_read_and_checked_and_not_shown() {
    let secrets = "shared_secret = 'new'\nprevious_shared_secret = 'old'\n\
                   webhook_secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'\n";
    let loaded = load_toml(&format!("{SOURCE}{secrets}")).unwrap();
    let read = &loaded.wanted.sources[0].destinations[0].secrets;
    assert_eq!(read.previous_shared_secret.as_ref().unwrap().expose(), "old");
    assert!(read.webhook_secret.is_some() && read.previous_webhook_secret.is_none());
    let shown = refusal(&format!(
        "{SOURCE}previous_shared_secret = 'old'\nwebhook_secret = 'hush'\nprevious_webhook_secret = 'whsec_c2hvcnQ='\n"
    ));
    assert!(shown.contains("there is a `previous_shared_secret`, but no `shared_secret`"), "{shown}");
    assert!(shown.contains("`webhook_secret` is not `whsec_` and the base64 of 24 to 64 bytes"), "{shown}");
    assert!(
        shown.contains("`previous_webhook_secret` is not `whsec_`") && !shown.contains("hush"),
        "{shown}"
    );
}

#[test]
fn certificates_are_read_from_files_and_the_key_is_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let issued = Authority::named("Ours").issue("signalpost");
    fs::write(folder.path().join("c.pem"), &issued.certificate).unwrap();
    fs::write(folder.path().join("c.key"), &issued.key).unwrap();
    let path = folder.path().join("d.toml");
    let delivery = "delivery = { ca = { file = 'c.pem' }, client_certificate = { file = 'c.pem' }, client_key = { file = 'c.key' } }\n";
    fs::write(&path, format!("{SOURCE}{delivery}")).unwrap();
    let loaded = load(&path, &|_| None).unwrap();
    let destination = &loaded.wanted.sources[0].destinations[0];
    assert!(destination.delivery.client_certificate.as_ref().unwrap().contains("BEGIN CERTIFICATE"));
    assert!(destination.delivery.ca.is_some());
    assert_eq!(destination.secrets.client_key.as_ref().unwrap().expose(), issued.key.trim_end());
}

#[test]
fn a_wrong_certificate_is_told_at_its_setting() {
    let (one, other) = (Authority::named("Ours").issue("one"), Authority::named("Ours").issue("other"));
    let delivery = |settings: &str| refusal(&format!("{SOURCE}[source.destination.delivery]\n{settings}"));
    let shown = delivery("ca = 'hello'\n");
    assert!(shown.contains("`ca` is not PEM") && shown.contains("7 | ca = 'hello'\n  | ^^"), "{shown}");
    let shown = delivery(&format!(
        "client_certificate = '''{}'''\nclient_key = '''{}'''\n",
        one.certificate, other.key
    ));
    assert!(shown.contains("`client_key` does not belong to the certificate of CN=one"), "{shown}");
    let secret = other.key.lines().nth(1).unwrap();
    assert!(!shown.contains(secret), "{shown}");
    let shown = delivery(&format!("client_certificate = '''{}'''\n", one.certificate));
    assert!(shown.contains("there is a `client_certificate`, but no `client_key`"), "{shown}");
}

#[test]
fn a_delivery_setting_is_told_at_its_own_place() {
    let shown =
        refusal(&format!("{SOURCE}delivery = {{ max_concurrency = 0, retry = {{ wihtin = '1h' }} }}\n"));
    assert!(shown.contains("max_concurrency: ") && shown.contains("from 1 to 1000"), "{shown}");
    assert!(shown.contains("did you mean `within`?"), "{shown}");
}

#[test]
fn two_of_one_name_are_refused() {
    let mapping = MAPPING.replace("NAME", "orders");
    let shown = refusal(&format!("{SOURCE}{mapping}{mapping}"));
    assert!(shown.contains("there is a mapping `orders` already"), "{shown}");
}

#[test]
fn a_mistake_of_the_format_is_shown_at_its_place() {
    let shown = refusal("[[source]\nname = 1\n");
    assert!(shown.contains("destinations.toml:1:"), "{shown}");
    let shown = load_as("a.json", "{\"source\": [}").expect_err("it is refused");
    assert!(shown.contains("a.json:1:13"), "{shown}");
    let shown = load_as("a.yaml", "source: [\n  {]").expect_err("it is refused");
    assert!(shown.contains("a.yaml:2:"), "{shown}");
}

#[test]
fn fields_may_come_from_a_file_whose_mistakes_are_shown_there() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("orders.json"), "{\"url\": nope}").unwrap();
    let path = folder.path().join("d.toml");
    let mapping = "[[source.destination.mapping]]\nname = 'o'\ntrigger = 'type = \"track\"'\nfields_file = 'orders.json'\n";
    fs::write(&path, format!("{SOURCE}{mapping}")).unwrap();
    let shown = load(&path, &|_| None).unwrap_err().to_string();
    assert!(shown.contains("orders.json:1:9"), "{shown}");
}
