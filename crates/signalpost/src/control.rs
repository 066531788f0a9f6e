//! Control: asking a server's `AdminService`.
//!
//! Invariants: the token is read from where it was said to be and is never shown; whatever goes wrong is told with what
//! to do about it and ends with the exit status that fits.

mod diagnosis;
mod names;
mod pages;
mod refusal;
mod token;

use std::net::IpAddr;
use std::time::Duration;

use http::Uri;
use signalpost_grpc::client;
use signalpost_proto::v1::admin_service_client::AdminServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

use crate::cli::{ConnectionArgs, USUAL_SERVER};
use crate::exit::Failure;
use crate::output::{self, look::Look};
pub(crate) use diagnosis::{hint_of_cut, wrong_scheme};
pub(crate) use names::mappings_of;
pub(crate) use pages::{Listed, all};
use token::Token;
pub(crate) use token::is_given as is_token_given;

/// The server gives up before.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const ALIVE_EVERY: Duration = Duration::from_secs(20);

/// What asks.
pub(crate) type Client = AdminServiceClient<InterceptedService<Channel, Authorize>>;

/// One server, and the token that it is asked with.
pub(crate) struct Control {
    channel: Channel,
    server: String,
    token: Token,
    authorization: MetadataValue<Ascii>,
}

/// Puts token and deadline on every call.
#[derive(Clone)]
pub(crate) struct Authorize {
    authorization: MetadataValue<Ascii>,
    deadline: Option<Duration>,
}

impl Interceptor for Authorize {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.authorization.clone());
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline);
        }
        Ok(request)
    }
}

impl Control {
    /// Connects; a server that is not there, or is something else, is told at once.
    pub(crate) async fn connect(args: &ConnectionArgs) -> anyhow::Result<Control> {
        let server = args.server.clone().unwrap_or_else(|| USUAL_SERVER.to_owned());
        let endpoint = endpoint(&server, args)?;
        let token = token::find(args)?;
        let mut authorization: MetadataValue<Ascii> =
            format!("Bearer {}", token.secret.expose()).parse().map_err(|_| {
                let place = &token.place;
                Failure::usage(anyhow::anyhow!("the token ({place}) holds characters that no token has"))
            })?;
        authorization.set_sensitive(true);
        if is_overheard(&server) {
            output::aside(format_args!(
                "{} the token goes to {server} unencrypted, where others may read it: give the server a certificate \
                 (admin.tls) and use https://",
                Look::Odd.paint("warning:")
            ));
        }
        let channel = match endpoint.connect().await {
            Ok(channel) => channel,
            Err(error) => return Err(diagnosis::unreachable(&server, &error).await),
        };
        Ok(Control { channel, server, token, authorization })
    }

    /// For questions that have one answer.
    pub(crate) fn client(&self) -> Client {
        self.with_deadline(Some(ANSWER_WITHIN))
    }

    /// For questions whose answers go on.
    pub(crate) fn watching(&self) -> Client {
        self.with_deadline(None)
    }

    fn with_deadline(&self, deadline: Option<Duration>) -> Client {
        let authorize = Authorize { authorization: self.authorization.clone(), deadline };
        // A payload of a dead letter may have 1 MB, and a page has many.
        AdminServiceClient::with_interceptor(self.channel.clone(), authorize)
            .max_decoding_message_size(256 << 20)
    }

    /// What was answered, or what to do about the refusal.
    pub(crate) async fn answer<T>(&self, answered: Result<Response<T>, Status>) -> anyhow::Result<T> {
        match answered {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => Err(self.refused(&status).await),
        }
    }

    /// A refusal, in words, with what to do about it.
    pub(crate) async fn refused(&self, status: &Status) -> anyhow::Error {
        if let Some(found) = diagnosis::no_admin_service(&self.server, status, &mut self.client()).await {
            return found;
        }
        refusal::explain(status, &self.server, &self.token.place)
    }
}

/// Whether what is sent there can be read on the way. A name without a domain is that of a private network, such as
/// compose makes.
fn is_overheard(server: &str) -> bool {
    let Ok(uri) = server.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_private = match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_name) => !host.contains('.') || host.ends_with(".localhost"),
    };
    uri.scheme_str() == Some("http") && !is_private
}

fn endpoint(server: &str, args: &ConnectionArgs) -> anyhow::Result<Endpoint> {
    let is_url = ["http://", "https://"].iter().any(|scheme| server.starts_with(scheme));
    if !is_url {
        let text = format!("--server {server}: it must be a URL such as {USUAL_SERVER}");
        return Err(Failure::usage(anyhow::anyhow!(text)));
    }
    let endpoint = client::endpoint(server, &args.tls.files()).map_err(|error| {
        let error = anyhow::Error::from(error);
        let flag = args.tls.flag_of(&format!("{error:#}")).unwrap_or("--server");
        Failure::usage(error.context(flag))
    })?;
    Ok(endpoint
        .http2_keep_alive_interval(ALIVE_EVERY)
        .keep_alive_while_idle(true)
        .user_agent(concat!("signalpost/", env!("CARGO_PKG_VERSION")))
        .expect("name and version are plain characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_overheard_where_neither_tls_nor_this_machine_keeps_it() {
        for server in ["http://10.0.0.7:4654", "http://signalpost.example:4654", "http://[2001:db8::1]:4654"]
        {
            assert!(is_overheard(server), "{server}");
        }
        for server in [
            "https://signalpost.example:4654",
            "http://127.0.0.1:4654",
            "http://[::1]:4654",
            "http://localhost:4654",
            "http://admin:4654",
        ] {
            assert!(!is_overheard(server), "{server}");
        }
    }
}
