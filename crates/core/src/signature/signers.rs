//! Signers: everything a destination signs its requests with, and the signatures of one request.

use uuid::Uuid;

use super::{SignatureMode, Signer, WebhookSigner};
use crate::body::Body;
use crate::json;

/// Everything a destination signs with; whatever it has no secret for is not signed.
#[derive(Debug, Clone, Default)]
pub struct Signers {
    /// Makes `X-Signature`.
    pub shared: Option<Signer>,
    /// Makes `X-Signature-Previous`, while a secret is being changed.
    pub previous: Option<Signer>,
    /// What those two cover.
    pub mode: SignatureMode,
    /// Makes `webhook-signature`.
    pub webhook: WebhookSigner,
}

/// What stands in the headers of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signatures {
    /// `x-signature`.
    pub shared: Option<String>,
    /// `x-signature-previous`.
    pub previous: Option<String>,
    /// `webhook-timestamp` and `webhook-signature`.
    pub webhook: Option<(i64, String)>,
}

impl Signers {
    /// Signs one request: its body, whether that is an array of events, and its batch id. `timestamp` is asked for the
    /// seconds since 1970 if they are signed.
    pub fn sign(
        &self,
        body: Option<&Body>,
        is_batch: bool,
        batch_id: Uuid,
        timestamp: impl FnOnce() -> i64,
    ) -> Signatures {
        let covered = body.and_then(|body| self.covered(body, is_batch));
        let sign = |signer: &Option<Signer>| Some(signer.as_ref()?.sign_pieces(covered.as_ref()?.pieces()));
        let webhook = (!self.webhook.is_empty()).then(|| {
            let timestamp = timestamp();
            let nothing = Body::default();
            (timestamp, self.webhook.sign(&batch_id.to_string(), timestamp, body.unwrap_or(&nothing)))
        });
        Signatures { shared: sign(&self.shared), previous: sign(&self.previous), webhook }
    }

    fn covered(&self, body: &Body, is_batch: bool) -> Option<Body> {
        if self.mode == SignatureMode::Body || !is_batch {
            return Some(body.clone());
        }
        let text = body.to_bytes();
        let first = json::elements(std::str::from_utf8(&text).ok()?).next()?;
        // Compat: a batch whose first event has no data is not signed at all.
        (first != "null").then(|| text.slice_ref(first.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn signers(mode: SignatureMode) -> Signers {
        let [new, old] = ["new", "old"].map(|secret| Some(Signer::new(&Secret::new(secret))));
        let webhook = WebhookSigner::new([&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]).unwrap();
        Signers { shared: new, previous: old, mode, webhook }
    }

    fn sign(mode: SignatureMode, body: Option<&'static str>, is_batch: bool) -> Signatures {
        let body = body.map(|text| Body::from(text.to_owned()));
        signers(mode).sign(body.as_ref(), is_batch, Uuid::nil(), || 7)
    }

    fn of(secret: &str, bytes: &[u8]) -> String {
        Signer::new(&Secret::new(secret)).sign(bytes)
    }

    #[test]
    fn both_secrets_sign_the_same_bytes() {
        let signed = sign(SignatureMode::Body, Some("[1,2]"), true);
        assert_eq!((signed.shared, signed.previous), (Some(of("new", b"[1,2]")), Some(of("old", b"[1,2]"))));
    }

    #[test]
    fn of_a_batch_the_first_event_alone_is_signed_when_asked_but_for_standard_webhooks() {
        let signed = sign(SignatureMode::FirstEvent, Some("[1,2]"), true);
        assert_eq!((signed.shared, signed.previous), (Some(of("new", b"1")), Some(of("old", b"1"))));
        assert_eq!(signed.webhook, sign(SignatureMode::Body, Some("[1,2]"), true).webhook);
        assert_eq!(sign(SignatureMode::FirstEvent, Some("[null,2]"), true).shared, None);
        assert_eq!(sign(SignatureMode::FirstEvent, Some("1"), false).shared, Some(of("new", b"1")));
    }

    #[test]
    fn without_a_body_only_standard_webhooks_sign() {
        let signed = sign(SignatureMode::Body, None, false);
        assert_eq!((signed.shared, signed.previous), (None, None));
        assert!(signed.webhook.is_some());
        let none = Signers::default()
            .sign(Some(&Body::from("1".to_owned())), false, Uuid::nil(), || panic!("nobody needs the time"));
        assert_eq!(none, Signatures::default());
    }
}
