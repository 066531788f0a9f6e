//! Stopping: what was accepted is committed and answered, then the server is gone.

use signalpost_testkit::event::track;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::setup::{Ingest, KEY, publish, whole};

#[tokio::test]
async fn an_open_stream_ends_with_unavailable_once_everything_is_answered() {
    let ingest = Ingest::with(vec![whole("whole", r#"type = "track""#)]).await;
    let mut stream = crate::stream::open(&ingest).await;
    assert!(stream.send(1, [track("A").json()]).await.is_ok());
    let stopped = ingest.stopped();
    let ended = async {
        let status = stream.answers.message().await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.get_details_retry_info().is_some());
    };
    let (stopped, ()) = tokio::join!(stopped, ended);
    stopped.unwrap();
}

#[tokio::test]
async fn a_stopped_ingest_takes_no_new_call() {
    let ingest = Ingest::with(vec![whole("whole", r#"type = "track""#)]).await;
    let mut client = ingest.client(KEY).await;
    assert!(publish(&mut client, [track("A").json()]).await.is_ok());
    ingest.stopped().await.unwrap();
    assert!(publish(&mut client, [track("B").json()]).await.is_err());
}
