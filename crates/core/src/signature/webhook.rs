//! Webhook: the signature of Standard Webhooks, `v1,` and the Base64 HMAC-SHA256 over `id.timestamp.body`.
//!
//! Invariant: what is signed is the id, the time and the very bytes that are sent, with each of the secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;

use crate::body::Body;
use crate::secret::Secret;

const PREFIX: &str = "whsec_";
/// How many bytes the specification wants a key to have.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret is none of Standard Webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not `whsec_` and the base64 of 24 to 64 bytes (make one: `echo \"whsec_$(head -c 32 /dev/urandom | base64)\"`)"
)]
pub struct InvalidWebhookSecret;

/// The secrets that sign together: the present one first.
#[derive(Clone, Default)]
pub struct WebhookSigner {
    keys: Vec<hmac::Key>,
}

impl WebhookSigner {
    /// Prepares the keys.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Result<Self, InvalidWebhookSecret> {
        Ok(Self { keys: secrets.into_iter().map(key).collect::<Result<_, _>>()? })
    }

    /// Whether there is nothing to sign with.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// One signature for each secret, separated by spaces.
    pub fn sign(&self, id: &str, timestamp: i64, body: &Body) -> String {
        let start = format!("{id}.{timestamp}.");
        let signatures = self.keys.iter().map(|key| {
            let mut context = hmac::Context::with_key(key);
            context.update(start.as_bytes());
            for piece in body.pieces() {
                context.update(piece);
            }
            format!("v1,{}", BASE64.encode(context.sign()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

impl std::fmt::Debug for WebhookSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSigner(***)")
    }
}

fn key(secret: &Secret) -> Result<hmac::Key, InvalidWebhookSecret> {
    let text = secret.expose().strip_prefix(PREFIX).ok_or(InvalidWebhookSecret)?;
    let bytes = BASE64.decode(text).map_err(|_| InvalidWebhookSecret)?;
    if KEY_BYTES.contains(&bytes.len()) {
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
    } else {
        Err(InvalidWebhookSecret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn the_signature_is_that_of_the_reference_libraries() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signer = WebhookSigner::new([&secret]).unwrap();
        assert_eq!(
            signer.sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                &Body::from(r#"{"test": 2432232314}"#.to_owned())
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn two_secrets_make_two_signatures_in_one_header() {
        let secrets = [1, 2].map(|byte| Secret::new(format!("whsec_{}", BASE64.encode([byte; 24]))));
        let body = Body::from("{}".to_owned());
        let alone = |secret| WebhookSigner::new([secret]).unwrap().sign("id", 7, &body);
        let both = WebhookSigner::new(&secrets).unwrap().sign("id", 7, &body);
        assert_eq!(both, format!("{} {}", alone(&secrets[0]), alone(&secrets[1])));
    }

    #[test]
    fn what_is_no_secret_of_standard_webhooks_is_refused() {
        for text in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_!!!", "whsec_c2hvcnQ="] {
            let secret = Secret::new(text);
            assert_eq!(WebhookSigner::new([&secret]).err(), Some(InvalidWebhookSecret), "{text}");
        }
    }
}
