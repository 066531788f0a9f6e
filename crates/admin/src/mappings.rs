//! Mappings and their versions.

use signalpost_core::json::Numbers;
use signalpost_proto::v1;
use signalpost_storage::{MappingChange, MappingView, NameKey, Scope, WantedMapping};
use tonic::Status;

use crate::check::Mistakes;
use crate::convert::timestamp;
use crate::page::Page;
use crate::scope::must_exist;
use crate::service::Call;
use crate::{destinations, names, status};

type Answer<T> = Result<T, Status>;

pub(crate) async fn list(
    call: &Call<'_>,
    request: v1::ListMappingsRequest,
) -> Answer<v1::ListMappingsResponse> {
    let scope = names::parent("parent", &request.parent)?;
    let page = Page::<NameKey>::read(request.page_size, &request.page_token)?;
    let after = page.after.clone().unwrap_or_default();
    let found = call.catalog().mappings(&scope, &after, page.limit()).await.map_err(status::storage)?;
    if found.is_empty() {
        must_exist(call, &scope, &request.parent).await?;
    }
    let key = |one: &MappingView| [one.source.clone(), one.destination.clone(), one.name.clone()];
    let (found, next_page_token) = page.cut(found, key);
    Ok(v1::ListMappingsResponse { mappings: found.into_iter().map(shown).collect(), next_page_token })
}

pub(crate) async fn get(call: &Call<'_>, request: v1::GetMappingRequest) -> Answer<v1::GetMappingResponse> {
    let name = names::mapping("name", &request.name)?;
    Ok(v1::GetMappingResponse { mapping: Some(shown(find(call, &name).await?)) })
}

pub(crate) async fn create(
    call: &Call<'_>,
    request: v1::CreateMappingRequest,
) -> Answer<v1::CreateMappingResponse> {
    let name = names::mapping("name", &request.name)?;
    let numbers = destinations::find(call, &name[0], &name[1]).await?.numbers;
    let mut mistakes = Mistakes::default();
    let warnings = mistakes.trigger("trigger", &request.trigger);
    let fields = mistakes.fields("fields_json", &request.fields_json, numbers);
    mistakes.refuse()?;
    let wanted = WantedMapping {
        name: name[2].clone(),
        enabled: request.enabled.unwrap_or(true),
        trigger: request.trigger,
        fields,
    };
    let mut edit = call.edit().await?;
    edit.create_mapping(&name[0], &name[1], &wanted).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    Ok(v1::CreateMappingResponse { mapping: Some(shown(find(call, &name).await?)), warnings })
}

pub(crate) async fn update(
    call: &Call<'_>,
    request: v1::UpdateMappingRequest,
) -> Answer<v1::UpdateMappingResponse> {
    let mut name = names::mapping("name", &request.name)?;
    let numbers = match request.fields_json {
        Some(_) => destinations::find(call, &name[0], &name[1]).await?.numbers,
        None => Numbers::default(),
    };
    let mut mistakes = Mistakes::default();
    mistakes.name("new_name", request.new_name.as_ref());
    let warnings = request.trigger.as_ref().map(|trigger| mistakes.trigger("trigger", trigger));
    let fields = request.fields_json.map(|json| mistakes.fields("fields_json", &json, numbers));
    mistakes.refuse()?;
    let change =
        MappingChange { name: request.new_name, enabled: request.enabled, trigger: request.trigger, fields };
    let expected = Some(request.expected_version).filter(|version| *version != 0);
    let mut edit = call.edit().await?;
    edit.update_mapping(&name[0], &name[1], &name[2], expected, &change).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    if let Some(new_name) = change.name {
        name[2] = new_name;
    }
    let warnings = warnings.unwrap_or_default();
    Ok(v1::UpdateMappingResponse { mapping: Some(shown(find(call, &name).await?)), warnings })
}

pub(crate) async fn delete(
    call: &Call<'_>,
    request: v1::DeleteMappingRequest,
) -> Answer<v1::DeleteMappingResponse> {
    let [source, destination, name] = names::mapping("name", &request.name)?;
    let mut edit = call.edit().await?;
    edit.delete_mapping(&source, &destination, &name).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    Ok(v1::DeleteMappingResponse {})
}

pub(crate) async fn versions(
    call: &Call<'_>,
    request: v1::ListMappingVersionsRequest,
) -> Answer<v1::ListMappingVersionsResponse> {
    let name = names::mapping("name", &request.name)?;
    let page = Page::<i64>::read(request.page_size, &request.page_token)?;
    let mapping = find(call, &name).await?;
    let found = call.catalog().mapping_versions(mapping.id, page.after, page.limit()).await;
    let (found, next_page_token) = page.cut(found.map_err(status::storage)?, |one| one.mapping.version);
    let versions = found.into_iter().map(|one| v1::MappingVersion {
        mapping: Some(shown(one.mapping)),
        changed_at: Some(timestamp(one.changed_at)),
        changed_by: one.changed_by,
    });
    Ok(v1::ListMappingVersionsResponse { versions: versions.collect(), next_page_token })
}

pub(crate) async fn restore(
    call: &Call<'_>,
    request: v1::RestoreMappingRequest,
) -> Answer<v1::RestoreMappingResponse> {
    let name = names::mapping("name", &request.name)?;
    let mut edit = call.edit().await?;
    edit.restore_mapping(&name[0], &name[1], &name[2], request.version).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    Ok(v1::RestoreMappingResponse { mapping: Some(shown(find(call, &name).await?)) })
}

pub(crate) async fn find(call: &Call<'_>, name: &[String; 3]) -> Answer<MappingView> {
    let [source, destination, mapping] = name.clone().map(Some);
    let scope = Scope { source, destination, mapping };
    let found = call.catalog().mappings(&scope, &NameKey::default(), 1).await.map_err(status::storage)?;
    found.into_iter().next().ok_or_else(|| status::not_found(&format!("mapping {}", name.join("/"))))
}

fn shown(one: MappingView) -> v1::Mapping {
    v1::Mapping {
        name: format!("{}/{}/{}", one.source, one.destination, one.name),
        position: u32::try_from(one.position).unwrap_or_default(),
        enabled: one.enabled,
        trigger: one.trigger,
        fields_json: one.fields.to_string(),
        version: one.version,
        paused_at: one.paused_at.map(timestamp),
        paused_why: one.paused_why.unwrap_or_default(),
        mapping_id: one.id,
    }
}
