//! Metrics: the pool of connections, under `signalpost_database_`.
//!
//! Invariant: looking at the pool sends no statement.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use signalpost_telemetry::metrics::{Buckets, Make as _};
use tokio::time::{Instant, sleep};

use crate::Storage;

/// How often one connection is asked for and given back, to see how long that takes.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    state: &'static str,
}

/// What the pool shows of itself. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Metrics {
    connections: Family<OfState, Gauge>,
    connections_max: Gauge,
    acquire_duration: Histogram,
    acquire_failures: Counter,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let ours = registry.sub_registry_with_prefix("signalpost_database");
        let metrics = Self {
            connections: ours.make(
                "connections",
                "Open connections of the pool by state: idle, busy; listeners are not counted",
            ),
            connections_max: ours.make("connections_max", "Connections that the pool may open"),
            acquire_duration: ours.make_histogram(
                Buckets { unit: Some(Unit::Seconds), first: 0.000_1, factor: 4.0, count: 9 },
                "acquire_duration",
                "How long getting a connection from the pool took, sampled every five seconds",
            ),
            acquire_failures: ours.make(
                "acquire_failures",
                "Samples that got no connection: none was free in time, or Postgres does not answer",
            ),
        };
        metrics.show(0, 0);
        metrics
    }

    fn show(&self, idle: usize, size: u32) {
        let (idle, size) = (i64::try_from(idle).unwrap_or(i64::MAX), i64::from(size));
        self.connections.get_or_create(&OfState { state: "idle" }).set(idle);
        self.connections.get_or_create(&OfState { state: "busy" }).set((size - idle).max(0));
    }

    /// Takes over how the pool is now: to be called before the metrics are read.
    pub fn refresh(&self, storage: &Storage) {
        self.connections_max.set(i64::from(storage.pool.options().get_max_connections()));
        self.show(storage.pool.num_idle(), storage.pool.size());
    }

    /// Samples how long getting a connection takes, until dropped.
    pub async fn sample(self, storage: Storage) {
        loop {
            sleep(SAMPLE_EVERY).await;
            let began = Instant::now();
            match storage.pool.acquire().await {
                Ok(_given_back) => self.acquire_duration.observe(began.elapsed().as_secs_f64()),
                Err(_) => _ = self.acquire_failures.inc(),
            }
        }
    }
}
