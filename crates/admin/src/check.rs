//! Check: whether what somebody wants configured could work. All mistakes at once, in core's words.

use serde_json::Value;
use signalpost_core::delivery::Delivery;
use signalpost_core::json::Numbers;
use signalpost_core::payload::Recipe;
use signalpost_core::secret::Secret;
use signalpost_core::signature::WebhookSigner;
use signalpost_core::trigger::{self, Severity};
use signalpost_tls::{Authorities, Identity, Part};
use tonic::Status;

use crate::{names, status};

/// The mistakes found so far, each with its field.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(Vec<(String, String)>);

impl Mistakes {
    pub(crate) fn push(&mut self, field: impl Into<String>, mistake: impl Into<String>) {
        self.0.push((field.into(), mistake.into()));
    }

    /// Refuses the request when there was any.
    pub(crate) fn refuse(self) -> Result<(), Status> {
        if self.0.is_empty() { Ok(()) } else { Err(status::violations(self.0)) }
    }

    /// A new last part of a name.
    pub(crate) fn name(&mut self, field: &str, part: Option<&String>) {
        if let Some(mistake) = part.and_then(|part| names::mistake(part)) {
            self.push(field, mistake);
        }
    }

    /// A trigger; answers where it will do something else than it seems to say.
    pub(crate) fn trigger(&mut self, field: &str, text: &str) -> Vec<String> {
        let mut warnings = Vec::new();
        for lint in trigger::lint(text) {
            let remark = match &lint.help {
                Some(help) => format!("{}: {help}", lint.message),
                None => lint.message,
            };
            match lint.severity {
                Severity::Error => self.push(field, remark),
                Severity::Warning => warnings.push(remark),
                Severity::Note => {}
            }
        }
        warnings
    }

    /// Segment's mapping object, with its defaults.
    pub(crate) fn fields(&mut self, field: &str, json: &str, numbers: Numbers) -> Value {
        let fields = match serde_json::from_str::<Value>(json) {
            Ok(fields) => Recipe::with_defaults(fields),
            Err(error) => {
                self.push(field, format!("it is no JSON: {error}"));
                return Value::Null;
            }
        };
        for mistake in Recipe::compile(&fields, numbers).err().into_iter().flatten() {
            self.push(format!("{field}{}", mistake.path.trim_end_matches('/')), mistake.message);
        }
        fields
    }

    /// Delivery settings, as JSON; empty means all defaults.
    pub(crate) fn delivery(&mut self, field: &str, json: &str) -> Delivery {
        if json.trim().is_empty() {
            return Delivery::default();
        }
        match serde_json::from_str::<Value>(json) {
            Ok(table @ Value::Object(_)) => {
                self.settings(field, &table, &|value| value);
                let mut delivery: Delivery = serde_json::from_value(table).unwrap_or_default();
                // Line ends after PEM are no difference.
                for pem in [&mut delivery.ca, &mut delivery.client_certificate].into_iter().flatten() {
                    pem.truncate(pem.trim_end().len());
                }
                delivery
            }
            Ok(_) => {
                self.push(field, "it is an object of settings");
                Delivery::default()
            }
            Err(error) => {
                self.push(field, format!("it is no JSON: {error}"));
                Delivery::default()
            }
        }
    }

    /// Setting by setting, so that each mistake is told at its own place.
    fn settings(&mut self, field: &str, table: &Value, whole: &dyn Fn(Value) -> Value) {
        for (key, value) in table.as_object().into_iter().flatten() {
            let alone = |value: Value| whole(Value::Object([(key.clone(), value)].into_iter().collect()));
            let at = format!("{field}/{key}");
            if value.as_object().is_some_and(|inner| !inner.is_empty()) {
                self.settings(&at, value, &alone);
            } else if let Err(error) = serde_json::from_value::<Delivery>(alone(value.clone())) {
                self.push(at, error.to_string());
            }
        }
    }

    /// Whom a destination trusts and what it shows: that they can be used, and that the key belongs to the certificate.
    /// `stored` is the certificate whose key is stored.
    pub(crate) fn certificates(
        &mut self,
        delivery: &Delivery,
        client_key: Option<&Secret>,
        stored: Option<&str>,
    ) {
        const CERTIFICATE: &str = "delivery_json/client_certificate";
        const KEY: &str = "client_key";
        if let Some(Err(error)) = delivery.ca.as_deref().map(Authorities::from_pem) {
            self.push("delivery_json/ca", error.why.to_string());
        }
        match (delivery.client_certificate.as_deref(), client_key) {
            (None, None) => {}
            (None, Some(_)) => self.push(KEY, format!("its certificate is missing: {CERTIFICATE}")),
            (Some(certificate), None) if Some(certificate) == stored => {}
            (Some(_), None) => self.push(KEY, format!("it is needed with another {CERTIFICATE}")),
            (Some(certificate), Some(key)) => {
                if let Err(error) = Identity::from_pem(certificate, key.expose()) {
                    let at_fault = if error.part == Part::Key { KEY } else { CERTIFICATE };
                    self.push(at_fault, error.why.to_string());
                }
            }
        }
    }

    /// A secret of Standard Webhooks.
    pub(crate) fn webhook_secret(&mut self, field: &str, secret: &Secret) {
        if let Err(error) = WebhookSigner::new([secret]) {
            self.push(field, error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_of_a_mapping_is_told_with_its_place() {
        let mut mistakes = Mistakes::default();
        let fields = r#"{"url":"ftp://a","method":"GET","data":{"x":{"@path":7}}}"#;
        mistakes.trigger("trigger", "");
        mistakes.fields("fields_json", fields, Numbers::Ecmascript);
        let fields: Vec<&str> = mistakes.0.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["trigger", "fields_json/data/x/@path", "fields_json/url", "fields_json/method"]);
    }

    #[test]
    fn every_mistake_of_the_delivery_settings_is_told() {
        let mut mistakes = Mistakes::default();
        mistakes.delivery("delivery_json", r#"{"timeout":"1h","retry":{"max_attempts":0},"tries":1}"#);
        let fields: Vec<&str> = mistakes.0.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(
            fields,
            ["delivery_json/timeout", "delivery_json/retry/max_attempts", "delivery_json/tries"]
        );
    }

    #[test]
    fn a_trigger_that_does_something_else_than_it_says_warns() {
        let mut mistakes = Mistakes::default();
        let warnings = mistakes.trigger("trigger", r#"type = "track" and event = "A" or event = "B""#);
        assert!(mistakes.refuse().is_ok());
        assert!(!warnings.is_empty());
    }
}
