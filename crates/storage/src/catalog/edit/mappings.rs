//! Mappings and their versions.

use serde_json::Value;

use super::super::apply::statements;
use super::super::{WantedMapping, apply::MAPPINGS_MAX};
use super::{Edit, EditError, expect_version, refuse_if_queued, taken};

/// What to change of a mapping; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct MappingChange {
    /// The last part of its new name.
    pub name: Option<String>,
    /// Whether new events are queued for it.
    pub enabled: Option<bool>,
    /// The condition that decides whether it wants an event.
    pub trigger: Option<String>,
    /// Segment's mapping object.
    pub fields: Option<Value>,
}

impl Edit {
    /// Makes a mapping at the first position that is free.
    pub async fn create_mapping(
        &mut self,
        source: &str,
        destination: &str,
        wanted: &WantedMapping,
    ) -> Result<(), EditError> {
        let (id, _) = self.destination_id(source, destination).await?;
        let there = statements::mappings(&mut self.transaction, id).await?;
        if there.iter().any(|one| one.name == wanted.name) {
            let what = format!("mapping {source}/{destination}/{}", wanted.name);
            return Err(EditError::Exists { what });
        }
        let positions = 1..=i16::try_from(MAPPINGS_MAX).expect("a handful");
        let free = positions.into_iter().find(|position| there.iter().all(|one| one.position != *position));
        let position = free
            .ok_or_else(|| EditError::Full { destination: format!("destination {source}/{destination}") })?;
        Ok(statements::put_mapping(&mut self.transaction, id, position, wanted).await?)
    }

    /// Changes what is given.
    pub async fn update_mapping(
        &mut self,
        source: &str,
        destination: &str,
        name: &str,
        expected_version: Option<i64>,
        change: &MappingChange,
    ) -> Result<(), EditError> {
        let full_name = format!("mapping {source}/{destination}/{name}");
        let (id, version) = self.mapping_id(source, destination, name).await?;
        expect_version(&full_name, expected_version, version)?;
        sqlx::query!(
            "UPDATE signalpost.mappings
             SET name = coalesce($2, name), enabled = coalesce($3, enabled), trigger = coalesce($4, trigger),
                 fields = coalesce($5::text::json, fields)
             WHERE id = $1",
            id,
            change.name,
            change.enabled,
            change.trigger,
            change.fields.as_ref().map(ToString::to_string) // as text: the order of its keys counts
        )
        .execute(&mut *self.transaction)
        .await
        .map_err(|error| {
            let name = change.name.as_deref().unwrap_or(name);
            taken(error, || format!("mapping {source}/{destination}/{name}"))
        })?;
        Ok(())
    }

    /// Removes a mapping, unless events wait for it.
    pub async fn delete_mapping(
        &mut self,
        source: &str,
        destination: &str,
        name: &str,
    ) -> Result<(), EditError> {
        let (id, _) = self.mapping_id(source, destination, name).await?;
        let queued = statements::queued_of_mapping(&mut self.transaction, id).await?;
        refuse_if_queued(format!("mapping {source}/{destination}/{name}"), queued)?;
        Ok(statements::delete_mapping(&mut self.transaction, id).await?)
    }

    /// Gives a mapping the trigger, the fields and the switch that it had at a version. Its name and place stay.
    pub async fn restore_mapping(
        &mut self,
        source: &str,
        destination: &str,
        name: &str,
        version: i64,
    ) -> Result<(), EditError> {
        let (id, _) = self.mapping_id(source, destination, name).await?;
        let restored = sqlx::query!(
            "UPDATE signalpost.mappings m SET enabled = v.enabled, trigger = v.trigger, fields = v.fields
             FROM signalpost.mapping_versions v WHERE m.id = $1 AND v.mapping_id = m.id AND v.version = $2",
            id,
            version
        )
        .execute(&mut *self.transaction)
        .await?;
        if restored.rows_affected() == 0 {
            let what = format!("version {version} of mapping {source}/{destination}/{name}");
            return Err(EditError::NotFound { what });
        }
        Ok(())
    }

    /// A mapping's number and version.
    pub(super) async fn mapping_id(
        &mut self,
        source: &str,
        destination: &str,
        name: &str,
    ) -> Result<(i64, i64), EditError> {
        let found = sqlx::query!(
            "SELECT m.id, m.version FROM signalpost.mappings m
             JOIN signalpost.destinations d ON d.id = m.destination_id
             JOIN signalpost.sources s ON s.id = d.source_id
             WHERE s.name = $1 AND d.name = $2 AND m.name = $3",
            source,
            destination,
            name
        )
        .fetch_optional(&mut *self.transaction)
        .await?;
        found
            .map(|row| (row.id, row.version))
            .ok_or_else(|| EditError::NotFound { what: format!("mapping {source}/{destination}/{name}") })
    }
}
