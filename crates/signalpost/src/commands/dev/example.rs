//! Example: a few events that show what matters, sent and awaited.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use signalpost_grpc::client::Tls;
use signalpost_proto::v1::{Event, Problem, event::Form};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use crate::client::{Message, Sender};
use crate::output;
use crate::receiver::{Arrival, Verdict};

const EVENTS: &str = include_str!("../../../../../deploy/events.example.ndjson");
/// What stands in every message id of the example, and is replaced by a mark of this run.
const MARK: &str = "example-";

/// The example events of one run, acknowledged.
#[derive(Debug)]
pub(super) struct Sent {
    /// What this run's message ids begin with.
    mark: String,
    events: usize,
    unwanted: u32,
    /// How many deliveries must follow.
    queued: u32,
    problems: Vec<Problem>,
}

pub(super) async fn send(to: SocketAddr, write_key: &str) -> anyhow::Result<Sent> {
    let id = Uuid::new_v4().simple().to_string();
    let mark = format!("dev-{}-", &id[..8]);
    let text = EVENTS.replace(MARK, &mark);
    let event = |line: &str| Event { form: Some(Form::Json(line.to_owned().into())), ..Event::default() };
    let events: Vec<Event> = text.lines().map(event).collect();
    let mut sent = Sent { mark, events: events.len(), unwanted: 0, queued: 0, problems: Vec::new() };
    let mut next = Some(Message { events, tag: () });
    let mut sender =
        Sender::new(&format!("http://{to}"), &Tls::default(), write_key, 1, Duration::from_mins(1))?;
    let acknowledged = |_, receipt: signalpost_proto::v1::Receipt| {
        sent.unwanted += receipt.unwanted;
        sent.queued += receipt.queued;
        sent.problems.extend(receipt.problems);
    };
    sender.send_all(async || Ok(next.take()), acknowledged, |_| {}).await?;
    Ok(sent)
}

/// What arrived verified.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// Payloads, each once: a delivery may be repeated.
    payloads: Mutex<HashSet<String>>,
    unverified: Mutex<usize>,
    changed: watch::Sender<()>,
}

impl Arrivals {
    pub(super) fn take(&self, arrival: &Arrival) {
        if matches!(arrival.verdict, Verdict::Verified | Verdict::Unchecked) {
            let mut payloads = self.payloads.lock().expect("nothing panics while it is held");
            payloads.extend(
                arrival.payloads().into_iter().filter(|text| text.contains("dev-")).map(str::to_owned),
            );
        } else {
            *self.unverified.lock().expect("nothing panics while it is held") += 1;
        }
        self.changed.send_replace(());
    }

    fn of(&self, mark: &str) -> usize {
        let payloads = self.payloads.lock().expect("nothing panics while it is held");
        payloads.iter().filter(|text| text.contains(mark)).count()
    }
}

/// Says what arrived; an error says what did not.
pub(super) async fn await_arrival(sent: &Sent, arrivals: &Arrivals, within: Duration) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut changed = arrivals.changed.subscribe();
    let wanted = sent.queued as usize;
    let all = async {
        while arrivals.of(&sent.mark) < wanted {
            if changed.changed().await.is_err() {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(within, all).await;
    let arrived = arrivals.of(&sent.mark);
    output::line(format_args!(
        "\n{arrived} of {wanted} deliveries of {} events arrived and were verified, {} ms after they were acknowledged{}",
        sent.events,
        began.elapsed().as_millis(),
        match sent.unwanted {
            0 => String::new(),
            1 => " (1 event is wanted by no mapping)".to_owned(),
            count => format!(" ({count} events are wanted by no mapping)"),
        }
    ));
    judge(sent, arrivals, arrived)
}

fn judge(sent: &Sent, arrivals: &Arrivals, arrived: usize) -> anyhow::Result<()> {
    let mut missing: Vec<String> = sent
        .problems
        .iter()
        .map(|problem| format!("event {}: {} {}", problem.message_id, problem.mapping, problem.reason))
        .collect();
    let unverified = *arrivals.unverified.lock().expect("nothing panics while it is held");
    if unverified > 0 {
        missing.push(format!("{unverified} requests did not verify"));
    }
    let wanted = sent.queued as usize;
    if arrived < wanted {
        missing.push(format!("{} of {wanted} deliveries did not arrive", wanted - arrived));
    }
    if wanted == 0 {
        missing.push("no mapping wants any of the example events".to_owned());
    }
    anyhow::ensure!(missing.is_empty(), "the example did not go all the way through: {}", missing.join("; "));
    Ok(())
}
