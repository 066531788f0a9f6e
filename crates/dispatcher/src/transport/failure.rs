//! Failure: which kind of failure an error of the client is, and the words for it.

use std::error::Error;
use std::io::ErrorKind;

use rustls::AlertDescription;
use signalpost_core::outcome::Failure;
use signalpost_tls::Unverified;

use super::NoAnswer;
use super::connector::ConnectError;
use super::proxy::ProxyError;

/// Tells the errors of the client apart.
pub(super) fn classify(error: &hyper_util::client::legacy::Error) -> NoAnswer {
    let failure = kind(error);
    let reason = match failure {
        // The outer errors say only that there was no connection.
        Failure::Dns | Failure::Address | Failure::Connect | Failure::Tls => innermost_words(error),
        _ => words(error),
    };
    let advice = advice(error).map(|advice| format!(" ({advice})")).unwrap_or_default();
    NoAnswer { failure, reason: format!("{failure}: {reason}{advice}") }
}

/// A proxy that answered instead of the receiver.
pub(super) fn of_proxy(proxy: &str, error: &ProxyError) -> NoAnswer {
    let failure = Failure::Connect;
    NoAnswer { failure, reason: format!("{failure}: the proxy {proxy}: {error}") }
}

/// What to do about an error of TLS, where one setting of the destination is at fault.
fn advice(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let of_receiver = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>())?;
    match of_receiver {
        rustls::Error::InvalidCertificate(_) if causes(error).any(is_unknown_authority) => {
            Some("an authority of your own belongs into delivery.ca")
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => Some(
            "the receiver asks for a client certificate: delivery.client_certificate and delivery.client_key",
        ),
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied,
        ) => Some("the receiver does not accept delivery.client_certificate"),
        _ => None,
    }
}

fn is_unknown_authority(cause: &(dyn Error + 'static)) -> bool {
    Unverified::of(cause).is_some_and(|unverified| unverified.is_unknown_authority)
}

fn kind(error: &hyper_util::client::legacy::Error) -> Failure {
    for cause in causes(error) {
        if let Some(connect) = cause.downcast_ref::<ConnectError>() {
            return match connect {
                ConnectError::Dns { .. } => Failure::Dns,
                ConnectError::Refused { .. } => Failure::Address,
                ConnectError::Connect { .. } | ConnectError::Proxy { .. } => Failure::Connect,
                ConnectError::NoHost { .. } => Failure::Request,
            };
        }
        if cause.is::<rustls::Error>() {
            return Failure::Tls;
        }
    }
    if error.is_connect() {
        return Failure::Tls;
    }
    let is_broken = |kind| {
        matches!(
            kind,
            ErrorKind::ConnectionReset
                | ErrorKind::BrokenPipe
                | ErrorKind::ConnectionAborted
                | ErrorKind::UnexpectedEof
        )
    };
    for cause in causes(error) {
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            if hyper.is_parse() {
                return Failure::Protocol;
            }
            if hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled() {
                return Failure::Reset;
            }
        }
        if cause.downcast_ref::<std::io::Error>().is_some_and(|io| is_broken(io.kind())) {
            return Failure::Reset;
        }
    }
    Failure::Protocol
}

/// The error and everything that caused it, also what is wrapped in errors of I/O.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

fn words(error: &(dyn Error + 'static)) -> String {
    let said = |cause: &(dyn Error + 'static)| {
        Unverified::of(cause).map_or_else(|| cause.to_string(), ToString::to_string)
    };
    let mut words: Vec<String> = causes(error).map(said).collect();
    words.dedup();
    words.join(": ")
}

/// From the first cause of ours, or of TLS, on.
fn innermost_words(error: &(dyn Error + 'static)) -> String {
    let telling = causes(error).find(|cause| cause.is::<ConnectError>() || cause.is::<rustls::Error>());
    telling.map_or_else(|| words(error), words)
}
