//! Reload: a certificate that is replaced while the service runs.
//!
//! Invariants: what is used was read whole and fits together; a change that can't be used is said once, and what was
//! used before stays in use; what is half written at one look is only judged at the next.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use signalpost_tls::{Certificate, Standing};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use super::serving::{Serving, Texts};
use super::{Config, Error};

/// How often the files are looked at. By what they hold: times of change say little where links are swapped.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A certificate that ends sooner is worth a word.
const SOON: Duration = Duration::from_hours(7 * 24);

/// The TLS of a service that runs.
pub struct Server {
    config: Config,
    serving: Serving,
    /// What is being served with.
    texts: Texts,
    /// What the last look found, if that can't be used, and whether it was said.
    trouble: Option<Trouble>,
}

/// A change that can't be used.
struct Trouble {
    reason: String,
    is_said: bool,
}

impl Server {
    /// Reads and checks everything.
    pub fn load(config: &Config) -> Result<Self, Error> {
        let texts = Texts::read(config)?;
        let serving = Serving::new(&texts, config)?;
        Ok(Self { config: config.clone(), serving, texts, trouble: None })
    }

    /// The certificate in use.
    pub fn certificate(&self) -> &Certificate {
        &self.serving.certificate
    }

    /// What should be looked at although it can be used: certificates that have ended, or will soon.
    pub fn remarks(&self) -> Vec<String> {
        let ours = std::iter::once(("tls.certificate", &self.serving.certificate));
        let clients = self.serving.authorities.iter().map(|one| ("tls.client_ca", one));
        ours.chain(clients).filter_map(|(setting, certificate)| remark(setting, certificate)).collect()
    }

    pub(crate) fn say_remarks(&self) {
        for remark in self.remarks() {
            warn!(remark, "a certificate needs to be renewed");
        }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.serving.config))
    }

    /// Takes up what has changed. True when something is in use that was not before.
    pub(crate) fn look(&mut self) -> bool {
        if self.config.certificate.file().or(self.config.key.file()).is_none()
            && self.config.client_ca.as_ref().is_none_or(|ca| ca.file().is_none())
        {
            return false;
        }
        let found = Texts::read(&self.config).and_then(|texts| {
            let is_news = texts != self.texts;
            let serving = if is_news { Some(Serving::new(&texts, &self.config)?) } else { None };
            Ok((texts, serving))
        });
        match found {
            Err(error) => {
                self.keep(error.to_string());
                false
            }
            Ok((texts, serving)) => self.take(texts, serving),
        }
    }

    fn take(&mut self, texts: Texts, serving: Option<Serving>) -> bool {
        let was_said = self.trouble.take().is_some_and(|trouble| trouble.is_said);
        let Some(serving) = serving else {
            if was_said {
                info!("the certificate files are again those in use");
            }
            return false;
        };
        (self.texts, self.serving) = (texts, serving);
        info!(certificate = %self.serving.certificate, "the certificate was replaced, new connections get it");
        self.say_remarks();
        true
    }

    fn keep(&mut self, reason: String) {
        match &mut self.trouble {
            Some(trouble) if trouble.reason == reason => {
                if !std::mem::replace(&mut trouble.is_said, true) {
                    let kept = &self.serving.certificate;
                    warn!(reason, %kept, "the certificate files changed and can not be used: what was read before stays in use");
                }
            }
            _ => self.trouble = Some(Trouble { reason, is_said: false }),
        }
    }
}

fn remark(setting: &str, certificate: &Certificate) -> Option<String> {
    match certificate.standing(UnixTime::now()) {
        Standing::Expired => Some(format!("{setting} has expired: {certificate}")),
        Standing::NotYet => Some(format!("{setting} is not valid yet: {certificate}")),
        Standing::Valid(left) if left < SOON => {
            Some(format!("{setting} expires in {} hours: {certificate}", left.as_secs() / 3600))
        }
        Standing::Valid(_) => None,
    }
}
