//! Register: the names, helps and first values of the dispatcher's metrics.

use prometheus_client::metrics::histogram::exponential_buckets;
use prometheus_client::registry::{Registry, Unit};

use super::{
    Arc, BEATS, BuryReason, Counter, Dropped, Family, Gauge, Histogram, Metrics, OUTCOMES, OfDropped,
    OfMapping, OfOutcome, OfReason, Pulse, REASONS, RwLock,
};

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 18))
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::new();
        let registry = registry.sub_registry_with_prefix("signalpost_dispatcher");
        metrics.register_attempts(registry);
        metrics.register_settlements(registry);
        metrics.register_ownership(registry);
        metrics.register_memory(registry);
        metrics.register_housekeeping(registry);
        metrics.register_lanes(registry);
        metrics.begin();
        metrics
    }

    fn register_attempts(&self, registry: &mut Registry) {
        registry.register(
            "attempts",
            "Requests made, by outcome: delivered, retryable, rejected",
            self.attempts.clone(),
        );
        registry.register("events", "Events in those requests, by outcome", self.events.clone());
        registry.register_with_unit(
            "attempt_duration",
            "From starting a request to knowing its outcome",
            Unit::Seconds,
            self.attempt_duration.clone(),
        );
    }

    fn register_settlements(&self, registry: &mut Registry) {
        registry.register(
            "retried_events",
            "Events put back to be tried again, alone or in halves too",
            self.retried_events.clone(),
        );
        registry.register(
            "buried_events",
            "Events given up and kept as dead letters, by reason: rejected, expired, exhausted, overflow",
            self.buried_events.clone(),
        );
        registry.register(
            "overflowed_events",
            "Events buried because their lane held more than it may, by mapping",
            self.overflowed_events.clone(),
        );
        registry.register_with_unit(
            "settle_duration",
            "How long recording outcomes took, per statement",
            Unit::Seconds,
            self.settle_duration.clone(),
        );
        registry.register("settled", "Requests whose outcome was recorded", self.settled.clone());
        registry.register(
            "stale",
            "Outcomes that were not recorded because the partition has another owner by now",
            self.stale.clone(),
        );
    }

    fn register_ownership(&self, registry: &mut Registry) {
        registry.register("partitions", "Partitions this dispatcher owns, of 64", self.partitions.clone());
        registry.register(
            "partitions_unowned",
            "Partitions that no dispatcher owns, as Postgres has it; looked at every 15 seconds",
            self.partitions_unowned.clone(),
        );
        registry.register(
            "heartbeats",
            "Heartbeats that renew the lease, by outcome: renewed, late (the lease was over), failed",
            self.heartbeats.clone(),
        );
        registry.register(
            "owning",
            "1 while the lease is valid beyond doubt; 0: nothing is sent until it is",
            self.owning.clone(),
        );
        registry.register_with_unit(
            "clock_offset",
            "By how much this machine's clock is ahead of Postgres's; it is sent as webhook-timestamp",
            Unit::Seconds,
            self.clock_offset.clone(),
        );
        registry.register(
            "catalog_version",
            "Version of the configuration in use",
            self.catalog_version.clone(),
        );
        registry.register(
            "mappings_broken",
            "Mappings that do not compile: what is queued for them waits",
            self.mappings_broken.clone(),
        );
        registry.register("database_up", "1 while Postgres answers", self.database_up.clone());
    }

    fn register_memory(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "loaded",
            "Bytes of queued rows in memory",
            Unit::Bytes,
            self.loaded_bytes.clone(),
        );
        registry.register("unsettled", "Requests under way or not recorded yet", self.unsettled.clone());
    }

    fn register_housekeeping(&self, registry: &mut Registry) {
        registry.register(
            "dropped",
            "What was dropped because it was older than is kept: attempt_days, dead_batches, rejected_events",
            self.dropped.clone(),
        );
        registry.register(
            "housekeeping_failures",
            "Times that dropping what is old failed; tried again after a minute",
            self.housekeeping_failures.clone(),
        );
        registry.register(
            "redriven_events",
            "Events among the dead letters that a redrive queued again",
            self.redriven_events.clone(),
        );
    }

    fn register_lanes(&self, registry: &mut Registry) {
        registry.register("lanes", "Lanes in memory: those with something to do", self.lanes.clone());
        registry.register(
            "lanes_open",
            "Lanes whose breaker keeps them from sending, but for probes",
            self.lanes_open.clone(),
        );
        registry.register_with_unit(
            "oldest_age",
            "For how long the oldest row of this dispatcher's lanes has waited; looked at every 15 seconds",
            Unit::Seconds,
            self.oldest_age.clone(),
        );
        registry.register(
            "lane_in_flight",
            "Requests of a lane under way, by mapping (the 500 busiest lanes, as all lane_… but the oldest age)",
            self.lane_in_flight.clone(),
        );
        registry.register(
            "lane_window",
            "Requests of a lane that may be under way at a time, by mapping",
            self.lane_window.clone(),
        );
        registry.register(
            "lane_known_rows",
            "Queued rows of a lane known in memory, at most some thousand, by mapping",
            self.lane_known_rows.clone(),
        );
        registry.register(
            "lane_open",
            "1 while a lane's breaker keeps it from sending, but for probes, by mapping",
            self.lane_open.clone(),
        );
        registry.register_with_unit(
            "lane_oldest_age",
            "For how long the first row of a lane has waited, by mapping: the 500 oldest lanes",
            Unit::Seconds,
            self.lane_oldest_age.clone(),
        );
    }

    /// What is bounded by the program begins at 0.
    fn begin(&self) {
        for outcome in OUTCOMES {
            let _zero = self.attempts.get_or_create(&OfOutcome { outcome });
            let _zero = self.events.get_or_create(&OfOutcome { outcome });
        }
        for outcome in BEATS {
            let _zero = self.heartbeats.get_or_create(&OfOutcome { outcome });
        }
        for reason in REASONS.map(BuryReason::as_str) {
            let _zero = self.buried_events.get_or_create(&OfReason { reason });
        }
        for what in Dropped::ALL.map(Dropped::as_str) {
            let _zero = self.dropped.get_or_create(&OfDropped { what });
        }
    }

    /// One of everything that is shown by mapping: for the reference, which lists what there can be.
    #[doc(hidden)]
    pub fn exemplify(&self) {
        let of = OfMapping { mapping: String::from("source/destination/mapping") };
        let _zero = self.overflowed_events.get_or_create(&of);
        let _zero = self.lane_oldest_age.get_or_create(&of);
        for family in [&self.lane_in_flight, &self.lane_window, &self.lane_known_rows, &self.lane_open] {
            let _zero = family.get_or_create(&of);
        }
    }

    fn new() -> Self {
        Self {
            attempts: Family::default(),
            events: Family::default(),
            attempt_duration: seconds(),
            retried_events: Counter::default(),
            buried_events: Family::default(),
            settle_duration: seconds(),
            settled: Counter::default(),
            stale: Counter::default(),
            partitions: Gauge::default(),
            partitions_unowned: Gauge::default(),
            heartbeats: Family::default(),
            owning: Gauge::default(),
            clock_offset: Gauge::default(),
            catalog_version: Gauge::default(),
            mappings_broken: Gauge::default(),
            database_up: Gauge::default(),
            loaded_bytes: Gauge::default(),
            unsettled: Gauge::default(),
            overflowed_events: Family::default(),
            dropped: Family::default(),
            housekeeping_failures: Counter::default(),
            redriven_events: Counter::default(),
            lanes: Gauge::default(),
            lanes_open: Gauge::default(),
            oldest_age: Gauge::default(),
            lane_in_flight: Family::default(),
            lane_window: Family::default(),
            lane_known_rows: Family::default(),
            lane_open: Family::default(),
            lane_oldest_age: Family::default(),
            names: Arc::new(RwLock::default()),
            pulse: Arc::new(Pulse::new()),
        }
    }
}
