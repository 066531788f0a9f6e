//! Sealing: shared secrets at rest. The id of the key that sealed a secret is stored beside it, so keys can be rotated:
//! put the new key first, apply again, then drop the old one.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};

use signalpost_core::secret::Secret;

/// The keys that seal and open shared secrets: the first seals, all open.
pub struct SealingKeys {
    keys: Vec<(String, LessSafeKey)>,
    random: SystemRandom,
}

/// A sealing key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealingKeyError {
    /// Not of the form that is documented.
    #[error(
        "sealing key {number} is not of the form id:base64, with 32 bytes of key (make one: `echo \"k1:$(head -c 32 /dev/urandom | base64)\"`)"
    )]
    Malformed {
        /// 1 for the first in the list.
        number: usize,
    },
    /// No key at all.
    #[error("no sealing key is set: shared secrets are stored sealed")]
    Missing,
    /// The secret was sealed by a key that is not among these.
    #[error("it was sealed with key {id:?}, which is not among the sealing keys")]
    Unknown {
        /// The key's id.
        id: String,
    },
    /// The key of that id is another one than it was sealed with, or the bytes were changed.
    #[error(
        "it does not open with sealing key {id:?}: the key or the stored bytes are not the original ones"
    )]
    Wrong {
        /// The key's id.
        id: String,
    },
}

/// A secret as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) key_id: String,
    /// Nonce, then ciphertext and tag.
    pub(super) bytes: Vec<u8>,
}

/// What is stored of a key that somebody authenticates with.
pub(crate) fn hash(secret: &Secret) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, secret.expose().as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// The first characters, to tell keys apart; few of one that is short.
pub(super) fn prefix(secret: &Secret) -> String {
    let shown = if secret.expose().len() < 24 { 4 } else { 8 };
    secret.expose().chars().take(shown).collect()
}

impl SealingKeys {
    /// Reads `id:base64` of 32 bytes, several separated by commas.
    pub fn parse(text: &str) -> Result<Self, SealingKeyError> {
        let keys = text.split(',').map(str::trim).filter(|key| !key.is_empty()).enumerate();
        let keys = keys
            .map(|(index, key)| parse_key(key).ok_or(SealingKeyError::Malformed { number: index + 1 }))
            .collect::<Result<_, _>>()?;
        Ok(Self { keys, random: SystemRandom::new() })
    }

    /// No keys: enough as long as no destination has a shared secret.
    pub fn none() -> Self {
        Self { keys: Vec::new(), random: SystemRandom::new() }
    }

    /// A new key in the form that `parse` reads.
    pub fn generate(id: &str) -> String {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).expect("the operating system gives random bytes");
        format!("{id}:{}", STANDARD.encode(key))
    }

    pub(super) fn seal(&self, secret: &Secret, owner: &str) -> Result<Sealed, SealingKeyError> {
        let (key_id, key) = self.keys.first().ok_or(SealingKeyError::Missing)?;
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).expect("the operating system gives random bytes");
        let mut sealed = secret.expose().as_bytes().to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner), &mut sealed)
            .expect("a secret is far below the length that the cipher takes");
        Ok(Sealed { key_id: key_id.clone(), bytes: [&nonce, sealed.as_slice()].concat() })
    }

    pub(super) fn open(&self, sealed: &Sealed, owner: &str) -> Result<Secret, SealingKeyError> {
        let id = &sealed.key_id;
        let (_, key) = self.keys.iter().find(|(known, _)| known == id).ok_or_else(|| {
            if self.keys.is_empty() {
                SealingKeyError::Missing
            } else {
                SealingKeyError::Unknown { id: id.clone() }
            }
        })?;
        let wrong = || SealingKeyError::Wrong { id: id.clone() };
        let (nonce, text) = sealed.bytes.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut text = text.to_vec();
        let opened = key.open_in_place(nonce, Aad::from(owner), &mut text).map_err(|_| wrong())?;
        Ok(Secret::new(String::from_utf8(opened.to_vec()).map_err(|_| wrong())?))
    }

    /// The id of the key that seals now.
    pub fn first(&self) -> Option<&str> {
        self.keys.first().map(|(id, _)| id.as_str())
    }

    /// Whether a stored secret is sealed with the key that seals now.
    pub(super) fn seals_with(&self, key_id: &str) -> bool {
        self.keys.first().is_some_and(|(id, _)| id == key_id)
    }
}

fn parse_key(text: &str) -> Option<(String, LessSafeKey)> {
    let (id, key) = text.split_once(':')?;
    let key = STANDARD.decode(key).ok()?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, &key).ok()?;
    (!id.is_empty()).then(|| (id.to_owned(), LessSafeKey::new(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new("hush".to_owned())
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_for_the_same_owner_only() {
        let keys = SealingKeys::parse(&SealingKeys::generate("k1")).unwrap();
        let sealed = keys.seal(&secret(), "shop/warehouse").unwrap();
        assert_eq!(keys.open(&sealed, "shop/warehouse").unwrap().expose(), "hush");
        assert_eq!(keys.open(&sealed, "shop/other"), Err(SealingKeyError::Wrong { id: "k1".into() }));
        let others = SealingKeys::parse(&SealingKeys::generate("k1")).unwrap();
        assert_eq!(others.open(&sealed, "shop/warehouse"), Err(SealingKeyError::Wrong { id: "k1".into() }));
    }

    #[test]
    fn a_new_first_key_seals_while_the_old_one_still_opens() {
        let (old, new) = (SealingKeys::generate("old"), SealingKeys::generate("new"));
        let sealed = SealingKeys::parse(&old).unwrap().seal(&secret(), "d").unwrap();
        let both = SealingKeys::parse(&format!("{new}, {old}")).unwrap();
        assert_eq!(both.open(&sealed, "d").unwrap().expose(), "hush");
        assert_eq!(both.seal(&secret(), "d").unwrap().key_id, "new");
        assert_eq!(
            SealingKeys::parse(&new).unwrap().open(&sealed, "d"),
            Err(SealingKeyError::Unknown { id: "old".into() })
        );
    }

    #[test]
    fn a_malformed_key_is_named_by_its_place() {
        let good = SealingKeys::generate("k1");
        for bad in ["k2:short", "no-colon", ":AAAA"] {
            let error = SealingKeys::parse(&format!("{good},{bad}")).err();
            assert_eq!(error, Some(SealingKeyError::Malformed { number: 2 }), "{bad}");
        }
    }
}
