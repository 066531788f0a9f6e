//! Metrics: made and registered in one step, with the labels that several parts use.
//!
//! Invariant: what [`Make`] made is shown; nothing is counted that nobody can see.

use std::fmt::Debug;
use std::hash::Hash;

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Lanes that are shown one by one: those with most to do. The others are in the sums.
pub const LANES_SHOWN_MAX: usize = 500;

/// Shown for each outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfOutcome {
    /// One of those that the program knows.
    pub outcome: &'static str,
}

/// Shown for each reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfReason {
    /// One of those that the program knows.
    pub reason: &'static str,
}

/// Shown for each mapping: as many as are configured, or [`LANES_SHOWN_MAX`] of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfMapping {
    /// "source/destination/mapping".
    pub mapping: String,
}

impl OfMapping {
    /// For the reference, which lists what there can be.
    pub fn example() -> Self {
        Self { mapping: String::from("source/destination/mapping") }
    }
}

/// Where the buckets of a histogram end, and what is measured.
#[derive(Debug, Clone)]
pub struct Buckets {
    /// None: what is counted.
    pub unit: Option<Unit>,
    /// The end of the first.
    pub first: f64,
    /// How much wider the next is.
    pub factor: f64,
    /// How many there are.
    pub count: u16,
}

impl Buckets {
    /// Durations from half a millisecond, each bucket twice the one before.
    pub fn seconds(count: u16) -> Self {
        Self { unit: Some(Unit::Seconds), first: 0.000_5, factor: 2.0, count }
    }
}

/// What can be registered, counted and shared.
pub trait Metric: EncodeMetric + Clone + Send + Sync + Debug + 'static {}

impl<M: EncodeMetric + Clone + Send + Sync + Debug + 'static> Metric for M {}

/// Makes metrics: each is registered before anybody has it.
pub trait Make {
    /// One that has no unit, or has it in its name.
    fn make<M: Metric + Default>(&mut self, name: &str, help: &str) -> M;
    /// One whose unit ends its name.
    fn make_in<M: Metric + Default>(&mut self, unit: Unit, name: &str, help: &str) -> M;
    /// How large something is, each time.
    fn make_histogram(&mut self, buckets: Buckets, name: &str, help: &str) -> Histogram;
}

impl Make for Registry {
    fn make<M: Metric + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.register(name, help, metric.clone());
        metric
    }

    fn make_in<M: Metric + Default>(&mut self, unit: Unit, name: &str, help: &str) -> M {
        let metric = M::default();
        self.register_with_unit(name, help, unit, metric.clone());
        metric
    }

    fn make_histogram(&mut self, buckets: Buckets, name: &str, help: &str) -> Histogram {
        let histogram = Histogram::new(exponential_buckets(buckets.first, buckets.factor, buckets.count));
        match buckets.unit {
            Some(unit) => self.register_with_unit(name, help, unit, histogram.clone()),
            None => self.register(name, help, histogram.clone()),
        }
        histogram
    }
}

/// Shows at 0 what is bounded by the program, so that the first of anything counts as a rise.
pub fn begin<L, M>(family: &Family<L, M>, labels: impl IntoIterator<Item = L>)
where
    L: Clone + Hash + Eq,
    M: TypedMetric + Default,
{
    for label in labels {
        let _zero = family.get_or_create(&label);
    }
}

/// Counts something while it is open.
#[derive(Debug)]
pub struct Open(Gauge);

impl Open {
    /// From now until this is dropped.
    pub fn new(open: &Gauge) -> Self {
        open.inc();
        Self(open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn what_is_made_is_shown_from_the_start() {
        let mut registry = Registry::default();
        let refused: Family<OfReason, Counter> = registry.make("refused", "Calls refused");
        begin(&refused, ["full", "invalid"].map(|reason| OfReason { reason }));
        let _took = registry.make_histogram(Buckets::seconds(4), "took", "How long it took");
        let streams: Gauge = registry.make("streams", "Streams that are open");
        let _open = Open::new(&streams);
        drop(Open::new(&streams));
        let mut shown = String::new();
        text::encode(&mut shown, &registry).expect("text takes everything");
        for line in [
            "refused_total{reason=\"full\"} 0",
            "refused_total{reason=\"invalid\"} 0",
            "took_seconds_count 0",
            "streams 1",
        ] {
            assert!(shown.contains(line), "{line} in {shown}");
        }
    }
}
