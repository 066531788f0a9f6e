use bytes::Bytes;
use chrono::DateTime;
use signalpost_core::outcome::Outcome;
use signalpost_core::retry::RetryPolicy;
use signalpost_storage::PARTITIONS;

use super::*;
use crate::lanes::Limits;
use crate::lanes::action::{Action, Attempted, LaneSettings, Owned, Report, Settled};

/// Lanes of single events, 8 requests at a time, that own everything.
fn lanes(count: i64) -> Lanes {
    let mut lanes = Lanes::new(Limits::default());
    let retry = RetryPolicy {
        within: Duration::from_hours(4),
        max_attempts: 100,
        base: Duration::from_secs(1),
        cap: Duration::from_mins(1),
    };
    let settings = LaneSettings {
        batching: None,
        ordered: false,
        max_concurrency: 8,
        rate_limit: None,
        retry,
        paused: false,
        purges: 0,
        retries: 0,
    };
    lanes.configure(Moment::ZERO, &(1..=count).map(|id| (id, settings.clone())).collect());
    let own = |partition| Owned { partition, epoch: 1, is_surplus: false, maybe_repeated: None };
    lanes.own(Moment::ZERO, &(0..PARTITIONS).map(own).collect::<Vec<_>>(), true);
    lanes
}

fn row((mapping_id, position): (i64, i64)) -> LoadedRow {
    LoadedRow {
        mapping_id,
        position,
        events: 1,
        payload: Bytes::from_static(b"[1]"),
        target: None,
        attempts: 1,
        batch_id: None,
        enqueued_at: DateTime::UNIX_EPOCH,
        age: Duration::ZERO,
        is_scheduled: true,
        traces: None,
    }
}

/// A dispatcher's lanes and a queue of nothing but due retries (mapping, position), longest due first.
struct Play {
    lanes: Lanes,
    due: Vec<(i64, i64)>,
    /// What a look tells at most.
    due_max: usize,
    /// Receivers take what they are sent at once; or never answer.
    is_answered: bool,
    now: Moment,
    looks: usize,
    sent: Vec<i64>,
}

impl Play {
    fn new(lanes: Lanes, due: Vec<(i64, i64)>, due_max: usize, is_answered: bool) -> Self {
        Self { lanes, due, due_max, is_answered, now: Moment::ZERO, looks: 0, sent: Vec::new() }
    }

    /// Goes on until so many looks were made, or so many retries sent.
    fn until(mut self, looks: usize, sent: usize) -> Self {
        while self.looks < looks && self.sent.len() < sent {
            if let Some(action) = self.lanes.next_action() {
                self.act(action);
            } else {
                self.now = self.now.max(self.lanes.next_tick().expect("due retries are looked for"));
                self.lanes.tick(self.now);
            }
        }
        self
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::FindDue { except } => self.look(&except),
            Action::Load(load) => {
                self.lanes.loaded(self.now, load.id, load.keys.iter().copied().map(row).collect());
            }
            Action::Send(request) => {
                self.sent.push(request.mapping_id);
                if self.is_answered {
                    self.lanes.reported(self.now, request.id, Report::Attempted(delivered()), 0.5);
                }
            }
            Action::Settle(settlement) => {
                let is_gone = |(mapping_id, position): &(i64, i64)| {
                    *mapping_id == settlement.mapping_id && settlement.delete.contains(position)
                };
                self.due.retain(|key| !is_gone(key));
                self.lanes.settled(self.now, settlement.id, Settled::Done);
            }
            Action::Page(_) | Action::Backlog(_) => {}
        }
    }

    fn look(&mut self, except: &[i64]) {
        self.looks += 1;
        let wanted = self.due.iter().filter(|(mapping_id, _)| !except.contains(mapping_id));
        let rows: Vec<FoundRow> = wanted.take(self.due_max).map(|key| found(*key)).collect();
        self.lanes.found_due(self.now, &rows, rows.len() == self.due_max, None);
    }
}

fn found((mapping_id, position): (i64, i64)) -> FoundRow {
    FoundRow { mapping_id, position, events: 1, bytes: 3, due_in: Some(Duration::ZERO) }
}

fn delivered() -> Attempted {
    Attempted {
        outcome: Outcome::Delivered,
        each: Vec::new(),
        status: Some(200),
        error: None,
        response: None,
        body_bytes: 1,
        latency: Duration::from_millis(1),
    }
}

/// So many retries of each lane of 1 to `lanes`, and behind them one of the next.
fn due(lanes: i64, each: i64) -> Vec<(i64, i64)> {
    let before = (1..=lanes).flat_map(|lane| (1..=each).map(move |number| (lane, number * 10_000)));
    before.chain([(lanes + 1, 10_000)]).collect()
}

#[test]
fn retries_that_are_all_under_way_do_not_hide_those_of_another_lane() {
    let play = Play::new(lanes(21), due(20, 6), 20, false).until(12, usize::MAX);
    assert!(play.sent.contains(&21), "{:?}", play.sent);
}

#[test]
fn retries_that_can_not_be_sent_yet_do_not_hide_those_of_another_lane() {
    let play = Play::new(lanes(21), due(20, 50), 20, false).until(30, usize::MAX);
    assert!(play.sent.contains(&21), "{:?}", play.sent);
}

#[test]
fn a_lane_that_has_sent_the_retries_that_it_knew_gets_more_at_once() {
    let due = (1..=600).map(|number| (1, number * 10_000)).collect();
    let play = Play::new(lanes(1), due, 1000, true).until(usize::MAX, 600);
    assert!(play.now < Duration::from_secs(1), "{:?} and {} looks", play.now, play.looks);
}
