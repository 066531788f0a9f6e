//! What is configured.

use serde_json::{Value, json};
use signalpost_proto::v1::{
    AuditEntry, Destination, Mapping, MappingVersion, Numbers, Role, SecretPurpose, SignatureMode, Source,
    Token, WriteKey,
};

use super::{inner, time, unless_empty};

pub(crate) fn source(source: &Source) -> Value {
    json!({
        "name": source.name,
        "created_at": time(source.created_at),
        "write_keys": source.write_keys.iter().map(write_key).collect::<Vec<_>>(),
    })
}

pub(crate) fn write_key(key: &WriteKey) -> Value {
    json!({
        "id": key.id,
        "prefix": key.prefix,
        "created_at": time(key.created_at),
        "revoked_at": time(key.revoked_at),
    })
}

pub(crate) fn destination(destination: &Destination) -> Value {
    let signature = match destination.signature() {
        SignatureMode::FirstEvent => "first_event",
        SignatureMode::Body | SignatureMode::Unspecified => "body",
    };
    let numbers = match destination.numbers() {
        Numbers::Exact => "exact",
        Numbers::Ecmascript | Numbers::Unspecified => "ecmascript",
    };
    let secrets = destination.secrets.iter().map(|secret| {
        json!({
            "purpose": secret_purpose(secret.purpose()),
            "is_previous": secret.is_previous,
            "sealing_key": secret.sealing_key,
        })
    });
    json!({
        "name": destination.name,
        "enabled": destination.enabled,
        "signature": signature,
        "numbers": numbers,
        "delivery": inner(&destination.delivery_json),
        "secrets": secrets.collect::<Vec<_>>(),
        "mappings": destination.mappings,
        "version": destination.version,
    })
}

pub(crate) fn secret_purpose(purpose: SecretPurpose) -> &'static str {
    match purpose {
        SecretPurpose::Unspecified => "unknown",
        SecretPurpose::SharedSecret => "shared_secret",
        SecretPurpose::WebhookSecret => "webhook_secret",
        SecretPurpose::ClientKey => "client_key",
    }
}

pub(crate) fn mapping(mapping: &Mapping) -> Value {
    json!({
        "name": mapping.name,
        "mapping_id": mapping.mapping_id,
        "position": mapping.position,
        "enabled": mapping.enabled,
        "trigger": mapping.trigger,
        "fields": inner(&mapping.fields_json),
        "version": mapping.version,
        "paused_at": time(mapping.paused_at),
        "paused_why": unless_empty(&mapping.paused_why),
    })
}

pub(crate) fn mapping_version(version: &MappingVersion) -> Value {
    json!({
        "changed_at": time(version.changed_at),
        "changed_by": version.changed_by,
        "mapping": version.mapping.as_ref().map(mapping),
    })
}

pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Unspecified => "unknown",
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Admin => "admin",
    }
}

pub(crate) fn token(token: &Token) -> Value {
    json!({
        "name": token.name,
        "role": role(token.role()),
        "may_publish": token.may_publish,
        "prefix": token.prefix,
        "created_at": time(token.created_at),
        "expires_at": time(token.expires_at),
        "revoked_at": time(token.revoked_at),
    })
}

pub(crate) fn audit_entry(entry: &AuditEntry) -> Value {
    json!({
        "id": entry.id,
        "done_at": time(entry.done_at),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": inner(&entry.detail_json),
    })
}
