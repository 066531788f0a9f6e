//! The difference between what is configured and what is wanted, in words that may be shown: secrets are masked.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::Value;

use signalpost_core::json::array_index;
use signalpost_core::secret::Secret;

use super::super::{SealingKeys, WantedDestination, WantedMapping, sealing::Sealed, secrets};

/// One thing that applying changed, or left although the file does not list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happened to it.
    pub kind: ChangeKind,
    /// Kind and full name: `mapping shop/warehouse/orders`.
    pub what: String,
    /// What differs.
    pub fields: Vec<FieldChange>,
}

/// What happened to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// It was there, and differs.
    Updated,
    /// It is gone.
    Removed,
    /// It is there, and the file does not list it: left as it is.
    Unlisted,
}

/// One setting that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Its name in the configuration file.
    pub name: &'static str,
    /// As it was; none: there was nothing.
    pub before: Option<String>,
    /// As it is now; none: nothing is left.
    pub after: Option<String>,
}

impl Change {
    pub(in crate::catalog) fn of(created: bool, what: String, fields: Vec<FieldChange>) -> Option<Self> {
        let kind = if created { ChangeKind::Created } else { ChangeKind::Updated };
        (created || !fields.is_empty()).then_some(Self { kind, what, fields })
    }
}

impl FieldChange {
    pub(in crate::catalog) fn added(name: &'static str, value: String) -> Self {
        Self { name, before: None, after: Some(value) }
    }

    pub(in crate::catalog) fn removed(name: &'static str, value: String) -> Self {
        Self { name, before: Some(value), after: None }
    }

    /// Nothing when there is a before and it equals the after.
    fn between(name: &'static str, before: Option<String>, after: String) -> Option<Self> {
        let same = before.as_ref() == Some(&after);
        (!same).then_some(Self { name, before, after: Some(after) })
    }
}

/// A destination as it is stored.
pub(in crate::catalog) struct StoredDestination {
    pub(in crate::catalog) id: i64,
    pub(in crate::catalog) enabled: bool,
    pub(in crate::catalog) sealed: Option<Sealed>,
    /// By purpose.
    pub(in crate::catalog) secrets: HashMap<String, Sealed>,
    pub(in crate::catalog) signature: String,
    pub(in crate::catalog) numbers: String,
    pub(in crate::catalog) delivery: Value,
}

/// A mapping as it is stored.
pub(in crate::catalog) struct StoredMapping {
    pub(in crate::catalog) id: i64,
    pub(in crate::catalog) name: String,
    pub(in crate::catalog) position: i16,
    pub(in crate::catalog) enabled: bool,
    pub(in crate::catalog) trigger: String,
    pub(in crate::catalog) fields: Value,
}

pub(in crate::catalog) fn of_destination(
    current: Option<&StoredDestination>,
    wanted: &WantedDestination,
    keys: &SealingKeys,
    name: &str,
) -> Vec<FieldChange> {
    let before = |field: fn(&StoredDestination) -> String| current.map(field);
    let plain = [
        FieldChange::between("enabled", before(|one| one.enabled.to_string()), wanted.enabled.to_string()),
        FieldChange::between("signature", before(|one| one.signature.clone()), word(&wanted.signature)),
        FieldChange::between("numbers", before(|one| one.numbers.clone()), word(&wanted.numbers)),
        FieldChange::between("delivery", before(|one| shown(one.delivery.clone())), shown(settings(wanted))),
    ];
    let shared = current.and_then(|current| current.sealed.as_ref());
    let shared = secret_change("shared_secret", shared, wanted.shared_secret.as_ref(), keys, name);
    let others = wanted.secrets.by_purpose().map(|(purpose, secret)| {
        let sealed = current.and_then(|current| current.secrets.get(purpose));
        secret_change(purpose, sealed, secret.as_ref(), keys, &secrets::owner(name, purpose))
    });
    plain.into_iter().chain([shared]).chain(others).flatten().collect()
}

fn secret_change(
    field: &'static str,
    sealed: Option<&Sealed>,
    wanted: Option<&Secret>,
    keys: &SealingKeys,
    owner: &str,
) -> Option<FieldChange> {
    let mask = |is_set: bool| is_set.then(|| "***".to_owned());
    let same = match (sealed, wanted) {
        (None, None) => true,
        (Some(sealed), Some(wanted)) => {
            keys.seals_with(&sealed.key_id)
                && keys.open(sealed, owner).is_ok_and(|current| current.expose() == wanted.expose())
        }
        _ => false,
    };
    (!same).then(|| FieldChange {
        name: field,
        before: mask(sealed.is_some()),
        after: mask(wanted.is_some()),
    })
}

pub(in crate::catalog) fn of_mapping(
    current: Option<&StoredMapping>,
    wanted: &WantedMapping,
    position: i16,
) -> Vec<FieldChange> {
    let before = |field: fn(&StoredMapping) -> String| current.map(field);
    let fields = [
        FieldChange::between("position", before(|one| one.position.to_string()), position.to_string()),
        FieldChange::between("enabled", before(|one| one.enabled.to_string()), wanted.enabled.to_string()),
        FieldChange::between("trigger", before(|one| one.trigger.clone()), wanted.trigger.clone()),
        FieldChange::between(
            "fields",
            before(|one| ordered(&one.fields).to_string()),
            ordered(&wanted.fields).to_string(),
        ),
    ];
    fields.into_iter().flatten().collect()
}

/// As every event is read and sent: integer-like keys first and ascending, wherever they were written.
fn ordered(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(key, value)| (key.clone(), ordered(value))).collect();
            members.sort_by_key(|(key, _)| array_index(key).map_or(u64::MAX, u64::from));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(ordered).collect(),
        plain => plain.clone(),
    }
}

/// Certificates by their digest: their text is long and tells people nothing.
fn shown(mut delivery: Value) -> String {
    for setting in ["ca", "client_certificate"] {
        if let Some(Value::String(text)) = delivery.get_mut(setting) {
            let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
            *text = format!("PEM {}…", STANDARD.encode(&digest.as_ref()[..9]));
        }
    }
    delivery.to_string()
}

/// The delivery settings as they are stored.
pub(in crate::catalog) fn settings(wanted: &WantedDestination) -> Value {
    serde_json::to_value(&wanted.delivery).expect("settings are plain values")
}

/// An enum's word as it is stored.
pub(in crate::catalog) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        other => unreachable!("an enum of words, not {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn where_an_integer_like_key_stands_is_no_difference() {
        let written = json!({ "b": 1, "10": [{ "x": 1, "2": 2 }], "9": 3 });
        assert_eq!(ordered(&written).to_string(), r#"{"9":3,"10":[{"2":2,"x":1}],"b":1}"#);
    }
}
