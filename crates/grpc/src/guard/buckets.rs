//! Buckets: how often an address may be wrong yet.
//!
//! Invariants: an address that is not remembered may be wrong as often as a new one; what is forgotten was not wrong for
//! a whole minute, or gave way to many others; nothing grows beyond two generations.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Origin;

/// So often an address may be wrong at once.
pub(super) const WRONG_MAX: f64 = 20.0;
/// After this time an address may be wrong once more.
pub(super) const ONCE_MORE: Duration = Duration::from_secs(3);
/// After this time without a wrong credential a bucket is full, and can be forgotten.
const GENERATION: Duration = Duration::from_mins(1);
/// So many addresses are remembered in one generation.
pub(super) const ADDRESSES_MAX: usize = 1 << 14;

/// What is left to an address.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
    /// Its spell was said.
    is_said: bool,
}

impl Bucket {
    fn full(now: Instant) -> Self {
        Self { left: WRONG_MAX, at: now, is_said: false }
    }

    fn refilled(self, now: Instant) -> Self {
        let since = now.saturating_duration_since(self.at);
        let left = (self.left + since.as_secs_f64() / ONCE_MORE.as_secs_f64()).min(WRONG_MAX);
        // A spell is over when half of what was used up has come back.
        Self { left, at: now, is_said: self.is_said && left < WRONG_MAX / 2.0 }
    }
}

/// The addresses that were wrong lately.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    young: HashMap<Origin, Bucket>,
    old: HashMap<Origin, Bucket>,
    began: Option<Instant>,
}

impl Buckets {
    /// How long an address has to wait until it may be wrong again; none: not at all.
    pub(super) fn wait(&self, origin: Origin, now: Instant) -> Option<Duration> {
        let bucket = self.find(origin)?.refilled(now);
        (bucket.left < 1.0).then(|| ONCE_MORE.mul_f64(1.0 - bucket.left))
    }

    /// An address was wrong. True when it may not be again for now, and that was not said yet.
    pub(super) fn take(&mut self, origin: Origin, now: Instant) -> bool {
        self.age(now);
        let mut bucket = self.find(origin).map_or_else(|| Bucket::full(now), |bucket| bucket.refilled(now));
        bucket.left = (bucket.left - 1.0).max(0.0);
        let is_used_up = bucket.left < 1.0;
        let is_news = is_used_up && !bucket.is_said;
        bucket.is_said |= is_used_up;
        self.old.remove(&origin);
        self.young.insert(origin, bucket);
        is_news
    }

    fn find(&self, origin: Origin) -> Option<Bucket> {
        if self.young.is_empty() && self.old.is_empty() {
            return None;
        }
        self.young.get(&origin).or_else(|| self.old.get(&origin)).copied()
    }

    fn age(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        if now.saturating_duration_since(began) >= GENERATION || self.young.len() >= ADDRESSES_MAX {
            self.old = std::mem::take(&mut self.young);
            self.began = Some(now);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
