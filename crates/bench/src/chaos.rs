//! Chaos: events flow while processes are killed, Postgres crashes and the receiver fails; then the ledger is read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    events::Events,
    ledger::Ledger,
    receiver::{Mood, Receiver},
    report::{Report, machine},
    sender::Sender,
    stand::{self, Process, Role, SECRET, Stand, WRITE_KEY, until},
};

/// How much, and how rough.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Events to send.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Kills and crashes, at the least; events are held back until they are done.
    #[arg(long, default_value_t = 24)]
    kills: u32,
    /// The same seed does the same things in the same order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One request an event instead of batches.
    #[arg(long)]
    singles: bool,
}

/// Senders, each with its own share of the events.
const SENDERS: u64 = 4;
/// Events a call.
const PER_CALL: u64 = 200;

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    println!(
        "{}; {} events, {} kills, seed {}",
        machine(),
        arguments.events,
        arguments.kills,
        arguments.seed
    );
    let events = Arc::new(Events::new(arguments.seed));
    let ledger = Arc::new(Ledger::new(arguments.events));
    let mut stand = Stand::start().await?;
    let receiver = Receiver::start(Arc::clone(&ledger), Some(SECRET)).await?;
    let fields =
        json!({ "enable_batching": !arguments.singles, "batch_size": 1000, "data": { "@path": "$." } });
    let mut destination = stand::destination("receiver", &receiver.url(), fields);
    destination.delivery.timeout = Duration::from_secs(2);
    destination.delivery.retry.cap = Duration::from_secs(2);
    stand.apply(vec![destination]).await?;
    let mut processes = Vec::new();
    for number in 0..2 {
        processes.push(stand.run(Role::Ingest(number)).await?);
        processes.push(stand.run(Role::Dispatcher(number)).await?);
    }
    let begin = Instant::now();
    let done = Arc::new(AtomicBool::new(false));
    let senders = send(&arguments, &processes, &events, &ledger);
    let wrecked = wreck(&arguments, &mut stand, &mut processes, &receiver, &done);
    let (failed_calls, blows) = tokio::try_join!(
        async {
            let failed = join(senders).await;
            done.store(true, Ordering::Relaxed);
            failed
        },
        wrecked
    )?;
    receiver.set_mood(Mood::Good);
    settle(&stand, &ledger, arguments.events).await?;

    let mut report = Report::default();
    report.note("events acknowledged", ledger.acknowledged().to_string(), arguments.events.to_string());
    report.note("lost", ledger.lost().len().to_string(), "0");
    report.note(
        "arrived more than once (arrivals)",
        ledger.repeated().to_string(),
        "only what was in flight or resent",
    );
    report.note("blows: ingest, dispatcher, Postgres, receiver", blows.to_string(), "");
    report.note("calls that failed and were made again", failed_calls.to_string(), "");
    report.note("requests that did not verify", receiver.unverified().to_string(), "0");
    report.note("seconds", begin.elapsed().as_secs().to_string(), "");
    println!("{}", report.table());
    ensure!(ledger.lost().is_empty(), "lost: {:?}", &ledger.lost()[..ledger.lost().len().min(20)]);
    ensure!(receiver.unverified() == 0, "{} requests did not verify", receiver.unverified());
    Ok(())
}

fn send(
    arguments: &Arguments,
    processes: &[Process],
    events: &Arc<Events>,
    ledger: &Arc<Ledger>,
) -> JoinSet<Result<u64>> {
    let ingests: Vec<&Process> =
        processes.iter().filter(|one| matches!(one.role(), Role::Ingest(_))).collect();
    let mut senders = JoinSet::new();
    let share = arguments.events / SENDERS;
    for number in 0..SENDERS {
        let numbers =
            number * share..if number + 1 == SENDERS { arguments.events } else { (number + 1) * share };
        let ingest = ingests[usize::try_from(number).unwrap_or(0) % ingests.len()].ingest();
        let sender = Sender {
            ingest,
            write_key: WRITE_KEY.to_owned(),
            events: Arc::clone(events),
            ledger: Arc::clone(ledger),
        };
        senders.spawn(async move { sender.calls_until_acknowledged(numbers, PER_CALL).await });
    }
    senders
}

async fn join(mut senders: JoinSet<Result<u64>>) -> Result<u64> {
    let mut failed = 0;
    while let Some(one) = senders.join_next().await {
        failed += one??;
    }
    Ok(failed)
}

/// How often what was hit.
#[derive(Default)]
struct Blows {
    ingest: u32,
    dispatcher: u32,
    postgres: u32,
    receiver: u32,
}

impl std::fmt::Display for Blows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}, {}, {}", self.ingest, self.dispatcher, self.postgres, self.receiver)
    }
}

/// Hits something every second or so, as long as events are being sent and until there were enough kills.
async fn wreck(
    arguments: &Arguments,
    stand: &mut Stand,
    processes: &mut [Process],
    receiver: &Receiver,
    done: &AtomicBool,
) -> Result<Blows> {
    let mut random = StdRng::seed_from_u64(arguments.seed);
    let mut blows = Blows::default();
    while !done.load(Ordering::Relaxed) || blows.ingest + blows.dispatcher + blows.postgres < arguments.kills
    {
        tokio::time::sleep(Duration::from_millis(random.random_range(200..1500))).await;
        match random.random_range(0..10) {
            0..6 => {
                let index = random.random_range(0..processes.len());
                match processes[index].role() {
                    Role::Dispatcher(_) => blows.dispatcher += 1,
                    Role::Ingest(_) | Role::Serve => blows.ingest += 1,
                }
                processes[index].crash().await?;
            }
            6 => {
                tokio::task::block_in_place(|| stand.crash_postgres())?;
                blows.postgres += 1;
            }
            7 => {
                tokio::task::block_in_place(|| stand.restart_postgres())?;
                blows.postgres += 1;
            }
            _ => {
                let moods = [
                    Mood::Failing,
                    Mood::Hanging,
                    Mood::Resetting,
                    Mood::Slow(Duration::from_millis(300)),
                    Mood::Good,
                ];
                receiver.set_mood(moods[random.random_range(0..moods.len())]);
                tokio::time::sleep(Duration::from_millis(random.random_range(200..2500))).await;
                receiver.set_mood(Mood::Good);
                blows.receiver += 1;
            }
        }
    }
    Ok(blows)
}

/// Until everything arrived and nothing is queued any more.
async fn settle(stand: &Stand, ledger: &Ledger, events: u64) -> Result<()> {
    until("every event arrives", Duration::from_mins(5), async || Ok(ledger.arrived() == events)).await.ok();
    until("the queue is empty", Duration::from_mins(1), async || Ok(stand.queued().await.unwrap_or(1) == 0))
        .await
        .ok();
    Ok(())
}
