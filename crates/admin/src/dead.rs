//! Dead letters, and events that could not be mapped.

use signalpost_proto::v1;
use signalpost_storage::{BuryReason, DeadKey, DeadQuery, DeadView, RejectedView};
use tonic::Status;

use crate::convert::{moment, timestamp};
use crate::page::Page;
use crate::scope::Lanes;
use crate::service::Call;
use crate::status;

/// So much of one payload is shown.
const PAYLOAD_CHARACTERS_MAX: i32 = 1_000_000;
/// A page ends early when what it shows gets larger: clients take 4 MB.
const PAGE_BYTES: usize = 2 << 20;

pub(crate) async fn list(
    call: &Call<'_>,
    request: v1::ListDeadLettersRequest,
) -> Result<v1::ListDeadLettersResponse, Status> {
    let filter = request.filter.unwrap_or_default();
    let query = DeadQuery {
        position: filter.position,
        reason: reason(filter.reason()).map(BuryReason::as_str),
        since: moment("filter.since", filter.since)?,
        until: moment("filter.until", filter.until)?,
    };
    let page = Page::<DeadKey>::read(request.page_size, &request.page_token)?;
    let lanes = Lanes::of(call, "filter.parent", &filter.parent).await?;
    let found = call.inspection().dead(&lanes.ids, &query, page.after.as_ref(), page.limit()).await;
    let found = found.map_err(status::storage)?;
    if !request.with_payload {
        let (found, next_page_token) = page.cut(found, DeadView::key);
        let dead_letters = found.into_iter().map(|one| shown(&lanes, one, String::new())).collect();
        return Ok(v1::ListDeadLettersResponse { dead_letters, next_page_token });
    }
    let (mut bytes, mut with_payload) = (0, Vec::new());
    for one in found {
        let payload =
            call.inspection().dead_payload(one.mapping_id, one.position, PAYLOAD_CHARACTERS_MAX).await;
        let payload = payload.map_err(status::storage)?.unwrap_or_default();
        bytes += payload.len();
        with_payload.push((one, payload));
        if bytes > PAGE_BYTES {
            break; // the one too many shows that there are more
        }
    }
    let (told, next_page_token) = page.cut_at(with_payload, bytes > PAGE_BYTES, |(one, _)| one.key());
    let dead_letters = told.into_iter().map(|(one, payload)| shown(&lanes, one, payload)).collect();
    Ok(v1::ListDeadLettersResponse { dead_letters, next_page_token })
}

pub(crate) async fn rejected(
    call: &Call<'_>,
    request: v1::ListRejectedEventsRequest,
) -> Result<v1::ListRejectedEventsResponse, Status> {
    let since = moment("since", request.since)?;
    let page = Page::<i64>::read(request.page_size, &request.page_token)?;
    let lanes = Lanes::of(call, "parent", &request.parent).await?;
    let found = call.inspection().rejected(&lanes.ids, since, page.after, page.limit()).await;
    let mut found = found.map_err(status::storage)?;
    let mut bytes = 0;
    let fits = found.iter().take_while(|one| {
        bytes += one.event.len();
        bytes <= PAGE_BYTES
    });
    let fitting = fits.count().max(1);
    let is_cut = fitting < found.len();
    found.truncate(fitting + usize::from(is_cut));
    let (told, next_page_token) = page.cut_at(found, is_cut, |one| one.id);
    let rejected_events = told.into_iter().map(|one| shown_rejected(&lanes, one)).collect();
    Ok(v1::ListRejectedEventsResponse { rejected_events, next_page_token })
}

/// The reason that a filter names.
pub(crate) fn reason(given: v1::BuryReason) -> Option<BuryReason> {
    match given {
        v1::BuryReason::Unspecified => None,
        v1::BuryReason::Rejected => Some(BuryReason::Rejected),
        v1::BuryReason::Expired => Some(BuryReason::Expired),
        v1::BuryReason::Exhausted => Some(BuryReason::Exhausted),
        v1::BuryReason::Overflow => Some(BuryReason::Overflow),
    }
}

/// The reason as the contract has it.
pub(crate) fn shown_reason(reason: Option<BuryReason>) -> v1::BuryReason {
    match reason {
        None => v1::BuryReason::Unspecified,
        Some(BuryReason::Rejected) => v1::BuryReason::Rejected,
        Some(BuryReason::Expired) => v1::BuryReason::Expired,
        Some(BuryReason::Exhausted) => v1::BuryReason::Exhausted,
        Some(BuryReason::Overflow) => v1::BuryReason::Overflow,
    }
}

fn shown(lanes: &Lanes, one: DeadView, payload: String) -> v1::DeadLetter {
    v1::DeadLetter {
        mapping: lanes.name(one.mapping_id),
        mapping_id: one.mapping_id,
        position: one.position,
        event_count: u32::try_from(one.event_count).unwrap_or_default(),
        reason: shown_reason(BuryReason::parse(&one.reason)).into(),
        status: one.status.and_then(|status| u32::try_from(status).ok()).unwrap_or_default(),
        last_error: one.last_error.unwrap_or_default(),
        response: one.response.unwrap_or_default(),
        attempts: u32::try_from(one.attempts).unwrap_or_default(),
        batch_id: one.batch_id.map(|id| id.to_string()).unwrap_or_default(),
        enqueued_at: Some(timestamp(one.enqueued_at)),
        buried_at: Some(timestamp(one.buried_at)),
        payload,
    }
}

fn shown_rejected(lanes: &Lanes, one: RejectedView) -> v1::RejectedEvent {
    v1::RejectedEvent {
        mapping: lanes.name(one.mapping_id),
        id: one.id,
        message_id: one.message_id,
        path: one.path,
        reason: one.reason,
        event_json: one.event,
        rejected_at: Some(timestamp(one.rejected_at)),
    }
}
