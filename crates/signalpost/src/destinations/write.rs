//! Write: what is wanted, as a destinations file in JSON; how a server is told.

use serde_json::{Map, Value, json};
use signalpost_core::secret::Secret;
use signalpost_storage::{Wanted, WantedDestination, WantedMapping, WantedSource};

/// The whole file, with every secret by value and every default written: to be sent, never to be shown.
pub(crate) fn to_json(wanted: &Wanted) -> Value {
    json!({ "source": wanted.sources.iter().map(source).collect::<Vec<_>>() })
}

fn source(source: &WantedSource) -> Value {
    json!({
        "name": source.name,
        "write_keys": source.write_keys.iter().map(Secret::expose).collect::<Vec<_>>(),
        "destination": source.destinations.iter().map(destination).collect::<Vec<_>>(),
    })
}

fn destination(destination: &WantedDestination) -> Value {
    let mut table = Map::new();
    table.insert("name".to_owned(), json!(destination.name));
    table.insert("enabled".to_owned(), json!(destination.enabled));
    let secrets = &destination.secrets;
    for (key, secret) in [
        ("shared_secret", &destination.shared_secret),
        ("previous_shared_secret", &secrets.previous_shared_secret),
        ("webhook_secret", &secrets.webhook_secret),
        ("previous_webhook_secret", &secrets.previous_webhook_secret),
    ] {
        if let Some(secret) = secret {
            table.insert(key.to_owned(), json!(secret.expose()));
        }
    }
    table.insert("signature".to_owned(), json!(destination.signature));
    table.insert("numbers".to_owned(), json!(destination.numbers));
    let mut delivery = json!(destination.delivery);
    if let Some(key) = &secrets.client_key {
        delivery["client_key"] = json!(key.expose());
    }
    table.insert("delivery".to_owned(), delivery);
    table.insert("mapping".to_owned(), destination.mappings.iter().map(mapping).collect());
    Value::Object(table)
}

fn mapping(mapping: &WantedMapping) -> Value {
    json!({
        "name": mapping.name,
        "enabled": mapping.enabled,
        "trigger": mapping.trigger,
        "fields": mapping.fields,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use signalpost_testkit::Authority;

    use super::super::{load_text, read_json};
    use super::*;

    #[test]
    fn what_is_written_reads_as_the_same() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/destinations.example.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let first = to_json(&load_text(&path, text, &|_| None).unwrap().wanted);
        let again = load_text(Path::new("again.json"), first.to_string(), &|_| None).unwrap();
        assert_eq!(to_json(&again.wanted), first);
    }

    #[test]
    fn a_client_certificate_goes_with_its_key() {
        let issued = Authority::named("Ours").issue("signalpost");
        let file = json!({ "source": [{ "name": "shop", "write_keys": ["wk"], "destination": [{
            "name": "partner",
            "delivery": { "client_certificate": issued.certificate, "client_key": issued.key },
        }]}]});
        let read = |file: &Value| read_json(&file.to_string()).unwrap();
        let again = read(&to_json(&read(&file)));
        let key = &again.sources[0].destinations[0].secrets.client_key;
        assert_eq!(key.as_ref().unwrap().expose(), issued.key.trim_end());
    }
}
