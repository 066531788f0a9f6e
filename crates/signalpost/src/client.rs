//! Client: sending events over a stream, without losing any and without more waiting than a window allows.
//!
//! Invariants: a message stays in the window until it is acknowledged; what is in the window is sent again, first and in
//! order, on every new stream; a message is never given up for an error that may pass, unless nothing at all was
//! acknowledged for as long as the caller is patient.

use std::collections::VecDeque;
use std::error::Error as _;
use std::time::Duration;

use signalpost_grpc::client;
use signalpost_proto::v1::ingest_service_client::IngestServiceClient;
use signalpost_proto::v1::{Event, PublishStreamRequest, PublishStreamResponse, Receipt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

use crate::control;
use crate::exit::Failure;

const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MOST: Duration = Duration::from_secs(2);

/// Events that travel together.
pub(crate) struct Message<T> {
    pub(crate) events: Vec<Event>,
    /// The caller's: handed back with the receipt.
    pub(crate) tag: T,
}

struct Waiting<T> {
    number: u64,
    message: Message<T>,
}

/// A sender to one ingest.
pub(crate) struct Sender<T> {
    endpoint: Endpoint,
    /// Its address, as it was given.
    to: String,
    authorization: MetadataValue<Ascii>,
    window: usize,
    patience: Duration,
    /// Sent, or to be sent again, and not acknowledged; in order.
    waiting: VecDeque<Waiting<T>>,
    next_number: u64,
}

/// One stream that is open.
struct Stream {
    messages: mpsc::Sender<PublishStreamRequest>,
    answers: Streaming<PublishStreamResponse>,
}

/// How a stream ended.
enum Ended {
    /// Everything was acknowledged, and there is no more.
    Done,
    /// Another stream may do better.
    Broken(Status),
}

impl<T> Sender<T> {
    pub(crate) fn new(
        to: &str,
        tls: &client::Tls,
        write_key: &str,
        window: usize,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let endpoint = client::endpoint(to, tls).map_err(Failure::usage)?;
        let authorization = format!("Bearer {write_key}")
            .parse()
            .map_err(|_| Failure::usage(anyhow::anyhow!("the write key holds characters that no key has")))?;
        let waiting = VecDeque::with_capacity(window);
        Ok(Self { endpoint, to: to.to_owned(), authorization, window, patience, waiting, next_number: 1 })
    }

    /// Sends all that `next` gives until it gives none, and hands every receipt to `acknowledged`.
    pub(crate) async fn send_all(
        &mut self,
        mut next: impl AsyncFnMut() -> anyhow::Result<Option<Message<T>>>,
        mut acknowledged: impl FnMut(Message<T>, Receipt),
        mut said: impl FnMut(&str),
    ) -> anyhow::Result<()> {
        let mut last_news = Instant::now();
        let mut pause = RETRY_FIRST;
        let mut is_exhausted = false;
        let mut last_said = String::new();
        loop {
            let mut count = 0;
            let mut told = |message, receipt| {
                count += 1;
                acknowledged(message, receipt);
            };
            let ended = self.one_stream(&mut next, &mut is_exhausted, &mut told).await?;
            if count > 0 {
                (last_news, pause) = (Instant::now(), RETRY_FIRST);
                last_said.clear();
            }
            let Ended::Broken(status) = ended else { return Ok(()) };
            if !may_pass(status.code()) {
                return Err(self.explain(&status));
            }
            if last_said.is_empty()
                && let Some(text) = control::wrong_scheme(&self.to).await
            {
                return Err(Failure::unavailable(anyhow::anyhow!(text)));
            }
            if last_news.elapsed() > self.patience {
                let gave_up = format!("nothing was acknowledged for {:?}", self.patience);
                return Err(Failure::unavailable(self.explain(&status).context(gave_up)));
            }
            let text = self.explain(&status).to_string();
            if text != last_said {
                said(&format!("{text}; trying again"));
                last_said = text;
            }
            sleep(pause).await;
            pause = (pause * 2).min(RETRY_MOST);
        }
    }

    async fn one_stream(
        &mut self,
        next: &mut impl AsyncFnMut() -> anyhow::Result<Option<Message<T>>>,
        is_exhausted: &mut bool,
        acknowledged: &mut impl FnMut(Message<T>, Receipt),
    ) -> anyhow::Result<Ended> {
        let Stream { messages, mut answers } = match self.open().await {
            Ok(stream) => stream,
            Err(status) => return Ok(Ended::Broken(status)),
        };
        let mut messages = Some(messages);
        for waiting in &self.waiting {
            // Fits: the channel is as large as the window.
            let _ = messages.as_ref().map(|messages| messages.try_send(waiting.request()));
        }
        loop {
            if *is_exhausted {
                messages = None; // half-close: the answers end with the last
                if self.waiting.is_empty() {
                    return Ok(Ended::Done);
                }
            }
            let has_room = self.waiting.len() < self.window && !*is_exhausted;
            tokio::select! {
                biased;
                answer = answers.message() => match answer {
                    Ok(Some(answer)) => self.acknowledge(answer, acknowledged),
                    Ok(None) => return Ok(Ended::Broken(Status::unavailable("the stream ended early"))),
                    Err(status) => return Ok(Ended::Broken(status)),
                },
                message = next(), if has_room => match message? {
                    None => *is_exhausted = true,
                    Some(message) => {
                        let waiting = Waiting { number: self.next_number, message };
                        self.next_number += 1;
                        let _ = messages.as_ref().map(|messages| messages.try_send(waiting.request()));
                        self.waiting.push_back(waiting);
                    }
                },
            }
        }
    }

    fn explain(&self, status: &Status) -> anyhow::Error {
        match status.code() {
            Code::Unauthenticated => {
                Failure::denied(anyhow::anyhow!("ingest does not know this write key: {}", status.message()))
            }
            Code::InvalidArgument => Failure::input(anyhow::anyhow!("ingest refused: {}", status.message())),
            Code::Unimplemented => Failure::unavailable(anyhow::anyhow!(
                "what answers there is not Signalpost's ingest: it listens where the setting grpc.listen says, port 4650 by default"
            )),
            // A server that asks for a client certificate says so only after the handshake: in the first call.
            Code::Unavailable | Code::Unknown if status.source().is_some() => {
                anyhow::anyhow!(control::hint_of_cut(&self.to, &no_connection(status)))
            }
            Code::Unavailable | Code::Cancelled => {
                anyhow::anyhow!(control::hint_of_cut(&self.to, status.message()))
            }
            code => anyhow::anyhow!("{code}: {}", status.message()),
        }
    }

    async fn open(&self) -> Result<Stream, Status> {
        let channel: Channel =
            self.endpoint.connect().await.map_err(|error| Status::unavailable(no_connection(&error)))?;
        let (messages, outbound) = mpsc::channel(self.window.max(1));
        let mut request = Request::new(ReceiverStream::new(outbound));
        request.metadata_mut().insert("authorization", self.authorization.clone());
        let mut client = IngestServiceClient::new(channel);
        let answers = client.publish_stream(request).await?.into_inner();
        Ok(Stream { messages, answers })
    }

    fn acknowledge(
        &mut self,
        answer: PublishStreamResponse,
        acknowledged: &mut impl FnMut(Message<T>, Receipt),
    ) {
        if let Some(at) = self.waiting.iter().position(|waiting| waiting.number == answer.number)
            && let Some(waiting) = self.waiting.remove(at)
        {
            acknowledged(waiting.message, answer.receipt.unwrap_or_default());
        }
    }
}

impl<T> Waiting<T> {
    fn request(&self) -> PublishStreamRequest {
        PublishStreamRequest { number: self.number, events: self.message.events.clone() }
    }
}

/// What the contract says to try again.
fn may_pass(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::ResourceExhausted
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Internal
            | Code::Unknown
    )
}

fn no_connection(error: &(dyn std::error::Error + 'static)) -> String {
    format!("no connection to ingest: {}", client::explain(error))
}
