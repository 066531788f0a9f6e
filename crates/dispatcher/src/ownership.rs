//! Ownership: when to say that we live, and until when what we own is ours beyond doubt.
//!
//! Invariant: `valid_until` is before the lease's end in Postgres: it counts from before the heartbeat was sent, by our
//! own monotonic clock, and leaves a margin.

use std::time::Duration;

use signalpost_storage::{Owned as Answer, StorageError};

use crate::lanes::action::{Moment, Owned};

/// After a heartbeat that failed.
const AGAIN: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Ownership {
    lease: Duration,
    next_at: Moment,
    is_beating: bool,
    is_hinted: bool,
    valid_until: Option<Moment>,
}

/// What came of a heartbeat.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    /// When it was sent.
    pub(crate) sent_at: Moment,
    /// What it gave back.
    pub(crate) released: Vec<i16>,
    /// `None`: no answer in time.
    pub(crate) result: Option<Result<Answer, StorageError>>,
}

impl Ownership {
    pub(crate) fn new(lease: Duration) -> Self {
        Self { lease, next_at: Moment::ZERO, is_beating: false, is_hinted: false, valid_until: None }
    }

    /// How long a heartbeat may take: after that, another is worth more.
    pub(crate) fn patience(&self) -> Duration {
        self.lease / 3
    }

    /// Beat as soon as possible: there is something to take or to give back.
    pub(crate) fn hint(&mut self) {
        self.is_hinted = true;
    }

    /// Whether to send a heartbeat now.
    pub(crate) fn begin(&mut self, now: Moment) -> bool {
        let is_time = !self.is_beating && (self.is_hinted || self.next_at <= now);
        if is_time {
            (self.is_beating, self.is_hinted) = (true, false);
        }
        is_time
    }

    /// A heartbeat was answered: whether what it says holds now, for the answer may have been long on its way.
    pub(crate) fn beaten(&mut self, sent_at: Moment, now: Moment) -> bool {
        self.is_beating = false;
        self.next_at = sent_at + self.lease / 3;
        self.valid_until = Some(sent_at + self.lease * 9 / 10).filter(|until| *until > now);
        self.valid_until.is_some()
    }

    /// A heartbeat was not.
    pub(crate) fn failed(&mut self, now: Moment) {
        self.is_beating = false;
        self.next_at = now + AGAIN.min(self.lease / 10);
    }

    /// Whether what we own has to be left alone from now on; once.
    pub(crate) fn expires(&mut self, now: Moment) -> bool {
        self.valid_until.take_if(|until| *until <= now).is_some()
    }

    /// When to look again.
    pub(crate) fn next_tick(&self) -> Option<Moment> {
        let beat = (!self.is_beating).then_some(if self.is_hinted { Moment::ZERO } else { self.next_at });
        beat.into_iter().chain(self.valid_until).min()
    }
}

/// Storage's answer in the words of the lanes.
pub(crate) fn owned(answer: &Answer) -> Vec<Owned> {
    let own = |hold: &signalpost_storage::Hold| Owned {
        partition: hold.partition,
        epoch: hold.epoch,
        is_surplus: answer.surplus.contains(&hold.partition),
        maybe_repeated: answer
            .maybe_repeated
            .iter()
            .find(|(partition, _)| *partition == hold.partition)
            .map(|(_, ago)| *ago),
    };
    answer.holds.iter().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Moment {
        Duration::from_millis(millis)
    }

    #[test]
    fn it_beats_three_times_a_lease_and_one_at_a_time() {
        let mut ownership = Ownership::new(at(9000));
        assert!(ownership.begin(at(0)) && !ownership.begin(at(0)));
        ownership.beaten(at(0), at(1));
        assert!(!ownership.begin(at(2999)));
        assert!(ownership.begin(at(3000)));
    }

    #[test]
    fn what_is_not_renewed_expires_before_the_lease_does() {
        let mut ownership = Ownership::new(at(10_000));
        ownership.begin(at(0));
        assert!(ownership.beaten(at(100), at(200)));
        ownership.begin(at(4000));
        ownership.failed(at(5000));
        assert!(!ownership.expires(at(9000)));
        assert!(ownership.expires(at(9100)) && !ownership.expires(at(9100)));
    }

    #[test]
    fn an_answer_that_comes_after_the_lease_is_worth_nothing() {
        let mut ownership = Ownership::new(at(10_000));
        ownership.begin(at(0));
        assert!(!ownership.beaten(at(0), at(9000)));
        assert!(ownership.begin(at(9000)), "another is sent at once");
    }

    #[test]
    fn a_hint_brings_the_next_beat_forward() {
        let mut ownership = Ownership::new(at(9000));
        ownership.begin(at(0));
        ownership.beaten(at(0), at(1));
        ownership.hint();
        assert!(ownership.begin(at(1)));
    }
}
