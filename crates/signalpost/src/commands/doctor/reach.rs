//! The processes: whether they answer where the settings say, and the control API where the flags say.

use std::net::SocketAddr;
use std::time::Duration;

use signalpost_proto::v1::ListSourcesRequest;
use tokio::net::TcpStream;

use super::check::Check;
use crate::cli::ConnectionArgs;
use crate::commands::health;
use crate::config::Settings;
use crate::control::{self, Control};
use crate::exit::{self, Status};

const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// The processes of this machine.
pub(super) async fn processes(settings: &Settings) -> Vec<Check> {
    vec![listening("ingest", settings.grpc.listen, "grpc.listen").await, probes(settings.http.listen).await]
}

async fn listening(name: &'static str, address: SocketAddr, setting: &str) -> Check {
    let address = health::reachable(address);
    match tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Check::good(name, format!("something listens on {address} ({setting})")),
        _ => Check::unknown(
            name,
            format!("nothing answers on {address} ({setting})"),
            "start `signalpost serve`, or run this where it runs",
        ),
    }
}

async fn probes(address: SocketAddr) -> Check {
    match health::ask_ready(address).await {
        Ok(None) => Check::good("probes", format!("the process at {address} is ready")),
        Ok(Some(why)) => Check::problem(
            "probes",
            format!("the process at {address} is not ready: {why}"),
            "look at its log: it says what it waits for",
        ),
        Err(error) => Check::unknown(
            "probes",
            format!("{error:#} (http.listen)"),
            "start `signalpost serve`, or run this where it runs",
        ),
    }
}

/// The control API, when there is a token to ask it with.
pub(super) async fn control(args: &ConnectionArgs) -> Check {
    let asked = async {
        let control = Control::connect(args).await?;
        let request = ListSourcesRequest { page_size: 1, ..ListSourcesRequest::default() };
        control.answer(control.client().list_sources(request).await).await
    };
    match asked.await {
        Ok(_) => Check::good("control API", "it answers, and accepts the token"),
        Err(error) => judge(args, &error),
    }
}

/// What was asked for by flag or variable has to work; the usual server may be elsewhere, or without control API.
fn judge(args: &ConnectionArgs, error: &anyhow::Error) -> Check {
    const NAME: &str = "control API";
    let found = format!("{error:#}");
    match exit::status(error) {
        Status::Denied => Check::problem(
            NAME,
            found,
            "give another token: --token-file FILE, or SIGNALPOST_ADMIN_TOKEN_FILE",
        ),
        Status::Usage if control::is_token_given(args) => {
            Check::problem(NAME, found, "mend what was given: --server, --token-file, --ca-file, …")
        }
        Status::Usage => Check::unknown(NAME, found, ""),
        Status::Unavailable if args.server.is_some() => Check::problem(
            NAME,
            found,
            "start it (`signalpost serve` or `signalpost admin`), or give another --server",
        ),
        Status::Unavailable => Check::unknown(
            NAME,
            found,
            "say where it is: --server URL, or SIGNALPOST_SERVER in the environment",
        ),
        Status::Failed | Status::Input => Check::problem(NAME, found, "look at the server's log"),
    }
}
