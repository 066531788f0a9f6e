//! Proxy: a real HTTP proxy that records what it is asked for: `CONNECT`, and requests for plain-text receivers.
//!
//! Invariant: what it is asked for is recorded before it answers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Something a proxy was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `CONNECT host:port`, or `POST http://host/path`.
    pub line: String,
    /// `Proxy-Authorization`, if there was one.
    pub authorization: Option<String>,
}

/// The proxy; it ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _serving: JoinSet<()>,
}

/// What a proxy does, whatever name it is asked for.
#[derive(Clone)]
struct Behaviour {
    to: SocketAddr,
    wanted: Option<String>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Proxy {
    /// A proxy on a free port of loopback: to it, every name is this address. `wanted` is the `Proxy-Authorization` that
    /// it asks for.
    pub async fn to(to: SocketAddr, wanted: Option<&str>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let asked = Arc::new(Mutex::default());
        let behaviour = Behaviour { to, wanted: wanted.map(str::to_owned), asked: Arc::clone(&asked) };
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, behaviour));
        Proxy { address, asked, _serving: serving }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything it was asked for.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("nothing panics under this lock").clone()
    }
}

async fn accept(listener: TcpListener, behaviour: Behaviour) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let behaviour = behaviour.clone();
        connections.spawn(async move {
            let tunnels = Arc::new(Mutex::new(JoinSet::new()));
            let service = service_fn(|request| answer(request, behaviour.clone(), Arc::clone(&tunnels)));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            // A connection that breaks is what some tests are about.
            let _ = connection.await;
            let mut tunnels = std::mem::take(&mut *tunnels.lock().expect("nothing panics under this lock"));
            while tunnels.join_next().await.is_some() {}
        });
        while connections.try_join_next().is_some() {}
    }
}

type Tunnels = Arc<Mutex<JoinSet<()>>>;

async fn answer(
    request: Request<Incoming>,
    behaviour: Behaviour,
    tunnels: Tunnels,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let authorization = request.headers().get(PROXY_AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let asked = Asked { line: format!("{} {}", request.method(), request.uri()), authorization };
    let is_welcome = behaviour.wanted.is_none() || behaviour.wanted == asked.authorization;
    behaviour.asked.lock().expect("nothing panics under this lock").push(asked);
    if !is_welcome {
        return Ok(plain(StatusCode::PROXY_AUTHENTICATION_REQUIRED));
    }
    let Ok(mut receiver) = TcpStream::connect(behaviour.to).await else {
        return Ok(plain(StatusCode::BAD_GATEWAY));
    };
    if request.method() == Method::CONNECT {
        tunnels.lock().expect("nothing panics under this lock").spawn(async move {
            if let Ok(upgraded) = hyper::upgrade::on(request).await {
                let _ = copy_bidirectional(&mut TokioIo::new(upgraded), &mut receiver).await;
            }
        });
        return Ok(plain(StatusCode::OK));
    }
    pass_on(request, receiver).await
}

/// As a proxy passes a request on: with the path alone, and without what was meant for itself.
async fn pass_on(
    mut request: Request<Incoming>,
    receiver: TcpStream,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    request.headers_mut().remove(PROXY_AUTHORIZATION);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().expect("a path of a URL is one");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(receiver)).await?;
    // The connection ends when its sender does.
    let answered = async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(head, Full::new(body)))
    };
    tokio::join!(answered, connection).0
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
