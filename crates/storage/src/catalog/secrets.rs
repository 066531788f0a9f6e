//! Secrets: what a destination signs with beside its shared secret, and its client certificate's key; each is stored
//! sealed under its own name.

use signalpost_core::secret::Secret;

/// The secrets of a destination beside the shared one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// The shared secret before the present one, while receivers change over: it makes `X-Signature-Previous`.
    pub previous_shared_secret: Option<Secret>,
    /// The secret of Standard Webhooks; none: its headers are not sent.
    pub webhook_secret: Option<Secret>,
    /// The one before, whose signature is sent too.
    pub previous_webhook_secret: Option<Secret>,
    /// The private key of `delivery.client_certificate`, as PEM.
    pub client_key: Option<Secret>,
}

impl Secrets {
    /// Each by the name that the table and the configuration file have for it.
    pub(super) fn by_purpose(&self) -> [(&'static str, &Option<Secret>); 4] {
        [
            ("previous_shared_secret", &self.previous_shared_secret),
            ("webhook_secret", &self.webhook_secret),
            ("previous_webhook_secret", &self.previous_webhook_secret),
            ("client_key", &self.client_key),
        ]
    }

    /// Puts one in its place; one whose name is not known to this build is of a newer one.
    pub(super) fn set(&mut self, purpose: &str, secret: Option<Secret>) {
        match purpose {
            "previous_shared_secret" => self.previous_shared_secret = secret,
            "webhook_secret" => self.webhook_secret = secret,
            "previous_webhook_secret" => self.previous_webhook_secret = secret,
            "client_key" => self.client_key = secret,
            _ => {}
        }
    }
}

/// What a secret is sealed for: one that is moved to another destination or purpose does not open.
pub(super) fn owner(destination: &str, purpose: &str) -> String {
    format!("{destination}#{purpose}")
}
