//! Breaker: a receiver that fails all the time is probed, not hammered.
//!
//! Closed until a run of failures without a success; then open for a while, after which one request probes. Its
//! success closes, its failure opens for twice as long.

use std::time::Duration;

use crate::lanes::action::Moment;

const FAILURES_TO_OPEN: u32 = 10;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Breaker {
    failures: u32,
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
        Self { failures: 0, state: State::Closed }
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

    /// The receiver answered as it should; `true` when that closes the breaker.
    pub(crate) fn succeeded(&mut self) -> bool {
        self.failures = 0;
        let was_open = !self.is_closed();
        self.state = State::Closed;
        was_open
    }

    /// The receiver failed; `true` when that opens the breaker (again).
    pub(crate) fn failed(&mut self, now: Moment, is_probe: bool, random: f64) -> bool {
        self.failures = self.failures.saturating_add(1);
        let wait = match self.state {
            State::Closed if self.failures >= FAILURES_TO_OPEN => FIRST_WAIT,
            State::Probing { wait } if is_probe => (wait * 2).min(LONGEST_WAIT),
            // The rest of what was under way when it opened says nothing new.
            State::Closed | State::Open { .. } | State::Probing { .. } => return false,
        };
        let until = now + wait.mul_f64(0.75 + 0.5 * random.clamp(0.0, 1.0));
        self.state = State::Open { until, wait };
        true
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

    fn opened() -> Breaker {
        let mut breaker = Breaker::new();
        let opened =
            (0..FAILURES_TO_OPEN).map(|_| breaker.failed(at(0), false, 0.5)).filter(|opened| *opened).count();
        assert_eq!(opened, 1);
        breaker
    }

    #[test]
    fn a_run_of_failures_opens_it_and_one_success_in_between_does_not() {
        let mut breaker = Breaker::new();
        for _ in 0..100 {
            for _ in 1..FAILURES_TO_OPEN {
                assert!(!breaker.failed(at(0), false, 0.5));
            }
            assert!(!breaker.succeeded());
        }
        assert_eq!(opened().permit(at(0)), Err(Some(at(1))));
    }

    #[test]
    fn one_request_probes_and_its_failure_doubles_the_wait_up_to_a_minute() {
        let mut breaker = opened();
        let mut now = at(1);
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert!(breaker.permit(now).is_ok() && breaker.started());
            assert_eq!(breaker.permit(now), Err(None), "only one");
            assert!(breaker.failed(now, true, 0.5));
            let Err(Some(until)) = breaker.permit(now) else { panic!("open") };
            waits.push(until.saturating_sub(now).as_secs());
            now = until;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn what_was_under_way_when_it_opened_does_not_count() {
        let mut breaker = opened();
        assert!(!breaker.failed(at(0), false, 0.5));
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
