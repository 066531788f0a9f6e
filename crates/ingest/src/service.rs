//! Service: `signalpost.v1.IngestService` over the intake.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use futures::Stream;
use signalpost_proto::v1::ingest_service_server::IngestService;
use signalpost_proto::v1::{
    PublishRequest, PublishResponse, PublishStreamRequest, PublishStreamResponse, Receipt,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::catalog::Source;
use crate::intake::Intake;
use crate::metrics::Turned;
use crate::reading::Unadmitted;
use crate::status;
use crate::stream::{self, Input};
use crate::trace::{self, Call};

/// What the span of a call is called.
const PUBLISH: &str = "signalpost.v1.IngestService/Publish";

/// The service. One for all connections.
pub(crate) struct Service {
    pub(crate) intake: Arc<Intake>,
    pub(crate) stream_window: usize,
    pub(crate) stop: CancellationToken,
}

#[tonic::async_trait]
impl IngestService for Service {
    async fn publish(
        &self,
        mut request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let started = Instant::now();
        let (_credential, source) = self.intake.authenticate(request.metadata(), request.remote_addr())?;
        let unadmitted = request.extensions_mut().remove::<Arc<Unadmitted>>();
        let call = self.intake.tracer.begin(PUBLISH, trace::caller(request.metadata()));
        let receipt = self.publish_for(&source, request.into_inner(), unadmitted, started, call).await?;
        Ok(Response::new(PublishResponse { receipt: Some(receipt) }))
    }

    type PublishStreamStream = Pin<Box<dyn Stream<Item = Result<PublishStreamResponse, Status>> + Send>>;

    async fn publish_stream(
        &self,
        mut request: Request<Streaming<PublishStreamRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        let (credential, _source) = self.intake.authenticate(request.metadata(), request.remote_addr())?;
        let intake = Arc::clone(&self.intake);
        let unadmitted = request.extensions_mut().remove::<Arc<Unadmitted>>().unwrap_or_default();
        let caller = trace::caller(request.metadata());
        let input = Input { messages: request.into_inner(), unadmitted, caller };
        let answers = stream::answers(intake, credential, input, self.stream_window, self.stop.clone());
        Ok(Response::new(Box::pin(answers)))
    }
}

impl Service {
    async fn publish_for(
        &self,
        source: &Source,
        request: PublishRequest,
        unadmitted: Option<Arc<Unadmitted>>,
        started: Instant,
        mut call: Call,
    ) -> Result<Receipt, Status> {
        let bytes = self.intake.measure("events", &request.events)?;
        let room = self.intake.reserve(source, bytes).await?;
        drop(unadmitted);
        let mapped = self.intake.map(source, &request.events, &call).await;
        let refused = mapped.refused();
        if mapped.receipt.accepted == 0 || (request.all_or_nothing && !refused.is_empty()) {
            self.intake.metrics.received(&mapped.receipt);
            self.intake.metrics.turned_away(Turned::NoEventAccepted);
            let status = status::events_refused(&refused);
            call.received(&mapped.receipt);
            call.failed(&status);
            return Err(status);
        }
        drop(request);
        let mut unanswered = self.intake.submit(mapped, room, started, call)?;
        self.intake.answer(&mut unanswered).await
    }
}
