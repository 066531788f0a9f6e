//! Request: the method, URL, headers and exact bytes that go to a receiver.
//!
//! A [`Prepared`] holds what does not change from request to request of one target; it is made once and used many times.
//! Headers are set in this order, later wins (names without case):
//! 1. ours: `user-agent`, `accept`, `x-signalpost-batch-id`, `x-signalpost-attempt`, `x-signalpost-maybe-repeated`
//! 2. `x-signature`, `x-signature-previous`, `webhook-id`, `webhook-timestamp`, `webhook-signature`
//! 3. those of the mapping; the text `undefined` deletes a header, also one of ours
//! 4. `content-type: application/json`, always, when there is a body
//!
//! `content-length`, and what concerns the connection and not the request, is not for a mapping to set.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Uri};
use percent_encoding::percent_decode_str;
use url::Url;
use uuid::Uuid;

use crate::body::Body;
use crate::signature::Signatures;

/// What a receiver sees as `user-agent`.
pub const USER_AGENT_TEXT: &str = concat!("Signalpost/", env!("CARGO_PKG_VERSION"));

const SIGNATURE: HeaderName = HeaderName::from_static("x-signature");
const SIGNATURE_PREVIOUS: HeaderName = HeaderName::from_static("x-signature-previous");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const BATCH_ID: HeaderName = HeaderName::from_static("x-signalpost-batch-id");
const ATTEMPT: HeaderName = HeaderName::from_static("x-signalpost-attempt");
const MAYBE_REPEATED: HeaderName = HeaderName::from_static("x-signalpost-maybe-repeated");

/// What the connection decides: a mapping that set these could make one request look like two.
const OF_THE_CONNECTION: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Why no request can be made for a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// The URL is none, or none a receiver can have.
    #[error("{url} is no http or https URL")]
    Url {
        /// As it was given.
        url: String,
    },
    /// The method is none.
    #[error("{method} is no HTTP method")]
    Method {
        /// As it was given.
        method: String,
    },
    /// Not a header name.
    #[error("{name} is not a legal HTTP header name")]
    HeaderName {
        /// As it was given.
        name: String,
    },
    /// Not a header value.
    #[error("the value of {name} is not a legal HTTP header value")]
    HeaderValue {
        /// The header.
        name: String,
    },
}

/// What tells one request from another, for receivers that want to drop duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Stays the same over retries.
    pub batch_id: Uuid,
    /// 1 for the first.
    pub attempt: u32,
    /// Another dispatcher may have sent the same events before.
    pub is_maybe_repeated: bool,
}

/// A request as it is sent.
#[derive(Debug, Clone)]
pub struct OutboundRequest {
    /// The method.
    pub method: Method,
    /// The URL, without credentials and fragment.
    pub uri: Uri,
    /// All headers but those the connection adds (`host`, `content-length`).
    pub headers: HeaderMap,
    /// The exact bytes that are signed and sent; `None`: no body.
    pub body: Option<Body>,
}

impl OutboundRequest {
    /// Names and values of the headers, to show them.
    pub fn header_lines(&self) -> impl Iterator<Item = (&str, String)> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes().iter().map(|&b| char::from(b)).collect()))
    }
}

/// A target made ready: everything that is the same for all its requests.
#[derive(Debug, Clone)]
pub struct Prepared {
    method: Method,
    uri: Uri,
    /// The mapping's headers, and those of ours that are the same every time.
    headers: HeaderMap,
    /// Headers of ours that the mapping sets or deletes.
    overridden: Vec<HeaderName>,
}

impl Prepared {
    /// Checks a target once, so that making its requests can't fail.
    pub fn new(method: &str, url: &str, mapped: &[(String, String)]) -> Result<Self, InvalidRequest> {
        let parsed_method = Method::from_bytes(method.as_bytes())
            .map_err(|_| InvalidRequest::Method { method: method.to_owned() })?;
        let (uri, authorization) = read_url(url)?;
        let mut headers = HeaderMap::with_capacity(mapped.len() + 8);
        let mut overridden = Vec::new();
        for (name, text) in mapped {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| InvalidRequest::HeaderName { name: name.clone() })?;
            if OF_THE_CONNECTION.contains(&name.as_str()) {
                continue;
            }
            if text != "undefined" {
                let value =
                    latin1(text).ok_or_else(|| InvalidRequest::HeaderValue { name: name.to_string() })?;
                add_joined(&mut headers, &name, value);
            }
            overridden.push(name);
        }
        let ours = [
            Some((USER_AGENT, HeaderValue::from_static(USER_AGENT_TEXT))),
            Some((ACCEPT, HeaderValue::from_static("*/*"))),
            authorization.map(|value| (AUTHORIZATION, value)),
        ];
        for (name, value) in ours.into_iter().flatten() {
            if !overridden.contains(&name) {
                headers.insert(name, value);
            }
        }
        Ok(Self { method: parsed_method, uri, headers, overridden })
    }

    /// The URL as it will be asked for.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// One request.
    pub fn request(
        &self,
        body: Option<Body>,
        signatures: &Signatures,
        identity: Identity,
    ) -> OutboundRequest {
        let mut headers = self.headers.clone();
        let mut set = |name: HeaderName, value: HeaderValue| {
            if !self.overridden.contains(&name) {
                headers.insert(name, value);
            }
        };
        let text = |text: &str| HeaderValue::from_str(text).expect("hex, base64 and digits are legal");
        let mut id = Uuid::encode_buffer();
        let id = text(identity.batch_id.hyphenated().encode_lower(&mut id));
        let shared = [(SIGNATURE, &signatures.shared), (SIGNATURE_PREVIOUS, &signatures.previous)];
        for (name, signature) in shared {
            if let Some(signature) = signature {
                set(name, text(signature));
            }
        }
        if let Some((timestamp, signature)) = &signatures.webhook {
            set(WEBHOOK_ID, id.clone());
            set(WEBHOOK_TIMESTAMP, HeaderValue::from(*timestamp));
            set(WEBHOOK_SIGNATURE, text(signature));
        }
        set(BATCH_ID, id);
        set(ATTEMPT, HeaderValue::from(identity.attempt));
        if identity.is_maybe_repeated {
            set(MAYBE_REPEATED, HeaderValue::from_static("true"));
        }
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        OutboundRequest { method: self.method.clone(), uri: self.uri.clone(), headers, body }
    }
}

/// The URL without credentials and fragment; credentials become a Basic `authorization`.
fn read_url(text: &str) -> Result<(Uri, Option<HeaderValue>), InvalidRequest> {
    let invalid = || InvalidRequest::Url { url: text.to_owned() };
    let mut url = Url::parse(text).map_err(|_| invalid())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(invalid());
    }
    let authorization = credentials(&url);
    url.set_fragment(None);
    url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| invalid())?;
    let uri = url.as_str().parse().map_err(|_| invalid())?;
    Ok((uri, authorization))
}

fn credentials(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut text: Vec<u8> = percent_decode_str(url.username()).collect();
    text.push(b':');
    text.extend(percent_decode_str(url.password().unwrap_or_default()));
    let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64.encode(text))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A header value as it is sent: Latin-1, without blanks around it.
fn latin1(text: &str) -> Option<HeaderValue> {
    let text = text.trim_matches([' ', '\t']);
    let bytes: Vec<u8> = text.chars().map(u8::try_from).collect::<Result<_, _>>().ok()?;
    HeaderValue::from_bytes(&bytes).ok()
}

/// Two names that differ in case only are one header, its values joined.
fn add_joined(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue) {
    let joined = headers.get(name).map(|before| [before.as_bytes(), b", ", value.as_bytes()].concat());
    let value = joined.and_then(|joined| HeaderValue::from_bytes(&joined).ok()).unwrap_or(value);
    headers.insert(name, value);
}

#[cfg(test)]
mod tests;
