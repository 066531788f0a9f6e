//! Receivers that mean no good: whatever they do, an attempt ends within its deadline, holds little memory, and says
//! what happened; and an answer that is cut short is still the answer its status says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::RootCertStore;
use signalpost_core::outcome::Failure;
use signalpost_core::request::{Identity, OutboundRequest, Prepared};
use signalpost_core::signature::Signatures;
use signalpost_dispatcher::transport::{Answer, Client, Egress, NoAnswer, Transport as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::transport::{always, egress};

const TIMEOUT: Duration = Duration::from_millis(400);
/// What a crowded machine may add.
const LATE: Duration = Duration::from_secs(5);

/// A receiver that does this with every connection.
async fn receiver<Done>(act: impl Fn(TcpStream) -> Done + Send + 'static) -> SocketAddr
where
    Done: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(act(stream));
        }
    });
    address
}

/// A receiver that reads the request, says this, and then hangs or closes.
async fn saying(text: &'static [u8], hangs: bool) -> SocketAddr {
    receiver(move |mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(text).await.unwrap();
        if hangs {
            std::future::pending::<()>().await;
        }
    })
    .await
}

/// Says this again and again until nobody listens; how many bytes it got rid of.
async fn repeating(first: &'static [u8], text: Vec<u8>, pause: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let said = Arc::new(AtomicUsize::new(0));
    let (count, text) = (Arc::clone(&said), Bytes::from(text));
    let address = receiver(move |mut stream| {
        let (count, text) = (Arc::clone(&count), text.clone());
        async move {
            read_request(&mut stream).await;
            stream.write_all(first).await.unwrap();
            while stream.write_all(&text).await.is_ok() {
                count.fetch_add(text.len(), Ordering::Relaxed);
                tokio::time::sleep(pause).await;
            }
        }
    })
    .await;
    (address, said)
}

async fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"{}") {
        stream.read_buf(&mut request).await.unwrap();
    }
}

fn request(scheme: &str, body: Bytes) -> OutboundRequest {
    let identity = Identity { batch_id: uuid::Uuid::nil(), attempt: 1, is_maybe_repeated: false };
    Prepared::new("POST", &format!("{scheme}://receiver.test/"), &[]).unwrap().request(
        Some(body.into()),
        &Signatures::default(),
        identity,
    )
}

async fn send(address: SocketAddr, request: OutboundRequest) -> Result<Answer, NoAnswer> {
    let client = Client::new(always(address), Duration::from_secs(5), RootCertStore::empty()).unwrap();
    let began = Instant::now();
    let result = client.send(request, &Egress { timeout: TIMEOUT, ..egress() }).await;
    assert!(began.elapsed() < TIMEOUT + LATE, "{:?}", began.elapsed());
    result
}

async fn ask(address: SocketAddr) -> Result<Answer, NoAnswer> {
    send(address, request("http", Bytes::from_static(b"{}"))).await
}

#[track_caller]
fn failed(result: Result<Answer, NoAnswer>, failure: Failure, says: &str) {
    let none = result.unwrap_err();
    assert_eq!(none.failure, failure, "{}", none.reason);
    assert!(none.reason.contains(says), "{}", none.reason);
}

#[tokio::test]
async fn a_head_that_drips_ends_at_the_deadline() {
    let slow = Duration::from_millis(20);
    let (address, _) = repeating(b"HTTP/1.1 200 OK\r\nx: ", b"x".to_vec(), slow).await;
    failed(ask(address).await, Failure::Timeout, "timeout: no answer within 400ms");
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off_at_the_deadline_and_its_status_holds() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    let (address, _) = repeating(head, b"x".to_vec(), Duration::from_millis(20)).await;
    let answer = ask(address).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!((1..1000).contains(&answer.body.len()), "{}", answer.body.len());
}

#[tokio::test]
async fn an_answer_that_hangs_after_its_head_has_the_status_it_began_with() {
    for (head, status) in [
        (&b"HTTP/1.1 204 No Content\r\n\r\n"[..], 204),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", 200),
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\nno", 503),
    ] {
        assert_eq!(ask(saying(head, true).await).await.unwrap().status, status);
    }
}

#[tokio::test]
async fn an_answer_of_a_gigabyte_is_cut_off_early() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
    let (address, said) = repeating(head, vec![b'x'; 100_000], Duration::ZERO).await;
    let answer = ask(address).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 1024));
    // What the two kernels take in between counts too.
    assert!(said.load(Ordering::Relaxed) < 50_000_000, "{said:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_has_the_status_it_began_with() {
    for text in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nffffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc",
    ] {
        let answer = ask(saying(text, false).await).await.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (200, &b"abc"[..]));
    }
}

#[tokio::test]
async fn what_is_no_answer_of_http_is_said_to_be_none() {
    for text in [
        &b"no status line\r\n\r\n"[..],
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ] {
        failed(ask(saying(text, true).await).await, Failure::Protocol, "protocol: ");
    }
}

#[tokio::test]
async fn a_connection_that_closes_before_the_head_is_whole_is_a_reset() {
    for text in [&b""[..], b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nserver: x\r\n"] {
        failed(ask(saying(text, false).await).await, Failure::Reset, "reset: ");
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    for line in [vec![b'x'; 100_000], b"x: y\r\n".repeat(10_000)] {
        let (address, said) = repeating(b"HTTP/1.1 200 OK\r\nx: ", line, Duration::ZERO).await;
        failed(ask(address).await, Failure::Protocol, "protocol: ");
        assert!(said.load(Ordering::Relaxed) < 50_000_000, "{said:?}");
    }
}

#[tokio::test]
async fn continuing_for_ever_is_no_answer() {
    let text = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    let (address, _) = repeating(b"", text, Duration::ZERO).await;
    failed(ask(address).await, Failure::Timeout, "timeout: no answer");
}

#[tokio::test]
async fn a_receiver_that_never_reads_does_not_hold_a_request() {
    let address = receiver(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let large = request("http", Bytes::from(vec![b'x'; 30_000_000]));
    failed(send(address, large).await, Failure::Timeout, "timeout: no answer");
    failed(
        send(address, request("https", Bytes::new())).await,
        Failure::Timeout,
        "no connection within 400ms",
    );
}

#[tokio::test]
async fn an_answer_before_the_request_is_read_counts() {
    let address = receiver(|mut stream| async move {
        stream.read_exact(&mut [0; 1000]).await.unwrap();
        stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let large = request("http", Bytes::from(vec![b'x'; 30_000_000]));
    assert_eq!(send(address, large).await.unwrap().status, 413);
}

#[tokio::test]
async fn after_its_deadline_an_attempt_leaves_no_connection_behind() {
    let (ended, mut end) = tokio::sync::mpsc::unbounded_channel();
    let address = receiver(move |mut stream| {
        let ended = ended.clone();
        async move {
            read_request(&mut stream).await;
            let read = stream.read(&mut [0; 10]).await;
            ended.send(read.unwrap_or(0)).unwrap();
        }
    })
    .await;
    let client = Client::new(always(address), Duration::from_secs(5), RootCertStore::empty()).unwrap();
    let egress = Egress { timeout: TIMEOUT, ..egress() };
    failed(
        client.send(request("http", Bytes::from_static(b"{}")), &egress).await,
        Failure::Timeout,
        "no answer",
    );
    assert_eq!(tokio::time::timeout(LATE, end.recv()).await.unwrap(), Some(0));
}
