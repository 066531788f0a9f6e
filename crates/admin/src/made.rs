//! Made: secrets that are made here, because nobody gave one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use signalpost_core::secret::Secret;
use signalpost_storage::SecretPurpose;

/// A write key.
pub(crate) fn write_key() -> Secret {
    Secret::new(format!("wk_{}", URL_SAFE_NO_PAD.encode(random::<24>())))
}

/// An admin token.
pub(crate) fn token() -> Secret {
    Secret::new(format!("sp_{}", URL_SAFE_NO_PAD.encode(random::<32>())))
}

/// What a destination signs with.
pub(crate) fn secret(purpose: SecretPurpose) -> Secret {
    Secret::new(match purpose {
        SecretPurpose::Shared => URL_SAFE_NO_PAD.encode(random::<32>()),
        SecretPurpose::Webhook => format!("whsec_{}", STANDARD.encode(random::<32>())),
    })
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
