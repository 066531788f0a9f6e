//! Senders: gRPC clients that publish numbered events and note what was acknowledged.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use signalpost_proto::v1::{
    Event, PublishRequest, PublishStreamRequest, event::Form, ingest_service_client::IngestServiceClient,
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Request, metadata::MetadataValue, transport::Channel};

use crate::{events::Events, ledger::Ledger};

/// Where to send, and as whom.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) ingest: String,
    pub(crate) write_key: String,
    pub(crate) events: Arc<Events>,
    pub(crate) ledger: Arc<Ledger>,
}

impl Sender {
    async fn client(&self) -> Result<IngestServiceClient<Channel>> {
        let endpoint = Channel::from_shared(self.ingest.clone())?
            .tcp_nodelay(true)
            .connect_timeout(Duration::from_secs(5));
        Ok(IngestServiceClient::new(endpoint.connect().await.context("connecting to ingest")?))
    }

    fn request<T>(&self, message: T) -> Result<Request<T>> {
        let mut request = Request::new(message);
        let value = MetadataValue::try_from(format!("Bearer {}", self.write_key))?;
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }

    fn events(&self, numbers: Range<u64>) -> Vec<Event> {
        let event = |number| Event { form: Some(Form::Json(self.events.event(number))), ..Event::default() };
        numbers.map(event).collect()
    }

    /// Publishes over one stream, `per_message` events a message and at most `window` messages unacknowledged.
    pub(crate) async fn stream(&self, numbers: Range<u64>, per_message: u64, window: usize) -> Result<()> {
        let (send, outgoing) = mpsc::channel(window);
        let (slot, mut slots) = mpsc::channel::<Range<u64>>(window);
        let this = self.clone();
        let producer = tokio::task::spawn_blocking(move || {
            let mut start = numbers.start;
            while start < numbers.end {
                let part = start..numbers.end.min(start + per_message);
                let message = PublishStreamRequest { number: start, events: this.events(part.clone()) };
                if slot.blocking_send(part.clone()).is_err() || send.blocking_send(message).is_err() {
                    return; // the stream ended: the reader says why
                }
                start = part.end;
            }
        });
        let request = self.request(ReceiverStream::new(outgoing))?;
        let mut answers = self.client().await?.publish_stream(request).await?.into_inner();
        while let Some(answer) = answers.next().await {
            let answer = answer?;
            let part = slots.recv().await.context("an acknowledgement of nothing")?;
            let receipt = answer.receipt.context("an acknowledgement without a receipt")?;
            if answer.number != part.start || receipt.refused > 0 || receipt.unmapped > 0 {
                bail!(
                    "message {} was answered with {answer_number}: {receipt:?}",
                    part.start,
                    answer_number = answer.number
                );
            }
            part.for_each(|number| self.ledger.acknowledge(number));
        }
        producer.await?;
        Ok(())
    }

    /// Publishes one call after the other, again and again until each is acknowledged; returns how many calls failed.
    pub(crate) async fn calls_until_acknowledged(&self, numbers: Range<u64>, per_call: u64) -> Result<u64> {
        let mut failed = 0;
        let mut start = numbers.start;
        let mut client = None;
        while start < numbers.end {
            let part = start..numbers.end.min(start + per_call);
            let request = PublishRequest { events: self.events(part.clone()), ..PublishRequest::default() };
            if self.call(&mut client, request).await.is_ok() {
                part.clone().for_each(|number| self.ledger.acknowledge(number));
                start = part.end;
            } else {
                failed += 1;
                client = None;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(failed)
    }

    async fn call(
        &self,
        client: &mut Option<IngestServiceClient<Channel>>,
        message: PublishRequest,
    ) -> Result<()> {
        let client = match client {
            Some(client) => client,
            None => client.insert(self.client().await?),
        };
        let mut request = self.request(message)?;
        request.set_timeout(Duration::from_secs(20));
        let receipt = client.publish(request).await?.into_inner().receipt.context("no receipt")?;
        if receipt.refused > 0 || receipt.unmapped > 0 {
            bail!("refused: {receipt:?}");
        }
        Ok(())
    }

    /// Publishes single events at a steady rate over `connections` clients; the time of each acknowledgement in
    /// microseconds, and when each event was sent.
    pub(crate) async fn steadily(
        &self,
        numbers: Range<u64>,
        per_second: f64,
        connections: u64,
    ) -> Result<(Histogram<u64>, Vec<(u64, Instant)>)> {
        let begin = Instant::now() + Duration::from_millis(50);
        let mut lanes = tokio::task::JoinSet::new();
        for lane in 0..connections {
            let (this, numbers) = (self.clone(), numbers.clone());
            lanes.spawn(async move {
                let mut client = Some(this.client().await?);
                let mut times = Vec::new();
                for number in numbers.clone().filter(|number| number % connections == lane) {
                    #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
                    let due = begin + Duration::from_secs_f64((number - numbers.start) as f64 / per_second);
                    tokio::time::sleep_until(due.into()).await;
                    let request = PublishRequest {
                        events: this.events(number..number + 1),
                        ..PublishRequest::default()
                    };
                    let sent = Instant::now();
                    this.call(&mut client, request).await?;
                    this.ledger.acknowledge(number);
                    times.push((number, sent, sent.elapsed()));
                }
                anyhow::Ok(times)
            });
        }
        let mut histogram = Histogram::new(3)?;
        let mut sent = Vec::new();
        while let Some(times) = lanes.join_next().await {
            for (number, at, took) in times?? {
                histogram.record(u64::try_from(took.as_micros())?)?;
                sent.push((number, at));
            }
        }
        Ok((histogram, sent))
    }
}
