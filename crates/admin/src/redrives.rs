//! Redrives: jobs that queue dead letters again.

use signalpost_proto::v1;
use signalpost_storage::{DeadFilter, NewRedrive, Redrive, RedriveControl, RedriveError, RedriveState};
use tonic::Status;

use crate::check::Mistakes;
use crate::convert::{moment, timestamp};
use crate::page::Page;
use crate::service::Call;
use crate::{dead, names, status};

pub(crate) async fn create(
    call: &Call<'_>,
    request: v1::CreateRedriveRequest,
) -> Result<v1::CreateRedriveResponse, Status> {
    let filter = request.filter.unwrap_or_default();
    let mut mistakes = Mistakes::default();
    if filter.parent.is_empty() {
        mistakes.push("filter.parent", "say whose dead letters: a source, destination or mapping");
    }
    pace(request.events_per_second, &mut mistakes);
    mistakes.refuse()?;
    names::parent("filter.parent", &filter.parent)?;
    let wanted = NewRedrive {
        filter: DeadFilter {
            position: filter.position,
            reason: dead::reason(filter.reason()),
            since: moment("filter.since", filter.since)?,
            until: moment("filter.until", filter.until)?,
            parent: filter.parent.clone(),
        },
        events_per_second: request.events_per_second,
    };
    let redrive = if request.dry_run {
        let events_matched = call.redrives().dry_run(&wanted.filter).await.map_err(refused)?;
        v1::Redrive {
            filter: Some(filter),
            events_per_second: request.events_per_second,
            events_matched,
            ..v1::Redrive::default()
        }
    } else {
        shown(call.redrives().create(&wanted, &call.actor()).await.map_err(refused)?)
    };
    Ok(v1::CreateRedriveResponse { redrive: Some(redrive) })
}

pub(crate) async fn get(
    call: &Call<'_>,
    request: v1::GetRedriveRequest,
) -> Result<v1::GetRedriveResponse, Status> {
    let found = call.redrives().get(request.id).await.map_err(status::storage)?;
    let redrive = found.ok_or_else(|| status::not_found(&format!("redrive {}", request.id)))?;
    Ok(v1::GetRedriveResponse { redrive: Some(shown(redrive)) })
}

pub(crate) async fn list(
    call: &Call<'_>,
    request: v1::ListRedrivesRequest,
) -> Result<v1::ListRedrivesResponse, Status> {
    let page = Page::<i64>::read(request.page_size, &request.page_token)?;
    let found = call.redrives().list(request.only_live, page.after, page.limit()).await;
    let (found, next_page_token) = page.cut(found.map_err(status::storage)?, |redrive| redrive.id);
    Ok(v1::ListRedrivesResponse { redrives: found.into_iter().map(shown).collect(), next_page_token })
}

pub(crate) async fn control(
    call: &Call<'_>,
    request: v1::ControlRedriveRequest,
) -> Result<v1::ControlRedriveResponse, Status> {
    let control = match request.control() {
        v1::RedriveControl::Unspecified => None,
        v1::RedriveControl::Pause => Some(RedriveControl::Pause),
        v1::RedriveControl::Resume => Some(RedriveControl::Resume),
        v1::RedriveControl::Cancel => Some(RedriveControl::Cancel),
    };
    let mut mistakes = Mistakes::default();
    match request.events_per_second {
        Some(events_per_second) => pace(events_per_second, &mut mistakes),
        None if control.is_none() => {
            mistakes.push("control", "say what to do: PAUSE, RESUME, CANCEL, or another pace");
        }
        None => {}
    }
    mistakes.refuse()?;
    let changed =
        call.redrives().control(request.id, control, request.events_per_second, &call.actor()).await;
    Ok(v1::ControlRedriveResponse { redrive: Some(shown(changed.map_err(refused)?)) })
}

fn pace(events_per_second: f64, mistakes: &mut Mistakes) {
    if !(events_per_second.is_finite() && events_per_second >= 0.0) {
        mistakes.push("events_per_second", "it is 0 (as fast as it goes) or more");
    }
}

fn refused(error: RedriveError) -> Status {
    match error {
        RedriveError::Refused(message) => status::precondition(message),
        RedriveError::NotFound(message) => status::not_found_saying(message),
        RedriveError::Storage(error) => status::storage(error),
    }
}

fn shown(redrive: Redrive) -> v1::Redrive {
    let state = match redrive.state {
        RedriveState::Running => v1::RedriveState::Running,
        RedriveState::Paused => v1::RedriveState::Paused,
        RedriveState::Done => v1::RedriveState::Done,
        RedriveState::Cancelled => v1::RedriveState::Cancelled,
    };
    let filter = v1::DeadLetterFilter {
        parent: redrive.filter.parent,
        position: redrive.filter.position,
        reason: dead::shown_reason(redrive.filter.reason).into(),
        since: redrive.filter.since.map(timestamp),
        until: redrive.filter.until.map(timestamp),
    };
    v1::Redrive {
        id: redrive.id,
        filter: Some(filter),
        events_per_second: redrive.events_per_second,
        state: state.into(),
        events_matched: redrive.events_matched,
        events_redriven: redrive.events_redriven,
        created_at: Some(timestamp(redrive.created_at)),
        created_by: redrive.created_by,
        ended_at: redrive.ended_at.map(timestamp),
    }
}
