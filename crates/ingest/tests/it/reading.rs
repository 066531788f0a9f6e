//! What is read before it is admitted is bounded, whoever sends it.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use bytesize::ByteSize;
use http_body::Frame;
use http_body_util::StreamBody;
use signalpost_ingest::Config;
use signalpost_testkit::event::track;
use signalpost_testkit::eventually;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_types::StatusExt as _;
use tower::{Service as _, ServiceExt as _};

use crate::setup::{Ingest, KEY, whole};

/// The largest message, its framing included, is all that may be read at a time.
const REQUEST: u64 = 64 << 10;
const ALL: u32 = (64 << 10) + (1 << 20);

fn tight() -> Config {
    Config {
        request_bytes_max: ByteSize::b(REQUEST),
        reading_bytes_max: ByteSize::b(ALL.into()),
        waiting_time_max: Duration::from_millis(50),
        ..Config::default()
    }
}

async fn ingest(config: Config) -> Ingest {
    Ingest::start(config, vec![whole("whole", r#"type = "track""#)]).await
}

/// A call whose message has begun. It ends when this is dropped; `answer` gives its gRPC status.
struct Begun {
    body: mpsc::Sender<Bytes>,
    answer: JoinSet<Option<i32>>,
}

async fn begin(ingest: &Ingest, authorization: Option<&str>, length: u32) -> Begun {
    let (body, frames) = mpsc::channel::<Bytes>(4);
    let frames = ReceiverStream::new(frames).map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
    let mut request =
        http::Request::post(format!("http://{}/signalpost.v1.IngestService/Publish", ingest.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let request = request.body(tonic::body::Body::new(StreamBody::new(frames))).unwrap();
    let mut header = vec![0];
    header.extend(length.to_be_bytes());
    body.send(header.into()).await.unwrap();
    let mut channel = ingest.channel().await;
    let mut answer = JoinSet::new();
    answer.spawn(async move {
        let answer = channel.ready().await.ok()?.call(request).await.ok()?;
        answer.headers().get("grpc-status")?.to_str().ok()?.parse().ok()
    });
    Begun { body, answer }
}

#[tokio::test]
async fn a_message_that_has_begun_takes_its_room_and_gives_it_back() {
    let ingest = ingest(tight()).await;
    let begun = begin(&ingest, Some(&format!("Bearer {KEY}")), ALL).await;
    let status =
        eventually("all room is taken", async || ingest.publish([track("A").json()]).await.err()).await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());

    let mut stream = crate::stream::open(&ingest).await;
    stream.messages.send(crate::stream::message(1, [track("A").json()])).await.unwrap();
    drop(begun);
    assert_eq!(stream.answers.message().await.unwrap().unwrap().number, 1, "streams wait for room");
    for _ in 0..3 {
        assert_eq!(ingest.publish([track("A").json()]).await.unwrap().queued, 1);
    }
}

#[tokio::test]
async fn nothing_is_read_of_who_shows_no_write_key() {
    let ingest = ingest(tight()).await;
    let mut begun = begin(&ingest, None, ALL).await;
    assert_eq!(begun.answer.join_next().await.unwrap().unwrap(), Some(Code::Unauthenticated as i32));
    assert_eq!(ingest.publish([track("A").json()]).await.unwrap().queued, 1);
}

#[tokio::test]
async fn who_begins_a_message_and_falls_silent_is_cut_off() {
    let ingest = ingest(Config { reading_silence_max: Duration::from_millis(200), ..tight() }).await;
    let mut begun = begin(&ingest, Some(&format!("Bearer {KEY}")), ALL).await;
    begun.body.send(Bytes::from_static(b"a little")).await.unwrap();
    assert_eq!(begun.answer.join_next().await.unwrap().unwrap(), Some(Code::DeadlineExceeded as i32));
    assert_eq!(ingest.publish([track("A").json()]).await.unwrap().queued, 1);
}

#[tokio::test]
async fn a_message_larger_than_any_may_be_takes_no_room() {
    let ingest = ingest(tight()).await;
    let mut begun = begin(&ingest, Some(&format!("Bearer {KEY}")), u32::MAX).await;
    assert_eq!(begun.answer.join_next().await.unwrap().unwrap(), Some(Code::InvalidArgument as i32));
}
