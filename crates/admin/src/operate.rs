//! Operating lanes: pause, resume, retry, purge; and sealing secrets anew.

use signalpost_proto::v1;
use signalpost_storage::Purged;
use tonic::Status;

use crate::scope::Lanes;
use crate::service::Call;
use crate::{names, status};

pub(crate) async fn pause(call: &Call<'_>, request: v1::PauseRequest) -> Result<v1::PauseResponse, Status> {
    if request.why.trim().is_empty() {
        return Err(status::invalid("why", "say why: it is shown wherever the lane is"));
    }
    let lane = Lanes::one(call, "mapping", &request.mapping).await?;
    call.operations().pause(lane, &request.why, &call.actor()).await.map_err(status::storage)?;
    Ok(v1::PauseResponse {})
}

pub(crate) async fn resume(
    call: &Call<'_>,
    request: v1::ResumeRequest,
) -> Result<v1::ResumeResponse, Status> {
    let lane = Lanes::one(call, "mapping", &request.mapping).await?;
    call.operations().resume(lane, &call.actor()).await.map_err(status::storage)?;
    Ok(v1::ResumeResponse {})
}

pub(crate) async fn retry_now(
    call: &Call<'_>,
    request: v1::RetryNowRequest,
) -> Result<v1::RetryNowResponse, Status> {
    let lane = Lanes::one(call, "mapping", &request.mapping).await?;
    let batches = call.operations().retry_now(lane, &call.actor()).await.map_err(status::storage)?;
    Ok(v1::RetryNowResponse { batches })
}

pub(crate) async fn purge(call: &Call<'_>, request: v1::PurgeRequest) -> Result<v1::PurgeResponse, Status> {
    names::mapping("mapping", &request.mapping)?;
    let what = match request.what() {
        v1::PurgeWhat::Queued => Purged::Queued,
        v1::PurgeWhat::Dead => Purged::Dead,
        v1::PurgeWhat::Rejected => Purged::Rejected,
        v1::PurgeWhat::Unspecified => return Err(status::invalid("what", "it is QUEUED, DEAD or REJECTED")),
    };
    if !request.dry_run && request.confirm != request.mapping {
        let mistake = format!("repeat the mapping's name, {}: there is no way back", request.mapping);
        return Err(status::invalid("confirm", mistake));
    }
    let lane = Lanes::one(call, "mapping", &request.mapping).await?;
    let operations = call.operations();
    let events = if request.dry_run {
        operations.purgeable(lane, what).await
    } else {
        operations.purge(lane, &request.mapping, what, &call.actor()).await
    };
    Ok(v1::PurgeResponse { events: events.map_err(status::storage)? })
}

pub(crate) async fn rotate_sealing_key(
    call: &Call<'_>,
    _request: v1::RotateSealingKeyRequest,
) -> Result<v1::RotateSealingKeyResponse, Status> {
    let Some(first) = call.keys().first() else {
        return Err(status::precondition(
            "this process has no sealing key: set secrets.sealing_keys, the new key first, and start it again",
        ));
    };
    let done = call.catalog().reseal(&call.actor(), call.keys()).await.map_err(status::edit)?;
    Ok(v1::RotateSealingKeyResponse {
        resealed: done.resealed,
        current: done.current,
        sealing_key: first.to_owned(),
    })
}
