//! Service: `signalpost.v1.AdminService`, each call by the function that knows its subject.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use signalpost_dispatcher::transport::Client;
use signalpost_proto::v1;
use signalpost_proto::v1::admin_service_server::AdminService;
use signalpost_storage::{
    CatalogStore, Edit, Inspection, Operations, RedriveStore, SealingKeys, Storage, TokenRole, TokenStore,
    Wanted,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::attempts::Watch;
use crate::auth::Caller;
use crate::server::ReadDestinations;
use crate::{
    attempts, audit, configuration, dead, destinations, explain, lanes, mappings, operate, preview, redrives,
    sources, status, tokens,
};

/// The service. One for all connections.
pub(crate) struct Service {
    /// With a pool and a statement time-out for operators.
    pub(crate) storage: Storage,
    pub(crate) keys: Arc<SealingKeys>,
    /// With which receivers are reached.
    pub(crate) transport: Client,
    pub(crate) read_destinations: ReadDestinations,
    /// Places for those who watch.
    pub(crate) watchers: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
}

/// One call: what it may use, and who makes it.
pub(crate) struct Call<'a> {
    service: &'a Service,
    caller: Caller,
}

impl<'a> Call<'a> {
    fn of<T>(service: &'a Service, request: &Request<T>) -> Result<Self, Status> {
        // The door puts it there; without a door, nobody is let in.
        let caller = request.extensions().get::<Caller>().cloned().ok_or_else(status::unauthenticated)?;
        Ok(Self { service, caller })
    }

    pub(crate) fn catalog(&self) -> CatalogStore {
        self.service.storage.catalog()
    }

    pub(crate) fn tokens(&self) -> TokenStore {
        self.service.storage.tokens()
    }

    pub(crate) fn inspection(&self) -> Inspection {
        self.service.storage.inspect()
    }

    pub(crate) fn operations(&self) -> Operations {
        self.service.storage.operate()
    }

    pub(crate) fn redrives(&self) -> RedriveStore {
        self.service.storage.redrives()
    }

    pub(crate) fn keys(&self) -> &SealingKeys {
        &self.service.keys
    }

    pub(crate) fn transport(&self) -> &Client {
        &self.service.transport
    }

    /// As the audit log calls the caller.
    pub(crate) fn actor(&self) -> String {
        self.caller.actor()
    }

    pub(crate) fn role(&self) -> TokenRole {
        self.caller.role
    }

    /// What a destinations file wants; every mistake in it, by place.
    pub(crate) fn read_destinations(&self, json: &str) -> Result<Wanted, Vec<(String, String)>> {
        (self.service.read_destinations)(json)
    }

    /// Begins a change of what is configured.
    pub(crate) async fn edit(&self) -> Result<Edit, Status> {
        self.catalog().edit(&self.actor()).await.map_err(status::storage)
    }
}

/// Writes the service down as a table: the call, its messages, the function that answers it.
macro_rules! service {
    ($($rpc:ident($request:ident) -> $response:ident = $answer:path;)*) => {
        #[tonic::async_trait]
        impl AdminService for Service {
            $(async fn $rpc(&self, request: Request<v1::$request>) -> Result<Response<v1::$response>, Status> {
                let call = Call::of(self, &request)?;
                $answer(&call, request.into_inner()).await.map(Response::new)
            })*

            type WatchAttemptsStream =
                Pin<Box<dyn Stream<Item = Result<v1::WatchAttemptsResponse, Status>> + Send>>;

            async fn watch_attempts(
                &self,
                request: Request<v1::WatchAttemptsRequest>,
            ) -> Result<Response<Self::WatchAttemptsStream>, Status> {
                let call = Call::of(self, &request)?;
                let place = Arc::clone(&self.watchers).try_acquire_owned();
                let place = place.map_err(|_full| status::too_many_watch())?;
                let watch = Watch::new(&call, request.into_inner(), place).await?;
                Ok(Response::new(Box::pin(watch.stream(self.stop.clone()))))
            }
        }
    };
}

service! {
    list_sources(ListSourcesRequest) -> ListSourcesResponse = sources::list;
    get_source(GetSourceRequest) -> GetSourceResponse = sources::get;
    create_source(CreateSourceRequest) -> CreateSourceResponse = sources::create;
    update_source(UpdateSourceRequest) -> UpdateSourceResponse = sources::update;
    delete_source(DeleteSourceRequest) -> DeleteSourceResponse = sources::delete;
    create_write_key(CreateWriteKeyRequest) -> CreateWriteKeyResponse = sources::create_write_key;
    revoke_write_key(RevokeWriteKeyRequest) -> RevokeWriteKeyResponse = sources::revoke_write_key;
    list_destinations(ListDestinationsRequest) -> ListDestinationsResponse = destinations::list;
    get_destination(GetDestinationRequest) -> GetDestinationResponse = destinations::get;
    create_destination(CreateDestinationRequest) -> CreateDestinationResponse = destinations::create;
    update_destination(UpdateDestinationRequest) -> UpdateDestinationResponse = destinations::update;
    delete_destination(DeleteDestinationRequest) -> DeleteDestinationResponse = destinations::delete;
    rotate_secret(RotateSecretRequest) -> RotateSecretResponse = destinations::rotate_secret;
    list_mappings(ListMappingsRequest) -> ListMappingsResponse = mappings::list;
    get_mapping(GetMappingRequest) -> GetMappingResponse = mappings::get;
    create_mapping(CreateMappingRequest) -> CreateMappingResponse = mappings::create;
    update_mapping(UpdateMappingRequest) -> UpdateMappingResponse = mappings::update;
    delete_mapping(DeleteMappingRequest) -> DeleteMappingResponse = mappings::delete;
    list_mapping_versions(ListMappingVersionsRequest) -> ListMappingVersionsResponse = mappings::versions;
    restore_mapping(RestoreMappingRequest) -> RestoreMappingResponse = mappings::restore;
    list_tokens(ListTokensRequest) -> ListTokensResponse = tokens::list;
    create_token(CreateTokenRequest) -> CreateTokenResponse = tokens::create;
    revoke_token(RevokeTokenRequest) -> RevokeTokenResponse = tokens::revoke;
    apply(ApplyRequest) -> ApplyResponse = configuration::apply;
    export(ExportRequest) -> ExportResponse = configuration::export;
    preview(PreviewRequest) -> PreviewResponse = preview::preview;
    send_test(SendTestRequest) -> SendTestResponse = preview::send_test;
    explain(ExplainRequest) -> ExplainResponse = explain::explain;
    list_lanes(ListLanesRequest) -> ListLanesResponse = lanes::list;
    list_attempts(ListAttemptsRequest) -> ListAttemptsResponse = attempts::list;
    list_dead_letters(ListDeadLettersRequest) -> ListDeadLettersResponse = dead::list;
    list_rejected_events(ListRejectedEventsRequest) -> ListRejectedEventsResponse = dead::rejected;
    list_audit(ListAuditRequest) -> ListAuditResponse = audit::list;
    pause(PauseRequest) -> PauseResponse = operate::pause;
    resume(ResumeRequest) -> ResumeResponse = operate::resume;
    retry_now(RetryNowRequest) -> RetryNowResponse = operate::retry_now;
    create_redrive(CreateRedriveRequest) -> CreateRedriveResponse = redrives::create;
    get_redrive(GetRedriveRequest) -> GetRedriveResponse = redrives::get;
    list_redrives(ListRedrivesRequest) -> ListRedrivesResponse = redrives::list;
    control_redrive(ControlRedriveRequest) -> ControlRedriveResponse = redrives::control;
    purge(PurgeRequest) -> PurgeResponse = operate::purge;
    rotate_sealing_key(RotateSealingKeyRequest) -> RotateSealingKeyResponse = operate::rotate_sealing_key;
}
