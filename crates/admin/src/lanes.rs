//! Lanes: how much waits, since when, in what state and why.

use std::time::Duration;

use signalpost_proto::v1;
use signalpost_storage::{LaneView, NameKey};
use tonic::Status;

use crate::convert::{elapsed, timestamp};
use crate::page::Page;
use crate::service::Call;
use crate::{names, status};

pub(crate) async fn list(
    call: &Call<'_>,
    request: v1::ListLanesRequest,
) -> Result<v1::ListLanesResponse, Status> {
    let scope = names::parent("parent", &request.parent)?;
    let page = Page::<NameKey>::read(request.page_size, &request.page_token)?;
    let after = page.after.clone().unwrap_or_default();
    let inspection = call.inspection();
    let found = inspection.lanes(&scope, request.only_troubled, &after, page.limit()).await;
    let found = found.map_err(status::storage)?;
    if found.is_empty() && !inspection.is_there(&scope).await.map_err(status::storage)? {
        return Err(status::not_found(&format!("source, destination or mapping {}", request.parent)));
    }
    let key = |lane: &LaneView| [lane.source.clone(), lane.destination.clone(), lane.mapping.clone()];
    let (found, next_page_token) = page.cut(found, key);
    Ok(v1::ListLanesResponse { lanes: found.into_iter().map(shown).collect(), next_page_token })
}

pub(crate) fn shown(lane: LaneView) -> v1::Lane {
    let age = lane.oldest_age.map(|age| {
        let days = i64::from(age.days) + 30 * i64::from(age.months);
        let microseconds = age.microseconds.saturating_add(days.saturating_mul(86_400_000_000));
        elapsed(Duration::from_micros(u64::try_from(microseconds).unwrap_or_default()))
    });
    v1::Lane {
        mapping: format!("{}/{}/{}", lane.source, lane.destination, lane.mapping),
        mapping_id: lane.mapping_id,
        state: lane.state,
        why: lane.why.unwrap_or_default(),
        batches: lane.batches,
        events: lane.events,
        bytes: lane.bytes,
        is_estimate: lane.is_estimate,
        oldest_age: age,
        in_flight: lane.in_flight,
        window: lane.window,
        delivered_per_second: lane.delivered_per_second,
        retrying_batches: lane.retrying_batches,
        next_attempt_at: lane.next_attempt_at.map(timestamp),
        last_error: lane.last_error.unwrap_or_default(),
        dead_events: lane.dead_events,
        enabled: lane.enabled,
        dispatcher: lane.dispatcher.unwrap_or_default(),
    }
}
