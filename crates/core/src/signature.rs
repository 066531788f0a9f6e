//! `X-Signature`: lower-case hex HMAC-SHA1 over the exact bytes of a request's body; and what signs beside it.
//!
//! Invariant: what is signed is what is sent.

use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

mod signers;
mod webhook;

pub use signers::{Signatures, Signers};
pub use webhook::{InvalidWebhookSecret, WebhookSigner};

/// The header that carries the signature.
pub const HEADER: &str = "X-Signature";

/// Which bytes of a request are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureMode {
    /// The whole body, as the documentation of Segment's destination says.
    #[default]
    Body,
    /// The first event of a batch alone, as Segment's service does.
    FirstEvent,
}

/// A secret prepared for signing: the key's inner and outer hash states are computed once.
#[derive(Clone)]
pub struct Signer {
    key: hmac::Key,
}

impl Signer {
    /// Prepares the key: the UTF-8 bytes of the secret.
    pub fn new(secret: &Secret) -> Signer {
        let bytes = secret.expose().as_bytes();
        Signer { key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, bytes) }
    }

    /// The signature of these bytes: 40 lower-case hex digits.
    pub fn sign(&self, bytes: &[u8]) -> String {
        self.sign_pieces([bytes])
    }

    /// The signature of these pieces, one after another.
    pub fn sign_pieces<P: AsRef<[u8]>>(&self, pieces: impl IntoIterator<Item = P>) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        for piece in pieces {
            context.update(piece.as_ref());
        }
        hex::encode(context.sign())
    }

    /// Whether `signature` (hex, either case) is the one of these bytes; compared in constant time.
    pub fn verify(&self, bytes: &[u8], signature: &str) -> bool {
        hex::decode(signature).is_ok_and(|tag| hmac::verify(&self.key, bytes, &tag).is_ok())
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::{SignatureMode, Signer};
    use crate::secret::Secret;

    #[test]
    fn a_signature_is_the_hex_hmac_sha1_of_the_bytes() {
        let signer = Signer::new(&Secret::new("k"));
        assert_eq!(signer.sign(b"{}"), "cd5db8ad80a5f76d54ce6d879c8e1c0e1c9c8dcc");
    }

    #[test]
    fn the_key_is_the_utf_8_of_the_secret() {
        let signer = Signer::new(&Secret::new("鍵🔑"));
        assert_eq!(signer.sign(b"null"), "fdf13c25da66dffc9398318d4d9d51c15456aa06");
    }

    #[test]
    fn only_the_signature_of_the_same_bytes_verifies() {
        let signer = Signer::new(&Secret::new("s"));
        let signature = signer.sign(b"[1]");
        assert!(signer.verify(b"[1]", &signature));
        assert!(signer.verify(b"[1]", &signature.to_uppercase()));
        assert!(!signer.verify(b"[2]", &signature));
        assert!(!signer.verify(b"[1]", &signature[..38]));
        assert!(!signer.verify(b"[1]", "not hex"));
    }

    #[test]
    fn pieces_are_signed_as_the_text_they_make() {
        let signer = Signer::new(&Secret::new("s"));
        assert_eq!(signer.sign_pieces(["[1", ",2", "]"]), signer.sign(b"[1,2]"));
    }

    #[test]
    fn a_signer_does_not_print_its_key() {
        assert_eq!(format!("{:?}", Signer::new(&"s".into())), "Signer(***)");
    }

    #[test]
    fn the_mode_is_written_in_snake_case() {
        let mode: SignatureMode = serde_json::from_str("\"first_event\"").unwrap();
        assert_eq!(mode, SignatureMode::FirstEvent);
        assert_eq!(serde_json::to_string(&SignatureMode::Body).unwrap(), "\"body\"");
    }
}
