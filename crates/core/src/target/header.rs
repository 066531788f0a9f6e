//! Mapped headers: which names and values are legal, and what joins.

use std::borrow::Cow;

/// Headers that belong to the connection and its framing: a mapping can not set them.
const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Why a header is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("{0} is not a legal HTTP header name")]
    Name(String),
    #[error("{0} is not a legal HTTP header value")]
    Value(String),
    #[error("{0} belongs to the connection and can not be mapped: leave it out")]
    Connection(String),
}

/// Checks names and values, and joins those whose names differ in case only.
pub(crate) fn check<'t>(
    members: impl Iterator<Item = (Cow<'t, str>, String)>,
) -> Result<Vec<(String, String)>, HeaderError> {
    let mut joined: Vec<(String, String)> = Vec::new();
    for (name, value) in members {
        check_name(&name)?;
        if !value.chars().all(is_legal) {
            return Err(HeaderError::Value(value));
        }
        match joined.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(&name)) {
            Some((_, values)) => {
                values.push_str(", ");
                values.push_str(&value);
            }
            None => joined.push((name.into_owned(), value)),
        }
    }
    Ok(joined)
}

fn check_name(name: &str) -> Result<(), HeaderError> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(HeaderError::Name(name.to_owned()));
    }
    if OF_THE_CONNECTION.iter().any(|refused| refused.eq_ignore_ascii_case(name)) {
        return Err(HeaderError::Connection(name.to_owned()));
    }
    Ok(())
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_legal(character: char) -> bool {
    matches!(character, '\t' | ' '..='~' | '\u{80}'..='\u{ff}')
}

/// Headers as a JSON object whose members keep their order.
pub(super) mod members {
    use std::fmt;

    use serde::de::{MapAccess, Visitor};
    use serde::{Deserializer, Serializer};

    type Pairs = Vec<(String, String)>;

    pub(crate) fn serialize<S: Serializer>(pairs: &Pairs, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of header names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(members: &[(&str, &str)]) -> Result<Vec<(String, String)>, HeaderError> {
        check(members.iter().map(|(name, value)| (Cow::Borrowed(*name), (*value).to_owned())))
    }

    #[test]
    fn names_that_differ_in_case_only_are_joined() {
        let headers = checked(&[("X-A", "one"), ("B", "2"), ("x-a", "two")]).unwrap();
        assert_eq!(headers, [("X-A".into(), "one, two".into()), ("B".into(), "2".into())]);
    }

    #[test]
    fn what_can_not_be_sent_is_refused_by_name() {
        let refused = |name: &str, value: &str| checked(&[(name, value)]).unwrap_err().to_string();
        assert_eq!(refused("a b", ""), "a b is not a legal HTTP header name");
        assert_eq!(refused("", ""), " is not a legal HTTP header name");
        assert_eq!(refused("a", "x\ny"), "x\ny is not a legal HTTP header value");
        assert_eq!(refused("a", "€"), "€ is not a legal HTTP header value");
        assert!(refused("Transfer-Encoding", "chunked").contains("belongs to the connection"));
        assert_eq!(checked(&[("a", "é")]).unwrap()[0].1, "é");
    }
}
