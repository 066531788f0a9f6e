//! Breaker: a receiver that fails all the time is probed, not hammered.
//!
//! Closed until a run of failures without a success, a shorter one when each of them takes long; then open for a while, after
//! which one request probes. Its success closes, its failure opens for twice as long.

use std::time::Duration;

use crate::lanes::action::Moment;

const FAILURES_TO_OPEN: u32 = 10;
/// Of a receiver that hangs each request costs its whole time-out, and memory for as long: fewer are enough, when they took so
/// long together.
const SLOW_FAILURES_TO_OPEN: u32 = 3;
const SLOW_FAILURES_TOOK: Duration = Duration::from_secs(10);
/// When failures took so long together, what comes next is asked for alone.
const DOUBTFUL_AFTER: Duration = Duration::from_secs(3);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Breaker {
    /// Since the last success, and how long these took together.
    failures: u32,
    took: Duration,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Closed,
    Open { until: Moment, wait: Duration },
    Probing { wait: Duration },
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self { failures: 0, took: Duration::ZERO, state: State::Closed }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// It holds nothing back: with nothing left to send it may be forgotten, also when it never saw a success.
    pub(crate) fn is_rested(&self, now: Moment) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until, .. } => until <= now,
            State::Probing { .. } => false,
        }
    }

    /// Whether a request may start; the moment to ask again when not.
    pub(crate) fn permit(&self, now: Moment) -> Result<(), Option<Moment>> {
        match self.state {
            State::Closed => Ok(()),
            State::Open { until, .. } if until <= now => Ok(()),
            State::Open { until, .. } => Err(Some(until)),
            State::Probing { .. } => Err(None),
        }
    }

    /// A request was started: while open, it is the probe.
    pub(crate) fn started(&mut self) -> bool {
        let State::Open { wait, .. } = self.state else { return false };
        self.state = State::Probing { wait };
        true
    }

    /// While open, the next request may probe now.
    pub(crate) fn probe_now(&mut self, now: Moment) {
        if let State::Open { until, .. } = &mut self.state {
            *until = now.min(*until);
        }
    }

    /// The receiver answered as it should; `true` when that closes the breaker.
    pub(crate) fn succeeded(&mut self) -> bool {
        (self.failures, self.took) = (0, Duration::ZERO);
        let was_open = !self.is_closed();
        self.state = State::Closed;
        was_open
    }

    /// The receiver failed, after so long; `true` when that opens the breaker (again).
    pub(crate) fn failed(&mut self, now: Moment, took: Duration, is_probe: bool, random: f64) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.took = self.took.saturating_add(took);
        let wait = match self.state {
            State::Closed if self.fails_all_the_time() => FIRST_WAIT,
            State::Probing { wait } if is_probe => (wait * 2).min(LONGEST_WAIT),
            // The rest of what was under way when it opened says nothing new.
            State::Closed | State::Open { .. } | State::Probing { .. } => return false,
        };
        let until = now + wait.mul_f64(0.75 + 0.5 * random.clamp(0.0, 1.0));
        self.state = State::Open { until, wait };
        true
    }

    /// It may hang: one request at a time until it is known, so that few are lost to it and little memory.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.took >= DOUBTFUL_AFTER
    }

    fn fails_all_the_time(&self) -> bool {
        self.failures >= FAILURES_TO_OPEN
            || (self.failures >= SLOW_FAILURES_TO_OPEN && self.took >= SLOW_FAILURES_TOOK)
    }

    /// The probe proved nothing: another may be made.
    pub(crate) fn probe_cancelled(&mut self, now: Moment) {
        if let State::Probing { wait } = self.state {
            self.state = State::Open { until: now, wait };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Moment {
        Duration::from_secs(secs)
    }

    /// After so many failures, each after so long, and whether the last of them opened it.
    fn after(failures: u32, took: Duration) -> (Breaker, bool) {
        let mut breaker = Breaker::new();
        let opened: Vec<bool> = (0..failures).map(|_| breaker.failed(at(0), took, false, 0.5)).collect();
        assert!(!opened[..opened.len() - 1].contains(&true));
        (breaker, opened[opened.len() - 1])
    }

    fn opened() -> Breaker {
        let (breaker, is_open) = after(FAILURES_TO_OPEN, Duration::ZERO);
        assert!(is_open);
        breaker
    }

    #[test]
    fn three_time_outs_open_it_and_a_few_failures_at_once_do_not() {
        assert!(after(3, at(10)).1);
        assert!(!after(2, at(60)).1);
        assert!(after(5, at(2)).1);
        assert!(!after(9, at(1)).1);
        let mut breaker = after(2, at(10)).0;
        breaker.succeeded();
        assert!(!breaker.failed(at(0), at(10), false, 0.5), "what was before a success is over");
    }

    #[test]
    fn a_run_of_failures_opens_it_and_one_success_in_between_does_not() {
        let mut breaker = Breaker::new();
        for _ in 0..100 {
            for _ in 1..FAILURES_TO_OPEN {
                assert!(!breaker.failed(at(0), Duration::ZERO, false, 0.5));
            }
            assert!(!breaker.succeeded());
        }
        assert_eq!(opened().permit(at(0)), Err(Some(at(1))));
    }

    #[test]
    fn it_probes_when_it_is_told_to_and_waits_as_long_as_before_when_that_fails() {
        let mut breaker = opened();
        breaker.probe_now(at(0));
        assert_eq!(breaker.permit(at(0)), Ok(()));
        assert!(breaker.started());
        breaker.probe_now(at(0));
        assert_eq!(breaker.permit(at(0)), Err(None), "one at a time");
        assert!(breaker.failed(at(0), Duration::ZERO, true, 0.5));
        assert_eq!(breaker.permit(at(0)), Err(Some(at(2))));
    }

    #[test]
    fn one_request_probes_and_its_failure_doubles_the_wait_up_to_a_minute() {
        let mut breaker = opened();
        let mut now = at(1);
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert!(breaker.permit(now).is_ok() && breaker.started());
            assert_eq!(breaker.permit(now), Err(None), "only one");
            assert!(breaker.failed(now, at(10), true, 0.5));
            let Err(Some(until)) = breaker.permit(now) else { panic!("open") };
            waits.push(until.saturating_sub(now).as_secs());
            now = until;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_time_out_makes_it_doubtful_until_a_success() {
        let mut breaker = after(1, at(10)).0;
        assert!(breaker.is_doubtful() && breaker.permit(at(0)).is_ok());
        breaker.succeeded();
        assert!(!breaker.is_doubtful());
        assert!(!after(9, Duration::from_millis(50)).0.is_doubtful());
    }

    #[test]
    fn what_was_under_way_when_it_opened_does_not_count() {
        let mut breaker = opened();
        assert!(!breaker.failed(at(0), Duration::ZERO, false, 0.5));
        assert_eq!(breaker.permit(at(0)), Err(Some(at(1))));
    }

    #[test]
    fn the_success_of_the_probe_closes_it() {
        let mut breaker = opened();
        breaker.started();
        assert!(breaker.succeeded());
        assert!(breaker.is_closed() && breaker.permit(at(1)).is_ok());
    }
}
