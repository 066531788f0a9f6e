//! Certificates of a destination: whom it trusts, and what it shows to receivers that ask; by value, or from a variable
//! or a file, as secrets are.
//!
//! Invariant: what is wrong is told at the name of the setting; the line of its value may hold a key.

use signalpost_core::delivery::Delivery;
use signalpost_core::secret::Secret;
use signalpost_tls::{Authorities, Identity, Part};

use super::problem::Problem;
use super::read::Reader;
use super::tree::{Kind, Member, Tree};

const CA: &str = "ca";
const CERTIFICATE: &str = "client_certificate";
const KEY: &str = "client_key";

/// The settings of `delivery` that are PEM, and the table without them.
pub(super) fn split(delivery: &Tree) -> (Vec<Member>, Tree) {
    let is_pem = |member: &Member| [CA, CERTIFICATE, KEY].contains(&member.key.as_str());
    let (pem, plain) = delivery.members().iter().cloned().partition(is_pem);
    (pem, Tree { place: delivery.place.clone(), kind: Kind::Object(plain) })
}

impl Reader<'_> {
    /// Reads and checks them; returns the private key, which is stored as a secret.
    pub(super) fn certificates(&mut self, given: &[Member], delivery: &mut Delivery) -> Option<Secret> {
        let member = |key: &str| given.iter().find(|member| member.key == key);
        let (ca, certificate, key) = (member(CA), member(CERTIFICATE), member(KEY));
        delivery.ca = ca.and_then(|member| self.authorities(member));
        match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => self.identity(certificate, key, delivery),
            (Some(one), None) => self.half(one, KEY),
            (None, Some(one)) => self.half(one, CERTIFICATE),
        }
    }

    fn authorities(&mut self, member: &Member) -> Option<String> {
        let text = self.pem(member)?;
        if let Err(error) = Authorities::from_pem(text.expose()) {
            self.wrong(member, &error.why);
        }
        Some(text.expose().to_owned())
    }

    fn identity(&mut self, certificate: &Member, key: &Member, delivery: &mut Delivery) -> Option<Secret> {
        let (text, secret) = (self.pem(certificate), self.pem(key));
        let (text, secret) = (text?, secret?);
        if let Err(error) = Identity::from_pem(text.expose(), secret.expose()) {
            let at_fault = if error.part == Part::Key { key } else { certificate };
            self.wrong(at_fault, &error.why);
        }
        delivery.client_certificate = Some(text.expose().to_owned());
        Some(secret)
    }

    /// Line ends after it are no difference.
    fn pem(&mut self, member: &Member) -> Option<Secret> {
        let text = self.secret(&member.value, &format!("`{}`", member.key))?;
        Some(Secret::new(text.expose().trim_end()))
    }

    fn half(&mut self, given: &Member, missing: &str) -> Option<Secret> {
        let text = format!("there is a `{}`, but no `{missing}`", given.key);
        self.problems.push(Problem::error(given.key_place.clone(), &text));
        None
    }

    fn wrong(&mut self, member: &Member, why: &signalpost_tls::Why) {
        let text = format!("`{}` {why}", member.key);
        self.refuse(&member.key_place, &text)
            .push_help("it is PEM: a text, { env = \"NAME\" } or { file = \"path\" }");
    }
}
