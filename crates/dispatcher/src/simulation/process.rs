//! One simulated dispatcher: the real decisions, and around them what the driver does: an inbox, a clock, questions.

use std::collections::HashMap;
use std::time::Duration;

use super::database::{LEASE, Seen};
use crate::decisions::Decisions;
use crate::lanes::Limits;
use crate::lanes::action::{
    Excess, FoundRow, LaneSettings, Load, LoadedRow, Moment, Owned, Page, Report, Settled, Settlement,
};

const POLL: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Running,
    /// Stopped until it is woken.
    Asleep,
    /// Ended, or killed.
    Gone,
}

/// Something asked of Postgres.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Beat { sent_at: Moment, releasing: Vec<i16>, is_stopping: bool },
    Look { since: Seen, partitions: Vec<i16> },
    LookBehind(Vec<i16>),
    Page(Page),
    FindDue { partitions: Vec<i16>, except: Vec<i64> },
    Load(Vec<(i64, i64)>, u64),
    Settle(Box<Settlement>),
    ReleaseAll { is_cut_off: bool },
}

/// Something a process is told.
#[derive(Debug)]
pub(super) enum Told {
    Beaten {
        sent_at: Moment,
        released: Vec<i16>,
        owned: Vec<Owned>,
    },
    NotBeaten,
    Arrived(Vec<FoundRow>, bool, Seen),
    Backlog(Vec<i64>),
    Paged(Page, Vec<FoundRow>),
    Due(Vec<FoundRow>, bool, Option<Duration>),
    Loaded(u64, Vec<LoadedRow>),
    Settled(u64, Settled),
    Reported(u64, Report, Vec<u64>),
    Overflowing(i64, Vec<FoundRow>, Excess),
    /// The settings have changed.
    Reconfigured,
    Arrivals,
    Partitions,
    /// A question has to be asked, perhaps again.
    Ask(Question),
    Stop,
    /// Nobody waits for its requests any more.
    Abort,
}

#[derive(Debug)]
pub(super) struct Process {
    pub(super) decisions: Decisions<Seen>,
    pub(super) state: State,
    pub(super) inbox: Vec<Told>,
    started: Moment,
    /// How long its clock stood still, and how far it leapt ahead.
    pub(super) lag: Duration,
    pub(super) lead: Duration,
    pub(super) unanswered: usize,
    /// As it knows them.
    pub(super) settings: HashMap<i64, LaneSettings>,
    pub(super) is_stopping: bool,
    pub(super) is_aborting: bool,
    /// When its next step is planned.
    pub(super) planned: Option<Moment>,
}

impl Process {
    pub(super) fn new(limits: Limits, started: Moment) -> Self {
        Self {
            decisions: Decisions::new(limits, LEASE, POLL),
            state: State::Running,
            inbox: Vec::new(),
            started,
            lag: Duration::ZERO,
            lead: Duration::ZERO,
            unanswered: 0,
            settings: HashMap::new(),
            is_stopping: false,
            is_aborting: false,
            planned: None,
        }
    }

    /// What its own clock shows.
    pub(super) fn local(&self, now: Moment) -> Moment {
        (now + self.lead).saturating_sub(self.started + self.lag)
    }

    /// When its clock will show that.
    pub(super) fn global(&self, local: Moment) -> Moment {
        local.saturating_add(self.started + self.lag).saturating_sub(self.lead)
    }

    pub(super) fn is_drained(&self) -> bool {
        self.decisions.lanes.is_drained() && self.unanswered == 0
    }

    /// Nothing to do and nothing remembered.
    pub(super) fn is_idle(&self) -> bool {
        self.decisions.lanes.views().next().is_none() && self.unanswered == 0 && self.inbox.is_empty()
    }

    /// Deals with one thing it was told; what it asks for in turn comes back.
    pub(super) fn take(&mut self, told: Told, now: Moment, random: f64) -> Option<Question> {
        let lanes = &mut self.decisions.lanes;
        match told {
            Told::Beaten { sent_at, released, owned } => {
                self.decisions.beaten(now, sent_at, &released, &owned);
            }
            Told::NotBeaten => self.decisions.not_beaten(now),
            Told::Arrived(rows, is_cut, seen) => self.decisions.arrived(now, &rows, is_cut, seen),
            Told::Backlog(mapping_ids) => lanes.backlog(now, &mapping_ids),
            Told::Paged(page, rows) => lanes.paged(now, page, &rows),
            Told::Due(rows, is_full, next_in) => lanes.found_due(now, &rows, is_full, next_in),
            Told::Loaded(load, rows) => lanes.loaded(now, load, rows),
            Told::Settled(settlement, settled) => {
                self.unanswered -= 1;
                lanes.settled(now, settlement, settled);
            }
            Told::Reported(request, report, _) => lanes.reported(now, request, report, random),
            Told::Overflowing(mapping_id, oldest, excess) => lanes.overflow(now, mapping_id, &oldest, excess),
            Told::Reconfigured => lanes.configure(now, &self.settings),
            Told::Arrivals => self.decisions.hint_arrivals(),
            Told::Partitions => self.decisions.hint_partitions(),
            Told::Ask(question) => return Some(question),
            Told::Stop => {
                self.is_stopping = true;
                self.decisions.stop(now);
            }
            Told::Abort => self.is_aborting = true,
        }
        None
    }
}

/// A load as a question.
pub(super) fn load(load: Load) -> Question {
    Question::Load(load.keys, load.id)
}
