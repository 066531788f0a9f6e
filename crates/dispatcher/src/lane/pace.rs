//! Pace: how many requests of a lane may be under way, and when the next may start.
//!
//! The window doubles with every window of answers until the receiver shows a limit, then grows by one; it halves when the receiver shows overload, at most once
//! for the requests that were under way together. It shrinks by a quarter for each round of answers that take longer because
//! more is asked at a time, as [`super::latency`] tells.

use std::time::Duration;

use super::latency::{Answered, Latency, Verdict};
use crate::lanes::action::Moment;

/// How far ahead of its exact time a request may start, so that fast rates need no timer for each.
const TOLERANCE: Duration = Duration::from_millis(5);
/// A receiver that asks for a longer pause gets it for the request at fault, not for the whole lane.
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// A lane starts with this many at a time at most and grows from there.
const WINDOW_START: u32 = 16 * ONE;
/// The window is counted in thousandths of a request.
const ONE: u32 = 1000;

#[derive(Debug)]
pub(crate) struct Pace {
    window: u32,
    window_max: u32,
    interval: Option<Duration>,
    in_flight: u32,
    next_at: Moment,
    paused_until: Moment,
    halved_at: Option<Moment>,
    latency: Latency,
    /// It was asked too much once: until then the window doubles with each window of answers.
    has_met_limit: bool,
}

/// Whether a request may start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    Now,
    At(Moment),
    /// When one of those under way ends.
    Full,
}

impl Pace {
    pub(crate) fn new(max_concurrency: u32, rate_limit: Option<f64>) -> Self {
        let mut pace = Self {
            window: WINDOW_START,
            window_max: ONE,
            interval: None,
            in_flight: 0,
            next_at: Moment::ZERO,
            paused_until: Moment::ZERO,
            halved_at: None,
            latency: Latency::new(),
            has_met_limit: false,
        };
        pace.configure(max_concurrency, rate_limit);
        pace
    }

    pub(crate) fn configure(&mut self, max_concurrency: u32, rate_limit: Option<f64>) {
        self.window_max = max_concurrency.max(1).saturating_mul(ONE);
        self.window = self.window.min(self.window_max);
        self.interval = rate_limit.and_then(|rate| Duration::try_from_secs_f64(rate.recip()).ok());
    }

    pub(crate) fn permit(&self, now: Moment) -> Permit {
        let at = self.next_at.saturating_sub(TOLERANCE).max(self.paused_until);
        if self.free() == 0 {
            Permit::Full
        } else if at > now {
            Permit::At(at)
        } else {
            Permit::Now
        }
    }

    /// From when on it holds nothing back: before, it must not be forgotten.
    pub(crate) fn rested_at(&self) -> Moment {
        self.next_at.max(self.paused_until)
    }

    /// How many may be under way at a time.
    pub(crate) fn window(&self) -> u32 {
        self.window / ONE
    }

    /// How many more may be under way.
    pub(crate) fn free(&self) -> u32 {
        self.window().saturating_sub(self.in_flight)
    }

    pub(crate) fn started(&mut self, now: Moment) {
        self.in_flight += 1;
        if let Some(interval) = self.interval {
            self.next_at = self.next_at.max(now) + interval;
        }
    }

    pub(crate) fn ended(&mut self) {
        self.in_flight = self.in_flight.checked_sub(1).expect("what ends was started");
    }

    /// The receiver answered as it should.
    pub(crate) fn answered(&mut self, now: Moment, answer: Answered) {
        match self.latency.answered(now, answer, self.window, self.window()) {
            // One less at least, or nothing could come of it.
            Verdict::Less => {
                self.has_met_limit = true;
                self.window = (self.window / 4 * 3).min((self.window() - 1) * ONE).max(ONE);
            }
            Verdict::Back(window) => self.window = window.min(self.window_max),
            Verdict::None | Verdict::Fine if self.latency.is_calm() => {
                // A receiver that takes 5 s would take minutes to be asked what it can do, one more for each window.
                let more = if self.has_met_limit { ONE * ONE / self.window } else { ONE };
                self.window = (self.window + more).min(self.window_max);
            }
            Verdict::None | Verdict::Fine => {}
        }
    }

    /// The receiver shows overload. `started_at`: when the request that showed it was started.
    pub(crate) fn overloaded(&mut self, now: Moment, started_at: Moment) {
        if self.halved_at.is_none_or(|halved_at| started_at > halved_at) {
            self.window = (self.window / 2).max(ONE);
            self.halved_at = Some(now);
            self.has_met_limit = true;
            self.latency.interrupted(now);
        }
    }

    /// The receiver asked for a pause.
    pub(crate) fn pause(&mut self, now: Moment, asked: Duration) {
        self.paused_until = self.paused_until.max(now + asked.min(PAUSE_MAX));
    }

    /// Whatever it asked for, it is back.
    pub(crate) fn go_on(&mut self) {
        self.paused_until = Moment::ZERO;
    }

    /// Begin again with one at a time, after a receiver came back.
    pub(crate) fn restart(&mut self, now: Moment) {
        self.window = ONE;
        self.has_met_limit = true;
        self.latency.interrupted(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Moment {
        Duration::from_millis(millis)
    }

    #[test]
    fn never_more_at_a_time_than_allowed() {
        let mut pace = Pace::new(3, None);
        for _ in 0..3 {
            assert_eq!(pace.permit(at(0)), Permit::Now);
            pace.started(at(0));
        }
        assert_eq!(pace.permit(at(0)), Permit::Full);
        pace.ended();
        assert_eq!((pace.permit(at(0)), pace.free()), (Permit::Now, 1));
    }

    #[test]
    fn overload_halves_the_window_once_for_all_that_was_under_way() {
        let mut pace = Pace::new(8, None);
        for _ in 0..8 {
            pace.overloaded(at(10), at(5));
        }
        assert_eq!(pace.window(), 4);
        pace.overloaded(at(20), at(11));
        assert_eq!(pace.window(), 2);
        for now in 3..20 {
            pace.overloaded(at(now * 10), at(now * 10));
        }
        assert_eq!(pace.window(), 1, "never less than one");
    }

    #[test]
    fn a_window_of_answers_adds_one_up_to_the_maximum() {
        let mut pace = Pace::new(8, None);
        pace.restart(at(0));
        let answer = Answered { started_at: at(0), latency: at(1), body_bytes: 1 };
        pace.answered(at(0), answer);
        assert_eq!(pace.window(), 2);
        for _ in 0..3 {
            pace.answered(at(0), answer);
        }
        assert_eq!(pace.window(), 3);
        for _ in 0..100 {
            pace.answered(at(0), answer);
        }
        assert_eq!(pace.window(), 8);
    }

    #[test]
    fn a_rate_limit_spaces_the_starts() {
        let mut pace = Pace::new(100, Some(10.0));
        let mut now = at(0);
        for _ in 0..50 {
            if let Permit::At(later) = pace.permit(now) {
                now = later;
            }
            assert_eq!(pace.permit(now), Permit::Now);
            pace.started(now);
            pace.ended();
        }
        assert!(now >= at(4890) && now <= at(4900), "{now:?}");
    }

    #[test]
    fn a_pause_that_was_asked_for_is_kept_up_to_a_minute() {
        let mut pace = Pace::new(8, None);
        pace.pause(at(0), Duration::from_secs(5));
        assert_eq!(pace.permit(at(100)), Permit::At(at(5000)));
        pace.pause(at(0), Duration::from_hours(5));
        assert_eq!(pace.permit(at(100)), Permit::At(at(60_000)));
    }
}
