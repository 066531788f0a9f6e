//! How a destination delivers: the table `delivery`.

use serde::de::DeserializeOwned;
use serde_json::Value;
use signalpost_core::delivery::Delivery;
use signalpost_core::secret::Secret;

use super::super::certificates;
use super::super::tree::{Kind, Tree};
use super::Reader;
use crate::nearest::nearest;

impl Reader<'_> {
    /// Reads setting by setting, so that each mistake is told at its own place.
    pub(super) fn delivery(&mut self, destination: &Tree) -> (Delivery, Option<Secret>) {
        let Some(tree) = destination.get("delivery") else { return (Delivery::default(), None) };
        if !matches!(tree.kind, Kind::Object(_)) {
            self.wrong_kind(tree, "delivery", "a table");
            return (Delivery::default(), None);
        }
        let (certificates, plain) = certificates::split(tree);
        self.settings::<Delivery>(&plain, &|value| value);
        let mut delivery: Delivery = serde_json::from_value(plain.to_json()).unwrap_or_default();
        let client_key = self.certificates(&certificates, &mut delivery);
        (delivery, client_key)
    }

    fn settings<T: DeserializeOwned>(&mut self, table: &Tree, whole: &dyn Fn(Value) -> Value) {
        for member in table.members() {
            let alone =
                |value: Value| whole(Value::Object([(member.key.clone(), value)].into_iter().collect()));
            if let Kind::Object(inner) = &member.value.kind
                && !inner.is_empty()
            {
                self.settings::<T>(&member.value, &alone);
            } else if let Err(error) = serde_json::from_value::<T>(alone(member.value.to_json())) {
                let text = error.to_string();
                let unknown = text.starts_with("unknown field");
                let place = if unknown { &member.key_place } else { &member.value.place };
                let problem = self.refuse(place, &format!("{}: {text}", member.key));
                if let Some(near) = text
                    .split_once("expected")
                    .filter(|_| unknown)
                    .and_then(|(_, known)| nearest(&member.key, known.split('`').skip(1).step_by(2)))
                {
                    problem.push_help(format!("did you mean `{near}`?"));
                }
            }
        }
    }
}
