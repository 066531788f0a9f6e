//! The audit log.

use signalpost_proto::v1;
use tonic::Status;

use crate::convert::{moment, timestamp};
use crate::page::Page;
use crate::service::Call;
use crate::{names, status};

pub(crate) async fn list(
    call: &Call<'_>,
    request: v1::ListAuditRequest,
) -> Result<v1::ListAuditResponse, Status> {
    names::parent("parent", &request.parent)?; // what it names may be gone: its story is not
    let since = moment("since", request.since)?;
    let page = Page::<i64>::read(request.page_size, &request.page_token)?;
    let parent = Some(request.parent.as_str()).filter(|parent| !parent.is_empty());
    let found = call.inspection().audit(parent, since, page.after, page.limit()).await;
    let (found, next_page_token) = page.cut(found.map_err(status::storage)?, |entry| entry.id);
    let entries = found.into_iter().map(|entry| v1::AuditEntry {
        id: entry.id,
        done_at: Some(timestamp(entry.done_at)),
        actor: entry.actor,
        action: entry.action,
        subject: entry.subject,
        detail_json: entry.detail.0.to_string(),
    });
    Ok(v1::ListAuditResponse { entries: entries.collect(), next_page_token })
}
