//! Attempts: the delivery log, and what is added to it as it is added.

use std::collections::HashSet;
use std::time::Duration;

use futures::Stream;
use signalpost_proto::v1;
use signalpost_storage::{AttemptFilter, AttemptKey, AttemptView, Inspection};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use crate::convert::{elapsed, moment, timestamp};
use crate::page::Page;
use crate::scope::Lanes;
use crate::service::Call;
use crate::status;

/// How often those who watch are told.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How far back a look reaches: what is recorded late is told all the same, once.
const LOOK_BACK: Duration = Duration::from_secs(10);
/// So many attempts of a lane, and of all, are told at a time.
const TOLD_OF_LANE: usize = 200;
const TOLD: usize = 500;

pub(crate) async fn list(
    call: &Call<'_>,
    request: v1::ListAttemptsRequest,
) -> Result<v1::ListAttemptsResponse, Status> {
    let outcome = match request.outcome() {
        v1::AttemptOutcome::Unspecified => None,
        v1::AttemptOutcome::Delivered => Some("delivered"),
        v1::AttemptOutcome::Retryable => Some("retryable"),
        v1::AttemptOutcome::Rejected => Some("rejected"),
    };
    let batch_id = match request.batch_id.as_str() {
        "" => None,
        text => Some(Uuid::parse_str(text).map_err(|_| status::invalid("batch_id", "it is no UUID"))?),
    };
    let filter = AttemptFilter {
        batch_id,
        outcome,
        only_failures: request.only_failures,
        since: moment("since", request.since)?,
        until: moment("until", request.until)?,
    };
    let page = Page::<AttemptKey>::read(request.page_size, &request.page_token)?;
    let lanes = Lanes::of(call, "parent", &request.parent).await?;
    let found = call.inspection().attempts(&lanes.ids, &filter, page.after.as_ref(), page.limit()).await;
    let (found, next_page_token) = page.cut(found.map_err(status::storage)?, AttemptView::key);
    let attempts = found.into_iter().map(|attempt| shown(&lanes, attempt)).collect();
    Ok(v1::ListAttemptsResponse { attempts, next_page_token })
}

/// Whoever watches, and what they want to see.
pub(crate) struct Watch {
    inspection: Inspection,
    lanes: Lanes,
    only_failures: bool,
    /// What was told, or had ended before anybody watched.
    seen: HashSet<AttemptKey>,
    /// One of the few places for those who watch.
    _place: OwnedSemaphorePermit,
}

impl Watch {
    pub(crate) async fn new(
        call: &Call<'_>,
        request: v1::WatchAttemptsRequest,
        place: OwnedSemaphorePermit,
    ) -> Result<Watch, Status> {
        let lanes = Lanes::of(call, "parent", &request.parent).await?;
        let (inspection, only_failures) = (call.inspection(), request.only_failures);
        let mut watch = Watch { inspection, lanes, only_failures, seen: HashSet::new(), _place: place };
        let _before = watch.news(LOOK_BACK).await?;
        Ok(watch)
    }

    /// What is recorded from now on, until nobody listens any more or the process is told to stop.
    pub(crate) fn stream(
        mut self,
        stop: CancellationToken,
    ) -> impl Stream<Item = Result<v1::WatchAttemptsResponse, Status>> + Send {
        async_stream::stream! {
            let mut looked_at = Instant::now();
            while stop.run_until_cancelled(time::sleep(WATCH_EVERY)).await.is_some() {
                let back = looked_at.elapsed() + LOOK_BACK;
                looked_at = Instant::now();
                match self.news(back).await {
                    Ok(news) if news.is_empty() => {}
                    Ok(news) => yield Ok(self.told(news)),
                    Err(status) => {
                        yield Err(status);
                        return;
                    }
                }
            }
        }
    }

    /// What ended within this time and was not told yet.
    async fn news(&mut self, back: Duration) -> Result<Vec<AttemptView>, Status> {
        let limit = i64::try_from(TOLD_OF_LANE).unwrap_or(i64::MAX);
        let found = self.inspection.ended_lately(&self.lanes.ids, self.only_failures, back, limit).await;
        let found = found.map_err(status::storage)?;
        let keys = found.iter().map(AttemptView::key).collect();
        let before = std::mem::replace(&mut self.seen, keys);
        Ok(found.into_iter().filter(|one| !before.contains(&one.key())).collect())
    }

    /// The last of what is new.
    fn told(&self, news: Vec<AttemptView>) -> v1::WatchAttemptsResponse {
        let skipped = news.len().saturating_sub(TOLD);
        let attempts = news.into_iter().skip(skipped).map(|attempt| shown(&self.lanes, attempt)).collect();
        v1::WatchAttemptsResponse { attempts, skipped: u64::try_from(skipped).unwrap_or_default() }
    }
}

pub(crate) fn shown(lanes: &Lanes, attempt: AttemptView) -> v1::Attempt {
    let outcome = match attempt.outcome.as_str() {
        "delivered" => v1::AttemptOutcome::Delivered,
        "retryable" => v1::AttemptOutcome::Retryable,
        "rejected" => v1::AttemptOutcome::Rejected,
        _ => v1::AttemptOutcome::Unspecified,
    };
    let latency = Duration::try_from_secs_f32(attempt.latency_ms / 1000.0).unwrap_or_default();
    v1::Attempt {
        mapping: lanes.name(attempt.mapping_id),
        mapping_id: attempt.mapping_id,
        batch_id: attempt.batch_id.to_string(),
        attempt: u32::try_from(attempt.attempt).unwrap_or_default(),
        started_at: Some(timestamp(attempt.started_at)),
        latency: Some(elapsed(latency)),
        outcome: outcome.into(),
        status: attempt.status.and_then(|status| u32::try_from(status).ok()).unwrap_or_default(),
        error: attempt.error.unwrap_or_default(),
        response: attempt.response.unwrap_or_default(),
        event_count: u32::try_from(attempt.event_count).unwrap_or_default(),
        body_bytes: attempt.body_bytes,
    }
}
