//! Register: the names, helps and first values of ingest's metrics.

use super::{
    Arc, Counter, Family, Gauge, Histogram, Metrics, OUTCOMES, OfMapping, OfOutcome, OfReason, OfVerdict,
    Refusal, Registry, Turned, Unit, VERDICTS, Working, exponential_buckets,
};

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("signalpost_ingest");
        let metrics = Self::new(signalpost_grpc::Metrics::register(registry));
        metrics.register_events(registry);
        metrics.register_depth(registry);
        metrics.register_commits(registry);
        metrics.register_memory(registry);
        metrics.register_catalog(registry);
        metrics.begin();
        metrics
    }

    fn register_events(&self, registry: &mut Registry) {
        registry.register(
            "events",
            "Events by verdict: accepted, refused, unwanted (accepted as well, and no mapping wants them)",
            self.events.clone(),
        );
        registry.register(
            "refused_events",
            "Refused events by reason: not_an_event, too_large, field, time",
            self.refused_events.clone(),
        );
        registry.register(
            "mapped_payloads",
            "Payloads made: one for each event and mapping that wants it",
            self.mapped_payloads.clone(),
        );
        registry.register(
            "unmapped_payloads",
            "Payloads that could not be made, recorded in rejected_events, by mapping",
            self.unmapped_payloads.clone(),
        );
        registry.register(
            "queued_payloads",
            "Payloads whose commit succeeded: each is delivered at least once, or buried",
            self.queued_payloads.clone(),
        );
        registry.register(
            "refused_calls",
            "Calls and messages refused as a whole, by reason: unauthenticated, invalid, no_event_accepted, waiting_full, \
             reading_full, queue_full, unavailable",
            self.refused_calls.clone(),
        );
    }

    fn register_depth(&self, registry: &mut Registry) {
        registry.register(
            "queue_refused",
            "Requests refused because the queue of a mapping, or of all, was full",
            self.queue_refused.clone(),
        );
        registry.register(
            "queue_full",
            "1 while requests are refused because the queue of a mapping, or of all, is full",
            self.queue_full.clone(),
        );
        registry.register(
            "queued_events",
            "Events queued in all, nearly; each ingest says the same",
            self.queued_events.clone(),
        );
        registry.register_with_unit(
            "queued",
            "Bytes queued in all as they will be sent, nearly; each ingest says the same",
            Unit::Bytes,
            self.queued_bytes.clone(),
        );
        registry.register_with_unit(
            "queued",
            "Which part of queued_events_max or queued_bytes_max is queued, whichever is nearer to its limit",
            Unit::Other(String::from("ratio")),
            self.queued_ratio.clone(),
        );
        registry.register(
            "lane_queued_events",
            "Events queued in a lane, nearly, by mapping: the 500 fullest lanes; each ingest says the same",
            self.lane_queued_events.clone(),
        );
        registry.register_with_unit(
            "lane_queued",
            "Bytes queued in a lane, nearly, by mapping: the 500 fullest lanes; each ingest says the same",
            Unit::Bytes,
            self.lane_queued_bytes.clone(),
        );
    }

    fn register_commits(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "request_duration",
            "Time from reading a request, or a message of a stream, to its acknowledgement",
            Unit::Seconds,
            self.request_duration.clone(),
        );
        registry.register(
            "commits",
            "Commits by outcome: committed, unavailable, failed",
            self.commits.clone(),
        );
        registry.register_with_unit(
            "commit_duration",
            "Time one commit took",
            Unit::Seconds,
            self.commit_duration.clone(),
        );
        registry.register("commit_requests", "Requests that shared one commit", self.commit_requests.clone());
    }

    fn register_memory(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "reading",
            "Bytes reserved for requests that are being read",
            Unit::Bytes,
            self.reading_bytes.clone(),
        );
        registry.register_with_unit(
            "waiting",
            "Bytes reserved by requests that are not committed yet",
            Unit::Bytes,
            self.waiting_bytes.clone(),
        );
        registry.register("streams", "Streams that are open", self.streams.clone());
    }

    fn register_catalog(&self, registry: &mut Registry) {
        registry.register(
            "catalog_version",
            "Version of the configuration in use",
            self.catalog_version.clone(),
        );
        registry.register(
            "mappings_broken",
            "Enabled mappings that do not compile; events for them go to rejected_events",
            self.mappings_broken.clone(),
        );
        registry.register(
            "ready",
            "1 while Postgres answers and the configuration is loaded, else 0",
            self.ready.clone(),
        );
    }

    /// What is bounded by the program begins at 0.
    fn begin(&self) {
        for verdict in VERDICTS {
            let _zero = self.events.get_or_create(&OfVerdict { verdict });
        }
        for reason in Refusal::CLASSES {
            let _zero = self.refused_events.get_or_create(&OfReason { reason });
        }
        for reason in Turned::ALL.map(Turned::as_str) {
            let _zero = self.refused_calls.get_or_create(&OfReason { reason });
        }
        for outcome in OUTCOMES {
            let _zero = self.commits.get_or_create(&OfOutcome { outcome });
        }
    }

    /// One of everything that is shown by mapping: for the reference, which lists what there can be.
    #[doc(hidden)]
    pub fn exemplify(&self) {
        let of = OfMapping { mapping: String::from("source/destination/mapping") };
        for family in [&self.unmapped_payloads, &self.queue_refused] {
            let _zero = family.get_or_create(&of);
        }
        for family in [&self.queue_full, &self.lane_queued_events, &self.lane_queued_bytes] {
            let _zero = family.get_or_create(&of);
        }
    }

    fn new(grpc: signalpost_grpc::Metrics) -> Self {
        Self {
            grpc,
            events: Family::default(),
            refused_events: Family::default(),
            mapped_payloads: Counter::default(),
            unmapped_payloads: Family::default(),
            queued_payloads: Counter::default(),
            refused_calls: Family::default(),
            queue_refused: Family::default(),
            queue_full: Family::default(),
            queued_events: Gauge::default(),
            queued_bytes: Gauge::default(),
            queued_ratio: Gauge::default(),
            lane_queued_events: Family::default(),
            lane_queued_bytes: Family::default(),
            request_duration: Histogram::new(exponential_buckets(0.000_5, 2.0, 15)),
            commits: Family::default(),
            commit_duration: Histogram::new(exponential_buckets(0.000_5, 2.0, 15)),
            commit_requests: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            reading_bytes: Gauge::default(),
            waiting_bytes: Gauge::default(),
            streams: Gauge::default(),
            catalog_version: Gauge::default(),
            mappings_broken: Gauge::default(),
            ready: Gauge::default(),
            committing: Arc::new(Working::default()),
        }
    }
}
