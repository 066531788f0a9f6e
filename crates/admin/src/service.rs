//! Service: `signalpost.v1.AdminService`, each call by the function that knows its subject.

use std::pin::Pin;
use std::sync::Arc;

use signalpost_proto::v1;
use signalpost_proto::v1::admin_service_server::AdminService;
use signalpost_storage::{CatalogStore, Edit, SealingKeys, Storage, TokenStore};
use tonic::{Request, Response, Status};

use crate::auth::Caller;
use crate::{destinations, mappings, sources, status, tokens};

/// The service. One for all connections.
pub(crate) struct Service {
    /// With a pool and a statement time-out for operators.
    pub(crate) storage: Storage,
    pub(crate) keys: Arc<SealingKeys>,
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

    pub(crate) fn keys(&self) -> &SealingKeys {
        &self.service.keys
    }

    /// Begins a change of what is configured.
    pub(crate) async fn edit(&self) -> Result<Edit, Status> {
        self.catalog().edit(&self.caller.actor()).await.map_err(status::storage)
    }
}

/// Writes the service down as a table: the call, its messages, the function that answers it.
macro_rules! service {
    (answered { $($rpc:ident($request:ident) -> $response:ident = $answer:path;)* }
     later { $($later:ident($later_request:ident) -> $later_response:ident;)* }) => {
        #[tonic::async_trait]
        impl AdminService for Service {
            $(async fn $rpc(&self, request: Request<v1::$request>) -> Result<Response<v1::$response>, Status> {
                let call = Call::of(self, &request)?;
                $answer(&call, request.into_inner()).await.map(Response::new)
            })*
            $(async fn $later(
                &self,
                _request: Request<v1::$later_request>,
            ) -> Result<Response<v1::$later_response>, Status> {
                Err(Status::unimplemented("this release does not answer this call yet"))
            })*

            type WatchAttemptsStream =
                Pin<Box<dyn futures::Stream<Item = Result<v1::WatchAttemptsResponse, Status>> + Send>>;

            async fn watch_attempts(
                &self,
                _request: Request<v1::WatchAttemptsRequest>,
            ) -> Result<Response<Self::WatchAttemptsStream>, Status> {
                Err(Status::unimplemented("this release does not answer this call yet"))
            }
        }
    };
}

service! {
    answered {
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
    }
    later {
        apply(ApplyRequest) -> ApplyResponse;
        export(ExportRequest) -> ExportResponse;
        preview(PreviewRequest) -> PreviewResponse;
        send_test(SendTestRequest) -> SendTestResponse;
        explain(ExplainRequest) -> ExplainResponse;
        list_lanes(ListLanesRequest) -> ListLanesResponse;
        list_attempts(ListAttemptsRequest) -> ListAttemptsResponse;
        list_dead_letters(ListDeadLettersRequest) -> ListDeadLettersResponse;
        list_rejected_events(ListRejectedEventsRequest) -> ListRejectedEventsResponse;
        list_audit(ListAuditRequest) -> ListAuditResponse;
        pause(PauseRequest) -> PauseResponse;
        resume(ResumeRequest) -> ResumeResponse;
        retry_now(RetryNowRequest) -> RetryNowResponse;
        create_redrive(CreateRedriveRequest) -> CreateRedriveResponse;
        get_redrive(GetRedriveRequest) -> GetRedriveResponse;
        list_redrives(ListRedrivesRequest) -> ListRedrivesResponse;
        control_redrive(ControlRedriveRequest) -> ControlRedriveResponse;
        purge(PurgeRequest) -> PurgeResponse;
        rotate_sealing_key(RotateSealingKeyRequest) -> RotateSealingKeyResponse;
    }
}
