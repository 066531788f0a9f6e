//! Destinations and what they sign with.

use signalpost_core::delivery::Delivery;
use signalpost_core::json::Numbers;
use signalpost_core::secret::Secret;
use signalpost_core::signature::SignatureMode;

use super::super::apply::{difference, statements};
use super::super::{SealingKeys, WantedDestination, reseal, sealing::Sealed, secrets};
use super::{Edit, EditError, expect_version, refuse_if_queued, taken};

/// What to change of a destination; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct DestinationChange {
    /// The last part of its new name.
    pub name: Option<String>,
    /// Whether new events are queued for it.
    pub enabled: Option<bool>,
    /// What the signature covers.
    pub signature: Option<SignatureMode>,
    /// How numbers are written.
    pub numbers: Option<Numbers>,
    /// Time-outs, concurrency, retry, addresses.
    pub delivery: Option<Delivery>,
    /// The private key of the client certificate; it goes when delivery settings without a certificate come.
    pub client_key: Option<Secret>,
}

/// Which secret of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretPurpose {
    /// That of `X-Signature`.
    Shared,
    /// That of Standard Webhooks.
    Webhook,
}

impl SecretPurpose {
    fn previous(self) -> &'static str {
        match self {
            Self::Shared => "previous_shared_secret",
            Self::Webhook => "previous_webhook_secret",
        }
    }
}

const WEBHOOK: &str = "webhook_secret";
const CLIENT_KEY: &str = "client_key";

impl Edit {
    /// Makes a destination; the mappings that it lists are not made.
    pub async fn create_destination(
        &mut self,
        source: &str,
        wanted: &WantedDestination,
        keys: &SealingKeys,
    ) -> Result<(), EditError> {
        let source_id = self.source_id(source).await?;
        let name = format!("{source}/{}", wanted.name);
        if statements::destination(&mut self.transaction, source_id, &wanted.name).await?.is_some() {
            return Err(EditError::Exists { what: format!("destination {name}") });
        }
        let sealed =
            wanted.shared_secret.as_ref().map(|secret| seal(keys, secret, &name, &name)).transpose()?;
        let id = statements::put_destination(&mut self.transaction, source_id, wanted, sealed).await?;
        for (purpose, secret) in wanted.secrets.by_purpose() {
            if let Some(secret) = secret {
                let sealed = seal(keys, secret, &name, &secrets::owner(&name, purpose))?;
                statements::put_secret(&mut self.transaction, id, purpose, Some(sealed)).await?;
            }
        }
        Ok(())
    }

    /// Changes what is given.
    pub async fn update_destination(
        &mut self,
        source: &str,
        name: &str,
        expected_version: Option<i64>,
        change: &DestinationChange,
        keys: &SealingKeys,
    ) -> Result<(), EditError> {
        let full_name = format!("{source}/{name}");
        let (id, version) = self.destination_id(source, name).await?;
        expect_version(&format!("destination {full_name}"), expected_version, version)?;
        let after = format!("{source}/{}", change.name.as_deref().unwrap_or(name));
        if after != full_name {
            reseal::for_another_name(&mut self.transaction, id, &full_name, &after, keys).await?;
        }
        let drops_key = change.delivery.as_ref().is_some_and(|one| one.client_certificate.is_none());
        if let Some(key) = &change.client_key {
            let sealed = seal(keys, key, &after, &secrets::owner(&after, CLIENT_KEY))?;
            statements::put_secret(&mut self.transaction, id, CLIENT_KEY, Some(sealed)).await?;
        } else if drops_key {
            statements::put_secret(&mut self.transaction, id, CLIENT_KEY, None).await?;
        }
        let delivery = change
            .delivery
            .as_ref()
            .map(|delivery| serde_json::to_string(delivery).expect("settings are plain values"));
        sqlx::query!(
            "UPDATE signalpost.destinations
             SET name = coalesce($2, name), enabled = coalesce($3, enabled), signature = coalesce($4, signature),
                 numbers = coalesce($5, numbers), delivery = coalesce($6::text::json, delivery)
             WHERE id = $1",
            id,
            change.name,
            change.enabled,
            change.signature.as_ref().map(difference::word),
            change.numbers.as_ref().map(difference::word),
            delivery
        )
        .execute(&mut *self.transaction)
        .await
        .map_err(|error| {
            taken(error, || format!("destination {after}"))
        })?;
        Ok(())
    }

    /// Removes a destination and its mappings, unless events wait for it.
    pub async fn delete_destination(&mut self, source: &str, name: &str) -> Result<(), EditError> {
        let (id, _) = self.destination_id(source, name).await?;
        let queued = statements::queued_of_destination(&mut self.transaction, id).await?;
        refuse_if_queued(format!("destination {source}/{name}"), queued)?;
        Ok(statements::delete_destination(&mut self.transaction, id).await?)
    }

    /// Gives a destination a new secret; the one before goes on signing until `drop_previous_secret`.
    pub async fn rotate_secret(
        &mut self,
        source: &str,
        name: &str,
        purpose: SecretPurpose,
        secret: &Secret,
        keys: &SealingKeys,
    ) -> Result<(), EditError> {
        let full_name = format!("{source}/{name}");
        let (id, _) = self.destination_id(source, name).await?;
        let source_id = self.source_id(source).await?;
        let stored = statements::destination(&mut self.transaction, source_id, name).await?;
        let mut stored = stored.ok_or_else(|| not_found(&full_name))?;
        if stored.secrets.contains_key(purpose.previous()) {
            return Err(EditError::Impossible(format!(
                "destination {full_name} still signs with the secret before the present one: finish that change first"
            )));
        }
        let (current, owner) = match purpose {
            SecretPurpose::Shared => (stored.sealed.take(), full_name.clone()),
            SecretPurpose::Webhook => (stored.secrets.remove(WEBHOOK), secrets::owner(&full_name, WEBHOOK)),
        };
        if let Some(current) = current {
            let current = keys.open(&current, &owner).map_err(|source| seal_error(&full_name, source))?;
            let previous = seal(keys, &current, &full_name, &secrets::owner(&full_name, purpose.previous()))?;
            statements::put_secret(&mut self.transaction, id, purpose.previous(), Some(previous)).await?;
        }
        let sealed = seal(keys, secret, &full_name, &owner)?;
        match purpose {
            SecretPurpose::Webhook => {
                statements::put_secret(&mut self.transaction, id, WEBHOOK, Some(sealed)).await?;
            }
            SecretPurpose::Shared => {
                sqlx::query!(
                    "UPDATE signalpost.destinations SET shared_secret = $2, shared_secret_key = $3 WHERE id = $1",
                    id,
                    sealed.bytes,
                    sealed.key_id
                )
                .execute(&mut *self.transaction)
                .await?;
            }
        }
        Ok(())
    }

    /// Ends the overlap: the secret before the present one signs no more.
    pub async fn drop_previous_secret(
        &mut self,
        source: &str,
        name: &str,
        purpose: SecretPurpose,
    ) -> Result<(), EditError> {
        let (id, _) = self.destination_id(source, name).await?;
        Ok(statements::put_secret(&mut self.transaction, id, purpose.previous(), None).await?)
    }

    /// A destination's number and version.
    pub(super) async fn destination_id(&mut self, source: &str, name: &str) -> Result<(i64, i64), EditError> {
        let found = sqlx::query!(
            "SELECT d.id, d.version FROM signalpost.destinations d
             JOIN signalpost.sources s ON s.id = d.source_id WHERE s.name = $1 AND d.name = $2",
            source,
            name
        )
        .fetch_optional(&mut *self.transaction)
        .await?;
        found.map(|row| (row.id, row.version)).ok_or_else(|| not_found(&format!("{source}/{name}")))
    }
}

fn not_found(full_name: &str) -> EditError {
    EditError::NotFound { what: format!("destination {full_name}") }
}

fn seal(keys: &SealingKeys, secret: &Secret, destination: &str, owner: &str) -> Result<Sealed, EditError> {
    keys.seal(secret, owner).map_err(|source| seal_error(destination, source))
}

fn seal_error(destination: &str, source: super::super::SealingKeyError) -> EditError {
    EditError::Seal { destination: destination.to_owned(), source }
}
