//! The order of a lane, whatever several committers do at a time.

use signalpost_ingest::Config;
use signalpost_testkit::event::track;
use sqlx::{Connection as _, PgConnection};

use crate::setup::{Ingest, shop, whole};

/// Makes the commit of a payload that says "stall" wait for as long as the connection that is returned lives.
async fn stalling(url: &str) -> PgConnection {
    let mut lock = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(
        "CREATE FUNCTION signalpost.stall() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$;
         CREATE TRIGGER stall BEFORE INSERT ON signalpost.batches FOR EACH ROW
         WHEN (NEW.payload LIKE '%stall%') EXECUTE FUNCTION signalpost.stall();
         SELECT pg_advisory_lock(1)",
    )
    .execute(&mut lock)
    .await
    .unwrap();
    lock
}

#[tokio::test]
async fn an_ordered_lane_waits_for_its_commit_that_stalls_and_other_lanes_do_not() {
    let database = signalpost_testkit::postgres().await;
    let ingest = Ingest::at(&database.url, Config::default()).await;
    let mut wanted = shop(vec![whole("ordered", r#"event = "O""#)]);
    let mut other = wanted.sources[0].destinations[0].clone();
    (other.name, other.mappings) = ("other".to_owned(), vec![whole("free", r#"event = "F""#)]);
    wanted.sources[0].destinations[0].delivery.ordered = true;
    wanted.sources[0].destinations.push(other);
    ingest.apply(&wanted).await;
    ingest.ready().await;
    let lock = stalling(&database.url).await;

    let mut stream = crate::stream::open(&ingest).await;
    stream.messages.send(crate::stream::message(1, [track("O").id("1 stall").json()])).await.unwrap();
    ingest.waiting_for_lock("advisory").await;
    stream.messages.send(crate::stream::message(2, [track("O").id("2").json()])).await.unwrap();
    for _ in 0..10 {
        assert_eq!(
            ingest.publish([track("F").json()]).await.unwrap().queued,
            1,
            "the other committer is free"
        );
    }
    let ordered = ingest.queued().await.into_iter().filter(|(name, ..)| name == "ordered");
    assert_eq!(ordered.count(), 0, "the second must not overtake the first");

    lock.close().await.unwrap();
    for number in [1, 2] {
        assert_eq!(stream.answers.message().await.unwrap().unwrap().number, number);
    }
    let ordered = ingest.queued_ids().await.into_iter().filter(|id| id.len() < 10);
    assert_eq!(ordered.collect::<Vec<_>>(), ["1 stall", "2"]);
    let held: Vec<_> = ingest.queued().await.into_iter().filter(|(name, ..)| name == "ordered").collect();
    assert_eq!(held.len(), 2, "in two commits");
}
