//! Retry: when a failed request is made again, or that it is not.
//!
//! Exponential with full jitter, bounded by the age of what is sent and by the number of attempts. Pure: age and
//! randomness are arguments.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::delivery::bounds;

/// When to try again, and when no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// How long after it was queued a request is tried again.
    #[serde(serialize_with = "humantime_serde::serialize", deserialize_with = "bounds::within")]
    pub within: Duration,
    /// How many attempts are made at most, the first included.
    #[serde(deserialize_with = "bounds::max_attempts")]
    pub max_attempts: u32,
    /// The longest wait before the second attempt; it doubles with every further one.
    #[serde(serialize_with = "humantime_serde::serialize", deserialize_with = "bounds::delay")]
    pub base: Duration,
    /// The longest wait before any attempt, and the longest `Retry-After` that is honoured.
    #[serde(serialize_with = "humantime_serde::serialize", deserialize_with = "bounds::delay")]
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            within: Duration::from_hours(4),
            max_attempts: 100,
            base: Duration::from_secs(1),
            cap: Duration::from_mins(10),
        }
    }
}

/// What is known when an attempt has failed.
#[derive(Debug, Clone, Copy)]
pub struct Failed {
    /// Attempts made so far, this one included.
    pub attempts: u32,
    /// Time since the events were queued.
    pub age: Duration,
    /// What the receiver asked for by `Retry-After`.
    pub retry_after: Option<Duration>,
}

impl RetryPolicy {
    /// How long to wait before the next attempt; `None` when there is to be none. `random` is uniform in `0.0..1.0`.
    ///
    /// The last wait ends when `within` does, so the last attempt is not lost to a long wait. A `Retry-After` is
    /// waited for (up to `cap`) even beyond that, and spread by up to `base`, so that requests told the same do not
    /// come back together.
    pub fn delay(&self, failed: Failed, random: f64) -> Option<Duration> {
        let left = self.within.checked_sub(failed.age).filter(|left| !left.is_zero())?;
        if failed.attempts >= self.max_attempts {
            return None;
        }
        let random = random.clamp(0.0, 1.0);
        let jittered = self.longest(failed.attempts).mul_f64(random).min(left);
        let asked =
            failed.retry_after.map(|after| after.min(self.cap) + self.base.min(self.cap).mul_f64(random));
        Some(asked.map_or(jittered, |asked| asked.max(jittered)))
    }

    /// The longest wait after this many attempts.
    fn longest(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        within: Duration::from_hours(4),
        max_attempts: 50,
        base: Duration::from_secs(1),
        cap: Duration::from_mins(10),
    };

    fn failed(attempts: u32) -> Failed {
        Failed { attempts, age: Duration::ZERO, retry_after: None }
    }

    #[test]
    fn the_longest_wait_doubles_up_to_the_cap() {
        let longest: Vec<u64> =
            [1, 2, 3, 4, 10, 11, 40].map(|n| POLICY.delay(failed(n), 1.0).unwrap().as_secs()).to_vec();
        assert_eq!(longest, [1, 2, 4, 8, 512, 600, 600]);
    }

    #[test]
    fn the_wait_is_anything_from_nothing_to_the_longest() {
        assert_eq!(POLICY.delay(failed(5), 0.0), Some(Duration::ZERO));
        assert_eq!(POLICY.delay(failed(5), 0.25), Some(Duration::from_secs(4)));
    }

    #[test]
    fn it_gives_up_by_attempts_and_by_age() {
        assert_eq!(POLICY.delay(failed(50), 0.5), None);
        assert!(POLICY.delay(failed(49), 0.5).is_some());
        assert_eq!(POLICY.delay(Failed { age: POLICY.within, ..failed(1) }, 0.5), None);
    }

    #[test]
    fn the_last_wait_ends_with_the_time_allowed() {
        let late = Failed { age: Duration::from_secs(4 * 3600 - 3), ..failed(20) };
        assert_eq!(POLICY.delay(late, 0.9), Some(Duration::from_secs(3)));
    }

    #[test]
    fn retry_after_is_waited_for_up_to_the_cap() {
        let asked = |secs| Failed { retry_after: Some(Duration::from_secs(secs)), ..failed(1) };
        assert_eq!(POLICY.delay(asked(30), 0.0), Some(Duration::from_secs(30)));
        assert_eq!(POLICY.delay(asked(30), 1.0), Some(Duration::from_secs(31)));
        assert_eq!(POLICY.delay(asked(86_400), 0.0), Some(POLICY.cap));
    }

    #[test]
    fn no_number_of_attempts_overflows() {
        let forever = RetryPolicy { max_attempts: u32::MAX, ..POLICY };
        assert_eq!(forever.delay(failed(u32::MAX - 1), 1.0), Some(POLICY.cap));
    }
}
