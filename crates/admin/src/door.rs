//! Door: lets a call in before anything of it is read, when its token is good for it.
//!
//! Invariant: whoever gets past it is in the call's extensions as `Caller`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use signalpost_core::secret::Secret;
use signalpost_grpc::guard::Guard;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::transport::server::TcpConnectInfo;
use tower_service::Service;
use tracing::warn;

use crate::access::{self, SERVICE};
use crate::auth::{self, Caller, Tokens};
use crate::metrics::{Metrics, OfCall};
use crate::status;

/// What the door knows.
pub(crate) struct Keeper {
    pub(crate) tokens: Tokens,
    pub(crate) guard: Guard,
    pub(crate) metrics: Metrics,
}

/// A service behind a door.
#[derive(Clone)]
pub(crate) struct Door<S> {
    inner: S,
    keeper: Arc<Keeper>,
}

impl<S> Door<S> {
    pub(crate) fn new(inner: S, keeper: Arc<Keeper>) -> Self {
        Self { inner, keeper }
    }
}

impl<S: NamedService> NamedService for Door<S> {
    const NAME: &'static str = S::NAME;
}

type Response = http::Response<Body>;

impl<S> Service<http::Request<Body>> for Door<S>
where
    S: Service<http::Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        // The one that is ready is called; the clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let keeper = Arc::clone(&self.keeper);
        let token = auth::token(&MetadataMap::from_headers(request.headers().clone()));
        let peer = peer(request.extensions());
        let path = request.uri().path().to_owned();
        Box::pin(async move {
            match keeper.admit(token.unwrap_or_default(), peer, &path).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    inner.call(request).await
                }
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}

impl Keeper {
    /// Who calls; nothing is told of why a token is not good.
    async fn admit(&self, token: Secret, peer: Option<SocketAddr>, path: &str) -> Result<Caller, Status> {
        let hash = auth::hash(&token);
        self.guard.admit(peer, &hash)?;
        let call = path.trim_start_matches(SERVICE);
        let Some(caller) = self.tokens.caller(&token, &hash).await.map_err(status::storage)? else {
            self.guard.failed(peer, &hash);
            self.metrics.unauthenticated.inc();
            warn!(peer = peer.map(tracing::field::display), call, "refused: no valid admin token");
            return Err(status::unauthenticated());
        };
        self.guard.succeeded(peer, &hash);
        match access::role_for(path) {
            Some(role) if caller.role >= role => {
                self.metrics.calls.get_or_create(&OfCall { call: call.to_owned() }).inc();
                Ok(caller)
            }
            Some(role) => {
                self.metrics.not_allowed.inc();
                Err(status::not_allowed(&caller, role))
            }
            None => Err(Status::unimplemented("there is no such call")),
        }
    }
}

fn peer(extensions: &http::Extensions) -> Option<SocketAddr> {
    extensions.get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr)
}
