//! Streams: an answer to every message, in order, after its commit.

use std::collections::HashSet;

use futures::StreamExt as _;
use signalpost_proto::v1::{PublishStreamRequest, PublishStreamResponse, Receipt};
use signalpost_testkit::event::{orders, track};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::setup::{Ingest, KEY, event, whole};

/// Both ends of an open stream.
pub(crate) struct Open {
    pub(crate) messages: mpsc::Sender<PublishStreamRequest>,
    pub(crate) answers: Streaming<PublishStreamResponse>,
}

pub(crate) async fn open(ingest: &Ingest) -> Open {
    let (messages, outgoing) = mpsc::channel(4);
    let mut client = ingest.client(KEY).await;
    let answers = client.publish_stream(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
    Open { messages, answers }
}

pub(crate) fn message(number: u64, events: impl IntoIterator<Item = String>) -> PublishStreamRequest {
    PublishStreamRequest { number, events: events.into_iter().map(event).collect() }
}

impl Open {
    /// Sends a message and waits for the next answer.
    pub(crate) async fn send(
        &mut self,
        number: u64,
        events: impl IntoIterator<Item = String>,
    ) -> Result<Receipt, Status> {
        self.messages.send(message(number, events)).await.expect("the stream is open");
        let answer = self.answers.message().await?.expect("an answer, or a status");
        assert_eq!(answer.number, number);
        Ok(answer.receipt.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_in_order_under_load_and_nothing_is_lost() {
    const MESSAGES: u64 = 200;
    let ingest = Ingest::with(vec![whole("whole", r#"type = "track""#)]).await;
    let Open { messages, answers } = open(&ingest).await;
    let sender = async move {
        for number in 0..MESSAGES {
            let prefix = format!("m-{number}");
            let events = orders(&prefix, 20).map(|order| order.json());
            messages.send(message(number, events)).await.unwrap();
        }
    };
    let (answers, ()) = tokio::join!(answers.collect::<Vec<_>>(), sender);
    let numbers: Vec<_> = answers.iter().map(|answer| answer.as_ref().unwrap().number).collect();
    assert_eq!(numbers, (0..MESSAGES).collect::<Vec<_>>());
    let ids: HashSet<_> = ingest.queued_ids().await.into_iter().collect();
    assert_eq!(ids.len(), 20 * usize::try_from(MESSAGES).unwrap());
}

#[tokio::test]
async fn refused_events_are_listed_and_the_stream_goes_on() {
    let ingest = Ingest::with(vec![whole("whole", r#"type = "track""#)]).await;
    let mut stream = open(&ingest).await;
    let receipt = stream.send(7, ["{}".to_owned()]).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused, receipt.problems[0].path.as_str()), (0, 1, "type"));
    assert_eq!(stream.send(8, [track("A").json()]).await.unwrap().accepted, 1);
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_stream_after_the_answers_before_it() {
    let ingest = Ingest::with(vec![whole("whole", r#"type = "track""#)]).await;
    let Open { messages, mut answers } = open(&ingest).await;
    messages.send(message(1, [track("A").json()])).await.unwrap();
    messages.send(message(2, [])).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().number, 1);
    let status = answers.message().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("message 2"), "{}", status.message());
}

#[tokio::test]
async fn a_half_closed_stream_is_answered_to_its_end() {
    let ingest = Ingest::with(vec![whole("whole", r#"type = "track""#)]).await;
    let Open { messages, answers } = open(&ingest).await;
    for number in 1..=3 {
        messages.send(message(number, [track("A").json()])).await.unwrap();
    }
    drop(messages);
    let answers: Vec<_> = answers.collect().await;
    assert_eq!(answers.into_iter().map(|answer| answer.unwrap().number).collect::<Vec<_>>(), [1, 2, 3]);
}
