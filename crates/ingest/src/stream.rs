//! Stream: messages of one `PublishStream` in, their answers out, in order.
//!
//! Invariants: answers come in the order of the messages, each after its commit; a stream whose unanswered messages
//! fill its window is not read until one is answered; a stream never ends with OK while a message is unanswered.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures::Stream;
use futures::future::OptionFuture;
use signalpost_core::trace::Traceparent;
use signalpost_proto::v1::{PublishStreamRequest, PublishStreamResponse};
use signalpost_telemetry::metrics::Open;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use crate::auth::Credential;
use crate::intake::{self, Intake, Unanswered};
use crate::reading::Unadmitted;
use crate::status;

/// What the span of a message is called.
const MESSAGE: &str = "signalpost.v1.IngestService/PublishStream message";

type Answer = Result<PublishStreamResponse, Status>;

/// What comes in on a stream.
pub(crate) struct Input {
    pub(crate) messages: Streaming<PublishStreamRequest>,
    pub(crate) unadmitted: Arc<Unadmitted>,
    /// Whose messages they are.
    pub(crate) caller: Option<Traceparent>,
}

/// The answers to a stream of messages. Drives the stream: what is not polled is not read.
pub(crate) fn answers(
    intake: Arc<Intake>,
    credential: Credential,
    input: Input,
    window: usize,
    stop: CancellationToken,
) -> impl Stream<Item = Answer> {
    async_stream::stream! {
        let _open = Open::new(&intake.metrics.memory.streams);
        let mut line = Line { window, bytes: 0, messages: VecDeque::new() };
        let mut arrival = pin!(OptionFuture::from(Some(arrive(&intake, &credential, input))));
        // How the stream ends once everything that was accepted is answered; none while it is being read.
        let mut ending: Option<Result<(), Status>> = None;
        loop {
            let answer = tokio::select! {
                biased;
                answer = line.answer(&intake), if !line.messages.is_empty() => Some(answer),
                () = stop.cancelled(), if ending.is_none() => {
                    ending = Some(Err(intake::going_away()));
                    None
                }
                Some((input, arrived)) = &mut arrival, if ending.is_none() && line.has_room() => {
                    match arrived {
                        Ok(Some(message)) => {
                            line.push(message);
                            arrival.set(Some(arrive(&intake, &credential, input)).into());
                        }
                        Ok(None) => ending = Some(Ok(())),
                        Err(status) => ending = Some(Err(status)),
                    }
                    None
                }
                else => break,
            };
            match answer {
                Some(Ok(answer)) => yield Ok(answer),
                Some(Err(status)) => {
                    ending = Some(Err(status));
                    break;
                }
                None => {}
            }
        }
        if let Some(Err(status)) = ending {
            yield Err(status);
        }
    }
}

/// A message that was read and is not answered yet.
struct Message {
    number: u64,
    bytes: usize,
    unanswered: Unanswered,
}

/// Reads the next message and takes it as far as the committers' line. Dropped half-way, nothing of it is stored.
async fn arrive(
    intake: &Intake,
    credential: &Credential,
    mut input: Input,
) -> (Input, Result<Option<Message>, Status>) {
    let arrived = accept(intake, credential, &mut input).await;
    (input, arrived)
}

async fn accept(
    intake: &Intake,
    credential: &Credential,
    input: &mut Input,
) -> Result<Option<Message>, Status> {
    let Some(PublishStreamRequest { number, events }) =
        input.messages.message().await.map_err(status::oversize)?
    else {
        return Ok(None);
    };
    let started = Instant::now();
    // Looked up for every message: a key that is revoked ends the streams that were opened with it.
    let source = intake.source(credential)?;
    let bytes = intake.measure(&format!("message {number}: events"), &events)?;
    let room = intake.reserve_patiently(&source, bytes).await;
    input.unadmitted.admitted();
    let call = intake.tracer.begin(MESSAGE, input.caller);
    let mapped = intake.map(&source, &events, &call).await;
    let unanswered = intake.submit(mapped, room, started, call)?;
    Ok(Some(Message { number, bytes, unanswered }))
}

/// The messages that wait for their answers, oldest first.
struct Line {
    window: usize,
    bytes: usize,
    messages: VecDeque<Message>,
}

impl Line {
    fn has_room(&self) -> bool {
        self.messages.is_empty() || self.bytes < self.window
    }

    fn push(&mut self, message: Message) {
        self.bytes += message.bytes;
        self.messages.push_back(message);
    }

    /// The answer to the oldest message. Safe to cancel.
    async fn answer(&mut self, intake: &Intake) -> Answer {
        let oldest = self.messages.front_mut().expect("asked only while a message waits");
        let receipt = intake.answer(&mut oldest.unanswered).await?;
        let number = oldest.number;
        self.bytes -= self.messages.pop_front().map_or(0, |message| message.bytes);
        Ok(PublishStreamResponse { number, receipt: Some(receipt) })
    }
}
