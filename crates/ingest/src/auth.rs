//! Auth: which write key, or which admin token for which source, a call carries.
//!
//! Invariants: the key itself is hashed at once and kept nowhere; how long a look-up takes depends on the key's hash
//! alone, which tells nothing about the keys that exist.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use thiserror::Error;
use tonic::metadata::MetadataMap;

/// SHA-256 of a write key.
pub(crate) type KeyHash = [u8; 32];

/// Why a call carries no usable write key.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
pub(crate) enum AuthError {
    #[error("no write key: send metadata `authorization: Bearer <write key>`")]
    Missing,
    #[error(
        "unreadable authorization: send `Bearer <write key>`, or `Basic` with the base64 of `<write key>:`"
    )]
    Malformed,
    #[error("the write key is unknown, revoked or expired")]
    Unknown,
    #[error("there is no source of the name in metadata `signalpost-source`")]
    UnknownSource,
}

/// What a call is let in by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    /// Of the write key; of the admin token when a source is named.
    pub(crate) hash: KeyHash,
    /// The source that is published for with an admin token.
    pub(crate) source: Option<String>,
}

/// What a call carries.
pub(crate) fn credential(metadata: &MetadataMap) -> Result<Credential, AuthError> {
    let source = metadata.get("signalpost-source");
    let source =
        source.map(|source| source.to_str().map(str::to_owned).map_err(|_| AuthError::UnknownSource));
    Ok(Credential { hash: key_hash(metadata)?, source: source.transpose()? })
}

/// The hash of the write key that a call carries.
fn key_hash(metadata: &MetadataMap) -> Result<KeyHash, AuthError> {
    let value = metadata.get("authorization").ok_or(AuthError::Missing)?;
    let value = value.to_str().map_err(|_| AuthError::Malformed)?.trim();
    let (scheme, rest) = value.split_once(' ').ok_or(AuthError::Malformed)?;
    let rest = rest.trim();
    if rest.is_empty() {
        return Err(AuthError::Malformed);
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(hash(rest.as_bytes()))
    } else if scheme.eq_ignore_ascii_case("basic") {
        basic(rest)
    } else {
        Err(AuthError::Malformed)
    }
}

/// Compat: Segment's libraries send the key as the user, with an empty password; the colon may be missing.
fn basic(credentials: &str) -> Result<KeyHash, AuthError> {
    let bytes = STANDARD.decode(credentials).map_err(|_| AuthError::Malformed)?;
    let key = bytes.split(|&byte| byte == b':').next().unwrap_or_default();
    if key.is_empty() { Err(AuthError::Malformed) } else { Ok(hash(key)) }
}

fn hash(key: &[u8]) -> KeyHash {
    let digest = digest::digest(&digest::SHA256, key);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authorization: &str) -> Result<KeyHash, AuthError> {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", authorization.parse().unwrap());
        key_hash(&metadata)
    }

    #[test]
    fn bearer_and_basic_carry_the_same_key() {
        let key = hash(b"wk_demo");
        assert_eq!(read("Bearer wk_demo"), Ok(key));
        assert_eq!(read("bearer  wk_demo "), Ok(key));
        assert_eq!(read("Basic d2tfZGVtbzo="), Ok(key)); // wk_demo:
        assert_eq!(read("Basic d2tfZGVtbw=="), Ok(key)); // wk_demo
    }

    #[test]
    fn what_carries_no_key_is_refused() {
        assert_eq!(key_hash(&MetadataMap::new()), Err(AuthError::Missing));
        for value in ["", "wk_demo", "Bearer ", "Basic !!", "Basic Og==", "Digest abc"] {
            assert_eq!(read(value), Err(AuthError::Malformed), "{value:?}");
        }
    }
}
