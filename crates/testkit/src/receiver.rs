//! Receiver: a real HTTP server that records every request and answers as a test scripts it.
//!
//! Invariant: a request is recorded, whole, before it is answered.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A receiver on a free port of loopback that answers 200 until told otherwise.
pub async fn receiver() -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    Receiver::serve(listener)
}

/// What a test does with a request.
#[derive(Debug, Clone)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    delay: Duration,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Answer,
    Hang,
    Reset,
}

impl Answer {
    /// An empty answer with this status.
    pub fn status(status: u16) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).expect("a legal status"),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            delay: Duration::ZERO,
            end: End::Answer,
        }
    }

    /// Never answers.
    pub fn hang() -> Answer {
        Answer { end: End::Hang, ..Answer::status(200) }
    }

    /// Drops the connection without an answer.
    pub fn reset() -> Answer {
        Answer { end: End::Reset, ..Answer::status(200) }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Answer {
        let value = HeaderValue::from_str(value).expect("a legal header value");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Answer {
        self.body = body.into();
        self
    }

    /// Only after this time.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Answer {
        self.delay = delay;
        self
    }

    async fn give(self) -> Result<Response<Full<Bytes>>, Reset> {
        tokio::time::sleep(self.delay).await;
        match self.end {
            End::Answer => {
                let mut response = Response::new(Full::new(self.body));
                *response.status_mut() = self.status;
                *response.headers_mut() = self.headers;
                Ok(response)
            }
            End::Hang => std::future::pending().await,
            End::Reset => Err(Reset),
        }
    }
}

/// Makes hyper drop the connection.
#[derive(Debug)]
struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("reset as scripted")
    }
}

impl std::error::Error for Reset {}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The exact bytes.
    pub body: Bytes,
    /// When it was whole.
    pub at: Instant,
}

impl Recorded {
    /// A header as text, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }

    /// The events of the body: the elements of a batch, or the one event.
    pub fn events(&self) -> Vec<Value> {
        match self.json() {
            Value::Array(events) => events,
            event => vec![event],
        }
    }
}

type Script = dyn Fn(&Recorded) -> Answer + Send + Sync;

struct State {
    script: Mutex<Arc<Script>>,
    recorded: Mutex<Vec<Recorded>>,
    count: watch::Sender<usize>,
}

/// The receiver; it ends when dropped.
pub struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
    _serving: JoinSet<()>,
}

impl Receiver {
    /// A receiver on a listener of the caller's.
    pub fn serve(listener: TcpListener) -> Receiver {
        let address = listener.local_addr().expect("a bound listener");
        let state = Arc::new(State {
            script: Mutex::new(Arc::new(|_| Answer::status(200))),
            recorded: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, Arc::clone(&state)));
        Receiver { address, state, _serving: serving }
    }

    /// `http://127.0.0.1:PORT` and the path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers like this from now on.
    pub fn script(&self, script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) {
        *self.state.script.lock().expect("nothing panics under this lock") = Arc::new(script);
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.recorded.lock().expect("nothing panics under this lock").clone()
    }

    /// Waits until at least so many requests have arrived, and returns all.
    pub async fn wait_for(&self, count: usize) -> Vec<Recorded> {
        let mut counted = self.state.count.subscribe();
        let arrived =
            tokio::time::timeout(crate::PATIENCE, counted.wait_for(|arrived| *arrived >= count)).await;
        let requests = self.requests();
        assert!(arrived.is_ok(), "{} of {count} requests arrived", requests.len());
        requests
    }

    /// Waits until at least so many events have arrived, and returns all, in order of arrival.
    pub async fn wait_for_events(&self, count: usize) -> Vec<Value> {
        let mut counted = self.state.count.subscribe();
        let deadline = Instant::now() + crate::PATIENCE;
        loop {
            counted.mark_unchanged();
            let events = self.events();
            if events.len() >= count {
                return events;
            }
            let more = tokio::time::timeout_at(deadline, counted.changed()).await;
            assert!(more.is_ok(), "{} of {count} events arrived", events.len());
        }
    }

    /// Every event so far, in order of arrival.
    pub fn events(&self) -> Vec<Value> {
        self.requests().iter().flat_map(Recorded::events).collect()
    }

    /// The `messageId` of every event so far, in order of arrival.
    pub fn message_ids(&self) -> Vec<String> {
        self.events()
            .iter()
            .map(|event| event["messageId"].as_str().expect("an event with a messageId").to_owned())
            .collect()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&state)));
            let http = auto::Builder::new(TokioExecutor::new());
            // A connection that breaks is what some tests are about.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Full<Bytes>>, Reset> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Reset)?.to_bytes();
    let recorded =
        Recorded { method: head.method, uri: head.uri, headers: head.headers, body, at: Instant::now() };
    let script = Arc::clone(&state.script.lock().expect("nothing panics under this lock"));
    let answer = script(&recorded);
    state.recorded.lock().expect("nothing panics under this lock").push(recorded);
    state.count.send_modify(|count| *count += 1);
    answer.give().await
}
