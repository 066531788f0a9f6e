//! Auth: whose token a call carries.
//!
//! Invariants: why a token is not good is told to nobody; tokens are compared by their hashes, so how long that takes
//! tells nothing about them; the token itself is kept nowhere.

use ring::digest;
use signalpost_core::secret::Secret;
use signalpost_storage::{StorageError, TokenRole, TokenStore};
use tonic::metadata::MetadataMap;

/// The name of the token that the settings give.
pub(crate) const ROOT: &str = "root";

/// Whoever makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The name of their token.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: TokenRole,
}

impl Caller {
    /// As the audit log calls them.
    pub(crate) fn actor(&self) -> String {
        format!("token {}", self.name)
    }
}

/// The tokens that are good.
pub(crate) struct Tokens {
    root: Option<[u8; 32]>,
    store: TokenStore,
}

impl Tokens {
    pub(crate) fn new(root: Option<&Secret>, store: TokenStore) -> Self {
        Self { root: root.map(hash), store }
    }

    /// Who carries this token; none: nobody that is known.
    pub(crate) async fn caller(
        &self,
        token: &Secret,
        hash: &[u8; 32],
    ) -> Result<Option<Caller>, StorageError> {
        // All bytes are compared, whatever the first ones say.
        let differs =
            |root: &[u8; 32]| root.iter().zip(hash).fold(0, |differs, (a, b)| differs | (a ^ b)) != 0;
        if self.root.as_ref().is_some_and(|root| !differs(root)) {
            return Ok(Some(Caller { name: ROOT.to_owned(), role: TokenRole::Admin }));
        }
        let good = self.store.good(token).await?;
        Ok(good.map(|good| Caller { name: good.name, role: good.role }))
    }
}

/// The token that a call carries.
pub(crate) fn token(metadata: &MetadataMap) -> Option<Secret> {
    let value = metadata.get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| Secret::new(token))
}

/// What a token is known by.
pub(crate) fn hash(token: &Secret) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, token.expose().as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authorization: &str) -> Option<String> {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", authorization.parse().expect("printable"));
        token(&metadata).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn only_a_bearer_carries_a_token() {
        assert_eq!(read("Bearer sp_x").as_deref(), Some("sp_x"));
        assert_eq!(read("bearer  sp_x ").as_deref(), Some("sp_x"));
        for other in ["", "sp_x", "Bearer ", "Basic c3BfeDo="] {
            assert_eq!(read(other), None, "{other}");
        }
        assert_eq!(token(&MetadataMap::new()), None);
    }
}
