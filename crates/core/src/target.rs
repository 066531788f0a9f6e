//! Target: where a payload goes: URL, method and headers, checked.
//!
//! Invariants: a target that exists can be sent; two payloads of a mapping may share a request exactly when the JSON
//! texts of their targets are equal.

mod header;

use iri_string::types::UriStr;
use serde::{Deserialize, Serialize};

pub(crate) use header::check as check_headers;

/// The resolved and checked `url`, `method` and `headers` of a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// An absolute `http` or `https` URL, as it was mapped: it may hold credentials and a fragment.
    pub url: String,
    /// The request's method.
    pub method: Method,
    /// Mapped headers in the mapping's order. Names are unique without regard to case; values hold no character
    /// beyond U+00FF (they are sent as Latin-1), and the text `undefined` removes a header, also a default one.
    #[serde(default, with = "header::members", skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The data's JSON text when `batch_keys` names it: only payloads with equal data share a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// The methods that a mapping may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
}

impl Method {
    /// The method of this exact spelling.
    pub fn parse(text: &str) -> Option<Method> {
        match text {
            "POST" => Some(Method::Post),
            "PUT" => Some(Method::Put),
            "PATCH" => Some(Method::Patch),
            _ => None,
        }
    }

    /// As it stands in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
        }
    }
}

impl Target {
    /// The canonical JSON text, as it is queued.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and lists of strings serialize")
    }

    /// Reads what [`Target::to_json`] wrote.
    pub fn from_json(text: &str) -> serde_json::Result<Target> {
        serde_json::from_str(text)
    }
}

/// Why a URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("URL must be a valid URI string but it was not.")]
    NotAUri,
    #[error("Invalid URL")]
    Invalid,
    #[error("URL must be an http or https URL but it was not.")]
    Scheme,
}

/// Checks that `url` is a URI by RFC 3986, and one that can be requested.
pub(crate) fn check_url(url: &str) -> Result<(), UrlError> {
    UriStr::new(url).map_err(|_| UrlError::NotAUri)?;
    let scheme = url.split(':').next().unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(UrlError::Scheme);
    }
    url::Url::parse(url).map_err(|_| UrlError::Invalid)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_uri_that_can_be_requested() {
        for url in ["http://a", "HTTPS://a.example:8443/b?c=%20#d", "http:x", "http://u:p@[::1]/"] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
        for url in [
            "",
            "a",
            "//a/b",
            "http://a b",
            "http://a/{b}",
            "http://a/|",
            "http://a/ä",
            "http://a/%zz",
            "http://a/[b]",
        ] {
            assert_eq!(check_url(url), Err(UrlError::NotAUri), "{url}");
        }
        for url in ["http://", "http://a:65536/"] {
            assert_eq!(check_url(url), Err(UrlError::Invalid), "{url}");
        }
        for url in ["mailto:a@b", "urn:a:b", "ftp://a"] {
            assert_eq!(check_url(url), Err(UrlError::Scheme), "{url}");
        }
    }

    #[test]
    fn a_target_survives_its_json_text() {
        let target = Target {
            url: "https://a.example/".to_owned(),
            method: Method::Put,
            headers: vec![("X-A".to_owned(), "é".to_owned()), ("1".to_owned(), "one".to_owned())],
            group: None,
        };
        let text = target.to_json();
        assert_eq!(text, r#"{"url":"https://a.example/","method":"PUT","headers":{"X-A":"é","1":"one"}}"#);
        assert_eq!(Target::from_json(&text).unwrap(), target);
    }
}
