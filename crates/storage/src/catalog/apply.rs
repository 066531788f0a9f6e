//! Applying a configuration: the difference between what is wanted and what is there, made and told.
//!
//! Invariants: all or nothing; applying the same twice changes nothing the second time; what is not wanted any more is
//! only removed when asked, and never while events wait for it; no secret is told.

pub(super) mod difference;
pub(super) mod statements;

use sqlx::PgConnection;

use super::{
    CatalogStore, SealingKeyError, SealingKeys, Wanted, WantedDestination, WantedSource,
    sealing::{self, Sealed},
    secrets,
};
use crate::StorageError;
use crate::actor::begin_as;
pub use difference::{Change, ChangeKind, FieldChange};

/// How many mappings a destination may have.
pub(super) const MAPPINGS_MAX: usize = 5;

/// A configuration cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A sixth mapping.
    #[error("destination {destination} has more than {MAPPINGS_MAX} mappings: {sixth:?} is one too many")]
    TooManyMappings {
        /// `source/destination`.
        destination: String,
        /// The name of the sixth.
        sixth: String,
    },
    /// The mappings that are wanted leave no room for those that are not listed any more.
    #[error(
        "destination {destination} still has {unlisted}, which the file no longer lists: with it there would be more than {MAPPINGS_MAX} mappings. Apply with --prune to remove it"
    )]
    NoRoom {
        /// `source/destination`.
        destination: String,
        /// Their names.
        unlisted: String,
    },
    /// Two of one name.
    #[error("{what} is listed twice")]
    Twice {
        /// Kind and full name.
        what: String,
    },
    /// A write key that another source has.
    #[error(
        "a write key of source {source_name} (it begins with {prefix:?}) already belongs to another source"
    )]
    KeyTaken {
        /// The source.
        source_name: String,
        /// The first characters of the key.
        prefix: String,
    },
    /// A mapping cannot be removed yet.
    #[error(
        "{what} cannot be removed: {events} events still wait in its queue. Disable it and let it drain, or purge it"
    )]
    StillQueued {
        /// Kind and full name.
        what: String,
        /// How many.
        events: i64,
    },
    /// A secret cannot be sealed.
    #[error("the shared secret of {destination} cannot be sealed")]
    Seal {
        /// `source/destination`.
        destination: String,
        /// Why.
        source: SealingKeyError,
    },
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// What to do with what is there and not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unlisted {
    Keep,
    Remove,
}

impl CatalogStore {
    /// Makes the configuration what is wanted, in one transaction, and tells what changed. `prune` removes what is not
    /// listed; otherwise that is told as unlisted. With `dry_run` nothing is kept.
    pub async fn apply(
        &self,
        wanted: &Wanted,
        keys: &SealingKeys,
        prune: bool,
        dry_run: bool,
    ) -> Result<Vec<Change>, ApplyError> {
        self.apply_as("", wanted, keys, prune, dry_run).await
    }

    /// The same for somebody whom the audit log is to name.
    pub async fn apply_as(
        &self,
        actor: &str,
        wanted: &Wanted,
        keys: &SealingKeys,
        prune: bool,
        dry_run: bool,
    ) -> Result<Vec<Change>, ApplyError> {
        check_names(wanted)?;
        let unlisted = if prune { Unlisted::Remove } else { Unlisted::Keep };
        let mut transaction = begin_as(&self.pool, actor).await?;
        statements::take_turns(&mut transaction).await?;
        let mut changes = Vec::new();
        for source in &wanted.sources {
            apply_source(&mut transaction, source, keys, unlisted, &mut changes).await?;
        }
        let listed: Vec<&str> = wanted.sources.iter().map(|source| source.name.as_str()).collect();
        for (id, name) in statements::other_sources(&mut transaction, &listed).await? {
            let what = format!("source {name}");
            if unlisted == Unlisted::Remove {
                refuse_if_queued(&what, statements::queued_of_source(&mut transaction, id).await?)?;
                statements::delete_source(&mut transaction, id).await?;
            }
            changes.push(unlisted.change(what));
        }
        if dry_run {
            transaction.rollback().await?;
        } else {
            transaction.commit().await?;
        }
        Ok(changes)
    }
}

impl Unlisted {
    fn change(self, what: String) -> Change {
        let kind = match self {
            Self::Keep => ChangeKind::Unlisted,
            Self::Remove => ChangeKind::Removed,
        };
        Change { kind, what, fields: Vec::new() }
    }
}

async fn apply_source(
    connection: &mut PgConnection,
    wanted: &WantedSource,
    keys: &SealingKeys,
    unlisted: Unlisted,
    changes: &mut Vec<Change>,
) -> Result<(), ApplyError> {
    let (id, created) = statements::source(connection, &wanted.name).await?;
    let fields = apply_write_keys(connection, id, wanted).await?;
    changes.extend(Change::of(created, format!("source {}", wanted.name), fields));
    for destination in &wanted.destinations {
        apply_destination(connection, id, &wanted.name, destination, keys, unlisted, changes).await?;
    }
    let listed: Vec<&str> = wanted.destinations.iter().map(|one| one.name.as_str()).collect();
    for (id, name) in statements::other_destinations(connection, id, &listed).await? {
        let what = format!("destination {}/{name}", wanted.name);
        if unlisted == Unlisted::Remove {
            refuse_if_queued(&what, statements::queued_of_destination(connection, id).await?)?;
            statements::delete_destination(connection, id).await?;
        }
        changes.push(unlisted.change(what));
    }
    Ok(())
}

async fn apply_write_keys(
    connection: &mut PgConnection,
    source_id: i64,
    wanted: &WantedSource,
) -> Result<Vec<FieldChange>, ApplyError> {
    let mut changes = Vec::new();
    let mut hashes = Vec::new();
    for key in &wanted.write_keys {
        let (hash, prefix) = (sealing::hash(key).to_vec(), sealing::prefix(key));
        let taken = || ApplyError::KeyTaken { source_name: wanted.name.clone(), prefix: prefix.clone() };
        if statements::grant(connection, source_id, &hash, &prefix).await?.ok_or_else(taken)? {
            changes.push(FieldChange::added("write key", format!("{prefix}…")));
        }
        hashes.push(hash);
    }
    for prefix in statements::revoke_others(connection, source_id, &hashes).await? {
        changes.push(FieldChange::removed("write key", format!("{prefix}…")));
    }
    Ok(changes)
}

async fn apply_destination(
    connection: &mut PgConnection,
    source_id: i64,
    source: &str,
    wanted: &WantedDestination,
    keys: &SealingKeys,
    unlisted: Unlisted,
    changes: &mut Vec<Change>,
) -> Result<(), ApplyError> {
    let name = format!("{source}/{}", wanted.name);
    let seal = |secret, owner: &str| {
        keys.seal(secret, owner).map_err(|source| ApplyError::Seal { destination: name.clone(), source })
    };
    let current = statements::destination(connection, source_id, &wanted.name).await?;
    let fields = difference::of_destination(current.as_ref(), wanted, keys, &name);
    let id = match &current {
        Some(current) if fields.is_empty() => current.id,
        _ => {
            let sealed: Option<Sealed> =
                wanted.shared_secret.as_ref().map(|secret| seal(secret, &name)).transpose()?;
            let id = statements::put_destination(connection, source_id, wanted, sealed).await?;
            for (purpose, secret) in wanted.secrets.by_purpose() {
                let sealed = secret
                    .as_ref()
                    .map(|secret| seal(secret, &secrets::owner(&name, purpose)))
                    .transpose()?;
                statements::put_secret(connection, id, purpose, sealed).await?;
            }
            id
        }
    };
    changes.extend(Change::of(current.is_none(), format!("destination {name}"), fields));
    apply_mappings(connection, id, &name, wanted, unlisted, changes).await
}

async fn apply_mappings(
    connection: &mut PgConnection,
    destination_id: i64,
    destination: &str,
    wanted: &WantedDestination,
    unlisted: Unlisted,
    changes: &mut Vec<Change>,
) -> Result<(), ApplyError> {
    let current = statements::mappings(connection, destination_id).await?;
    let (listed, others): (Vec<_>, Vec<_>) =
        current.iter().partition(|one| wanted.mappings.iter().any(|mapping| mapping.name == one.name));
    if unlisted == Unlisted::Keep && wanted.mappings.len() + others.len() > MAPPINGS_MAX {
        let unlisted = others.iter().map(|one| format!("{:?}", one.name)).collect::<Vec<_>>().join(", ");
        return Err(ApplyError::NoRoom { destination: destination.to_owned(), unlisted });
    }
    for (index, other) in others.into_iter().enumerate() {
        let what = format!("mapping {destination}/{}", other.name);
        if unlisted == Unlisted::Remove {
            refuse_if_queued(&what, statements::queued_of_mapping(connection, other.id).await?)?;
            statements::delete_mapping(connection, other.id).await?;
        } else {
            let position = position(wanted.mappings.len() + index);
            if position != other.position {
                statements::move_mapping(connection, other.id, position).await?;
            }
        }
        changes.push(unlisted.change(what));
    }
    for (index, mapping) in wanted.mappings.iter().enumerate() {
        let current = listed.iter().find(|one| one.name == mapping.name);
        let fields = difference::of_mapping(current.copied(), mapping, position(index));
        if current.is_none() || !fields.is_empty() {
            statements::put_mapping(connection, destination_id, position(index), mapping).await?;
        }
        changes.extend(Change::of(
            current.is_none(),
            format!("mapping {destination}/{}", mapping.name),
            fields,
        ));
    }
    Ok(())
}

fn position(index: usize) -> i16 {
    i16::try_from(index + 1).expect("checked: at most five mappings")
}

fn refuse_if_queued(what: &str, events: i64) -> Result<(), ApplyError> {
    match events {
        0 => Ok(()),
        events => Err(ApplyError::StillQueued { what: what.to_owned(), events }),
    }
}

/// Names are unique where they have to be, and no destination has a sixth mapping.
fn check_names(wanted: &Wanted) -> Result<(), ApplyError> {
    unique("source", "", wanted.sources.iter().map(|source| &source.name))?;
    for source in &wanted.sources {
        let prefix = format!("{}/", source.name);
        unique("destination", &prefix, source.destinations.iter().map(|one| &one.name))?;
        for destination in &source.destinations {
            let name = format!("{prefix}{}", destination.name);
            if let Some(sixth) = destination.mappings.get(MAPPINGS_MAX) {
                return Err(ApplyError::TooManyMappings { destination: name, sixth: sixth.name.clone() });
            }
            unique("mapping", &format!("{name}/"), destination.mappings.iter().map(|one| &one.name))?;
        }
    }
    Ok(())
}

fn unique<'a>(kind: &str, prefix: &str, names: impl Iterator<Item = &'a String>) -> Result<(), ApplyError> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ApplyError::Twice { what: format!("{kind} {prefix}{name}") });
        }
    }
    Ok(())
}
