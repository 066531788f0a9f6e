//! Config: where a service's certificate, key and client authorities are.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use signalpost_core::secret::Secret;

use super::{Error, Why};

/// What TLS needs, as PEM. What stands in a file is read again when the file changes.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server's certificate, followed by its intermediates.
    pub certificate: Pem,
    /// The certificate's private key.
    pub key: Pem,
    /// Certificates of the authorities whose clients may connect. When present, a client must show a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<Pem>,
}

/// PEM text, by itself or in a file: `"-----BEGIN …"` or `{ file = "path" }`. `Debug` and `Serialize` show no text.
#[derive(Debug, Clone)]
pub enum Pem {
    /// The text itself.
    Text(Secret),
    /// The file that holds it.
    File(PathBuf),
}

impl Pem {
    /// The text as it is now.
    pub(super) fn read(&self, setting: &'static str) -> Result<String, Error> {
        match self {
            Self::Text(text) => Ok(text.expose().to_owned()),
            Self::File(file) => {
                let unreadable =
                    |error| Error { setting, file: Some(file.clone()), why: Why::Unreadable(error) };
                fs::read_to_string(file).map_err(unreadable)
            }
        }
    }

    pub(super) fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::Text(_) => None,
            Self::File(file) => Some(file),
        }
    }
}

impl From<&str> for Pem {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl Serialize for Pem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(_) => serializer.serialize_str("***"),
            Self::File(file) => serializer.collect_map([("file", file)]),
        }
    }
}

impl<'de> Deserialize<'de> for Pem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PemVisitor)
    }
}

struct PemVisitor;

impl<'de> Visitor<'de> for PemVisitor {
    type Value = Pem;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PEM text, or the path of a file as …_file")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pem, E> {
        Ok(text.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pem, A::Error> {
        match map.next_entry::<String, PathBuf>()? {
            Some((key, file)) if key == "file" => Ok(Pem::File(file)),
            Some((key, _)) => Err(A::Error::unknown_field(&key, &["file"])),
            None => Err(A::Error::missing_field("file")),
        }
    }
}
