//! The test support itself.

use signalpost_testkit::postgres::Cluster;
use signalpost_testkit::{Answer, event, postgres, receiver};
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn post(address: std::net::SocketAddr, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "POST /in HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    Ok(answer)
}

#[tokio::test]
async fn each_database_is_fresh_and_has_the_schema() {
    let (one, other) = (postgres().await, postgres().await);
    assert_ne!(one.url, other.url);
    let mut connection = PgConnection::connect(&other.url).await.unwrap();
    sqlx::raw_sql("SELECT * FROM signalpost.batches").execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn a_database_survives_its_server() {
    let cluster = Cluster::dedicated().await;
    let database = cluster.database().await;
    cluster.stop().await;
    assert!(PgConnection::connect(&database.url).await.is_err());
    cluster.start().await;
    PgConnection::connect(&database.url).await.unwrap();
}

#[tokio::test]
async fn a_receiver_records_what_arrives_and_answers_as_scripted() {
    let receiver = receiver().await;
    let batch = format!("[{},{}]", event::order("a", 1).json(), event::order("b", 2).json());
    assert!(post(receiver.address(), &batch).await.unwrap().starts_with("HTTP/1.1 200"));
    receiver.script(|request| Answer::status(429).header("retry-after", "7").body(request.body.clone()));
    let answer = post(receiver.address(), &event::order("c", 3).json()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 7"));
    receiver.script(|_| Answer::reset());
    assert_eq!(post(receiver.address(), &event::order("d", 4).json()).await.unwrap(), "");
    assert_eq!(receiver.wait_for(3).await.len(), 3);
    assert_eq!(receiver.message_ids(), ["a", "b", "c", "d"]);
}
