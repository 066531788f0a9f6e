//! Sources and their write keys.

use std::time::Duration;

use signalpost_proto::v1;
use signalpost_storage::{SourceView, WriteKeyView};
use tonic::Status;

use crate::check::Mistakes;
use crate::convert::{duration, timestamp};
use crate::page::Page;
use crate::service::Call;
use crate::{made, names, status};

type Answer<T> = Result<T, Status>;

pub(crate) async fn list(
    call: &Call<'_>,
    request: v1::ListSourcesRequest,
) -> Answer<v1::ListSourcesResponse> {
    let page = Page::<String>::read(request.page_size, &request.page_token)?;
    let after = page.after.as_deref().unwrap_or_default();
    let found = call.catalog().sources(None, after, page.limit()).await.map_err(status::storage)?;
    let (found, next_page_token) = page.cut(found, |source| source.name.clone());
    let sources = found.into_iter().map(shown).collect();
    Ok(v1::ListSourcesResponse { sources, next_page_token })
}

pub(crate) async fn get(call: &Call<'_>, request: v1::GetSourceRequest) -> Answer<v1::GetSourceResponse> {
    let name = names::source("name", &request.name)?;
    Ok(v1::GetSourceResponse { source: Some(shown(find(call, &name).await?)) })
}

pub(crate) async fn create(
    call: &Call<'_>,
    request: v1::CreateSourceRequest,
) -> Answer<v1::CreateSourceResponse> {
    let name = names::source("name", &request.name)?;
    let mut edit = call.edit().await?;
    edit.create_source(&name).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    Ok(v1::CreateSourceResponse { source: Some(shown(find(call, &name).await?)) })
}

pub(crate) async fn update(
    call: &Call<'_>,
    request: v1::UpdateSourceRequest,
) -> Answer<v1::UpdateSourceResponse> {
    let mut mistakes = Mistakes::default();
    mistakes.name("name", Some(&request.name));
    mistakes.name("new_name", Some(&request.new_name));
    mistakes.refuse()?;
    let mut edit = call.edit().await?;
    edit.rename_source(&request.name, &request.new_name, call.keys()).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    Ok(v1::UpdateSourceResponse { source: Some(shown(find(call, &request.new_name).await?)) })
}

pub(crate) async fn delete(
    call: &Call<'_>,
    request: v1::DeleteSourceRequest,
) -> Answer<v1::DeleteSourceResponse> {
    let name = names::source("name", &request.name)?;
    let mut edit = call.edit().await?;
    edit.delete_source(&name).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    Ok(v1::DeleteSourceResponse {})
}

pub(crate) async fn create_write_key(
    call: &Call<'_>,
    request: v1::CreateWriteKeyRequest,
) -> Answer<v1::CreateWriteKeyResponse> {
    let source = names::source("source", &request.source)?;
    let revoke_others_after = duration("revoke_others_after", request.revoke_others_after)?;
    let key = made::write_key();
    let mut edit = call.edit().await?;
    let id = edit.create_write_key(&source, &key, revoke_others_after).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    let write_key = Some(shown_key(find_key(call, &source, id).await?));
    Ok(v1::CreateWriteKeyResponse { write_key, key: key.expose().to_owned() })
}

pub(crate) async fn revoke_write_key(
    call: &Call<'_>,
    request: v1::RevokeWriteKeyRequest,
) -> Answer<v1::RevokeWriteKeyResponse> {
    let source = names::source("source", &request.source)?;
    let after = duration("after", request.after)?.unwrap_or(Duration::ZERO);
    let mut edit = call.edit().await?;
    edit.revoke_write_key(&source, request.id, after).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    let write_key = Some(shown_key(find_key(call, &source, request.id).await?));
    Ok(v1::RevokeWriteKeyResponse { write_key })
}

async fn find(call: &Call<'_>, name: &str) -> Answer<SourceView> {
    let found = call.catalog().sources(Some(name), "", 1).await.map_err(status::storage)?;
    found.into_iter().next().ok_or_else(|| status::not_found(&format!("source {name}")))
}

async fn find_key(call: &Call<'_>, source: &str, id: i64) -> Answer<WriteKeyView> {
    let found = find(call, source).await?.write_keys.into_iter().find(|key| key.id == id);
    found.ok_or_else(|| status::not_found(&format!("write key {id} of source {source}")))
}

fn shown(source: SourceView) -> v1::Source {
    v1::Source {
        name: source.name,
        write_keys: source.write_keys.into_iter().map(shown_key).collect(),
        created_at: Some(timestamp(source.created_at)),
    }
}

fn shown_key(key: WriteKeyView) -> v1::WriteKey {
    v1::WriteKey {
        id: key.id,
        prefix: key.prefix,
        created_at: Some(timestamp(key.created_at)),
        revoked_at: key.revoked_at.map(timestamp),
    }
}
