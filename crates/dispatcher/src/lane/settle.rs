//! Settle: what a report changes in the queue, and what its answer changes in memory.
//!
//! Invariants: of one row, one settlement at a time is without an answer; what is put again carries every event that
//! is not delivered and did not go elsewhere; a request that fails becomes one row, at addresses that no other row has.

use bytes::Bytes;
use signalpost_core::batch::{self, Stretch};
use signalpost_core::body::Body;
use signalpost_core::outcome::Outcome;
use signalpost_core::retry::Failed;
use smallvec::SmallVec;

use super::Lane;
use super::flight::{Ended, Scheduled, Settling};
use super::latency::Answered;
use super::part::{self, Parts};
use super::rows::{Entry, Kind, State};
use crate::lanes::action::{Action, Attempted, Bury, Log, Moment, Origin, Put, Reason, Report, Settlement};
use crate::lanes::context::{Context, Right};

impl Lane {
    /// A request is over.
    pub(crate) fn ended(&mut self, id: u64, report: Report, random: f64, right: Right, cx: &mut Context) {
        let Some(flight) = self.flights.remove(&id) else { return };
        self.pace.ended();
        match report {
            Report::Attempted(attempted) => {
                self.learn(&attempted, flight.started_at, flight.is_probe, random, cx);
                self.concluding.push_back(Ended { flight, attempted, random });
                self.conclude_all(right, cx);
            }
            Report::Cancelled => {
                if flight.is_probe {
                    self.breaker.probe_cancelled(cx.now);
                }
                for (kind, position, piece) in flight.pieces {
                    self.rows(kind).loaded_mut(position).expect("a row under way is loaded").returned(piece);
                }
                self.no_longer_unsettled(cx);
            }
        }
    }

    /// What the outcome says about the receiver.
    fn learn(
        &mut self,
        attempted: &Attempted,
        started_at: Moment,
        is_probe: bool,
        random: f64,
        cx: &mut Context,
    ) {
        match attempted.outcome {
            Outcome::Delivered | Outcome::Rejected { .. } => {
                let Attempted { latency, body_bytes, .. } = *attempted;
                self.pace.answered(cx.now, Answered { started_at, latency, body_bytes });
                if self.breaker.succeeded() {
                    self.pace.restart(cx.now);
                }
            }
            Outcome::Retryable { after, is_overload } => {
                if is_overload {
                    self.pace.overloaded(cx.now, started_at);
                }
                if let Some(after) = after {
                    self.pace.pause(cx.now, after);
                }
                // A receiver that tells events apart is there.
                if !attempted.each.is_empty() {
                    if self.breaker.succeeded() {
                        self.pace.restart(cx.now);
                    }
                } else if self.breaker.failed(cx.now, attempted.latency, is_probe, random) {
                    self.unload(cx);
                }
            }
        }
    }

    /// Settles what is over and whose rows have no other settlement without an answer.
    fn conclude_all(&mut self, right: Right, cx: &mut Context) {
        for _ in 0..self.concluding.len() {
            let Some(ended) = self.concluding.pop_front() else { return };
            if self.is_blocked(&ended) {
                self.concluding.push_back(ended);
            } else {
                self.conclude(ended, right, cx);
            }
        }
    }

    fn is_blocked(&mut self, ended: &Ended) -> bool {
        let is_settling = |&(kind, position, _): &(Kind, i64, usize)| {
            self.rows(kind).loaded(position).is_some_and(|row| row.is_settling)
        };
        ended.flight.pieces.iter().any(is_settling)
    }

    fn conclude(&mut self, ended: Ended, right: Right, cx: &mut Context) {
        let mut settlement = self.blank(right, cx);
        let mut settling = Settling { is_of_request: true, ..Settling::default() };
        if ended.attempted.outcome == Outcome::Delivered {
            self.remove_delivered(&ended, &mut settlement, &mut settling);
        } else {
            self.replace_failed(&ended, &mut settlement, &mut settling, cx);
        }
        let Ended { flight, attempted, .. } = ended;
        let (identity, events, started_at) = (flight.identity, flight.events, flight.started_at);
        settlement.log = Some(Log { identity, events, started_at, attempted });
        self.settle(settlement, settling, cx);
    }

    pub(super) fn blank(&self, right: Right, cx: &mut Context) -> Settlement {
        Settlement {
            id: cx.next_id(),
            mapping_id: self.mapping_id,
            partition: right.partition,
            epoch: right.epoch,
            log: None,
            delete: Vec::new(),
            put: Vec::new(),
            bury: Vec::new(),
            overflow: Vec::new(),
            is_awaited: false,
        }
    }

    pub(super) fn settle(&mut self, mut settlement: Settlement, settling: Settling, cx: &mut Context) {
        for &(kind, position) in &settling.rows {
            self.rows(kind).loaded_mut(position).expect("what is settled is loaded").is_settling = true;
        }
        settlement.is_awaited = self.awaits(&settlement, &settling, cx);
        self.settling.insert(settlement.id, settling);
        cx.actions.push_back(Action::Settle(settlement));
    }

    /// Whether the lane can't go on with something until this is answered: with what comes after it, in an ordered lane, or with
    /// what else there is of its rows; or nobody can go on, for want of room.
    fn awaits(&mut self, settlement: &Settlement, settling: &Settling, cx: &Context) -> bool {
        let Settlement { put, bury, overflow, .. } = settlement;
        let is_delivery = put.is_empty() && bury.is_empty() && overflow.is_empty();
        let is_left = |&(kind, position): &(Kind, i64)| {
            self.rows(kind).loaded(position).is_some_and(|row| !row.is_removed())
        };
        let is_in_part = settling.rows.iter().any(is_left);
        !is_delivery
            || self.settings.ordered
            || is_in_part
            || self.starves_until.is_some()
            || self.held_up_until.is_some()
            || cx.free_requests() == 0
    }

    fn remove_delivered(&mut self, ended: &Ended, settlement: &mut Settlement, settling: &mut Settling) {
        for &(kind, position, piece) in &ended.flight.pieces {
            let row = self.rows(kind).loaded_mut(position).expect("a row under way is loaded");
            row.delivered(piece);
            let removed = row.remove_delivered();
            if !removed.is_empty() {
                settling.rows.push((kind, position));
                settlement.delete.extend(removed);
            }
        }
    }

    /// Makes a row of its own of a request that failed, and stores anew what is left of the rows it came from.
    fn replace_failed(
        &mut self,
        ended: &Ended,
        settlement: &mut Settlement,
        settling: &mut Settling,
        cx: &mut Context,
    ) {
        let failed = self.failed_row(ended);
        let mut age = Moment::ZERO;
        for &(kind, position, piece) in &ended.flight.pieces {
            let row = self.rows(kind).loaded_mut(position).expect("a row under way is loaded");
            age = age.max(row.age(cx.now));
            row.gone(piece);
            settling.rows.push((kind, position));
            self.rearrange(kind, position, settlement);
        }
        self.schedule_or_bury(failed, age, ended, settlement, settling, cx.now);
        let written: SmallVec<[i64; 8]> = settlement
            .put
            .iter()
            .map(|put| put.position)
            // What is buried as it stands is moved; what is buried beside it is written there, and its row goes.
            .chain(settlement.bury.iter().filter(|bury| bury.row.is_in_place).map(|bury| bury.row.position))
            .collect();
        settlement.delete.retain(|position| !written.contains(position));
    }

    /// The events of a request as one row.
    fn failed_row(&mut self, ended: &Ended) -> Put {
        let mut parts: SmallVec<[Bytes; 4]> = SmallVec::new();
        let mut from = SmallVec::new();
        let mut enqueued_at = None;
        let mut whole = None;
        for &(kind, position, piece) in &ended.flight.pieces {
            let row = self.rows(kind).loaded(position).expect("a row under way is loaded");
            enqueued_at =
                Some(enqueued_at.map_or(row.enqueued_at, |at: chrono::DateTime<_>| at.min(row.enqueued_at)));
            whole = row.whole(piece).filter(|_| ended.flight.pieces.len() == 1);
            let (stretch, elements) = row.piece(piece);
            parts.push(elements);
            from.extend(origin(&row.stored_stretches(), stretch));
        }
        let (kind, first, piece) = ended.flight.pieces[0];
        let first = self.rows(kind).loaded(first).expect("a row under way is loaded");
        let (address, enqueued_first) = (first.piece(piece).0.address, first.enqueued_at);
        Put {
            position: if ended.flight.pieces.len() == 1 {
                address
            } else {
                batch::address_apart(ended.flight.identity.batch_id)
            },
            from,
            events: ended.flight.events,
            is_in_place: whole.is_some(),
            payload: whole.map_or_else(|| Body::array(parts), Body::from),
            target: ended.flight.target.clone(),
            attempts: ended.flight.identity.attempt,
            due_in: None,
            batch_id: Some(ended.flight.identity.batch_id),
            last_error: ended.attempted.error.clone(),
            enqueued_at: enqueued_at.unwrap_or(enqueued_first),
            traces: ended.flight.traces.clone(),
        }
    }

    /// Stores anew what is left of a row.
    pub(super) fn rearrange(&mut self, kind: Kind, position: i64, settlement: &mut Settlement) {
        let row = self.rows(kind).loaded_mut(position).expect("a row under way is loaded");
        let before = row.stored_stretches();
        let (delete, runs) = row.rearrange();
        settlement.delete.extend(delete);
        for run in runs {
            let (position, payload) = row.stored_text(run);
            let stretch = Stretch { address: position, count: run.count };
            settlement.put.push(Put {
                position,
                from: origin(&before, stretch).into_iter().collect(),
                events: run.count,
                payload,
                is_in_place: false,
                target: row.target.clone(),
                attempts: 0,
                due_in: None,
                batch_id: None,
                last_error: None,
                enqueued_at: row.enqueued_at,
                traces: row.traces.clone(),
            });
        }
    }

    fn schedule_or_bury(
        &mut self,
        failed: Put,
        age: Moment,
        ended: &Ended,
        settlement: &mut Settlement,
        settling: &mut Settling,
        now: Moment,
    ) {
        if !ended.attempted.each.is_empty() {
            let Parts { again, refused } = part::apart(&failed, &ended.attempted.each);
            settlement.bury.extend(refused);
            if let Some(again) = again {
                self.retry_or_bury(again, age, ended, settlement, settling, now);
            }
            return;
        }
        self.retry_or_bury(failed, age, ended, settlement, settling, now);
    }

    fn retry_or_bury(
        &mut self,
        failed: Put,
        age: Moment,
        ended: &Ended,
        settlement: &mut Settlement,
        settling: &mut Settling,
        now: Moment,
    ) {
        let policy = self.settings.retry;
        let reason = match ended.attempted.outcome {
            Outcome::Rejected { is_divisible: true } if failed.events > 1 => {
                for mut half in part::halves(&failed) {
                    let stretch = Stretch { address: half.position, count: half.events };
                    half.batch_id = Some(batch::id(self.mapping_id, [stretch]));
                    self.schedule(half, settlement, settling, now);
                }
                return;
            }
            Outcome::Retryable { after, .. } => {
                let so_far = Failed { attempts: failed.attempts, age, retry_after: after };
                if let Some(delay) = policy.delay(so_far, ended.random) {
                    self.schedule(Put { due_in: Some(delay), ..failed }, settlement, settling, now);
                    return;
                }
                if failed.attempts >= policy.max_attempts { Reason::Exhausted } else { Reason::Expired }
            }
            Outcome::Delivered | Outcome::Rejected { .. } => Reason::Rejected,
        };
        let (status, response) = (ended.attempted.status, ended.attempted.response.clone());
        settlement.bury.push(Bury { row: failed, reason, status, response });
    }

    fn schedule(&mut self, put: Put, settlement: &mut Settlement, settling: &mut Settling, now: Moment) {
        let due = now + put.due_in.unwrap_or_default();
        let (position, events, bytes) = (put.position, put.events, put.payload.len());
        settling.scheduled.push(Scheduled { position, events, bytes, due });
        self.unsettled_retries.insert(position);
        settlement.put.push(put);
    }

    fn no_longer_unsettled(&mut self, cx: &mut Context) {
        self.unsettled -= 1;
        cx.unsettled -= 1;
    }

    /// A settlement holds: what it removed may be forgotten, what it scheduled may be found.
    pub(crate) fn settled(&mut self, id: u64, right: Right, cx: &mut Context) {
        let Some(settling) = self.settling.remove(&id) else { return };
        if settling.is_of_request {
            self.no_longer_unsettled(cx);
        }
        for (kind, position) in settling.rows {
            let row = self.rows(kind).loaded_mut(position).expect("what is settled is loaded");
            row.is_settling = false;
            if row.is_removed() && row.untaken() == 0 {
                self.forget(kind, position, cx);
            }
        }
        for scheduled in settling.scheduled {
            self.unsettled_retries.remove(&scheduled.position);
            self.uncover(scheduled.position);
            cx.find_due_at = cx.find_due_at.min(scheduled.due);
            if self.settings.ordered {
                let Scheduled { position, events, bytes, due } = scheduled;
                self.retries.insert(position, Entry { events, bytes, due, state: State::Known });
            }
        }
        self.parted(settling.parting);
        self.conclude_all(right, cx);
    }

    pub(super) fn forget(&mut self, kind: Kind, position: i64, cx: &mut Context) {
        if let Some(entry) = self.rows(kind).remove(position) {
            let is_held = matches!(entry.state, State::Loading | State::Loaded(_));
            self.release(if is_held { entry.bytes } else { 0 }, cx);
            if kind == Kind::Retry && self.discovery.is_paging() {
                self.dealt_with.insert(position);
            }
            self.uncover(position);
        }
    }
}

/// The row that these events are of, by what is stored.
fn origin(stored: &[Stretch], events: Stretch) -> Option<Origin> {
    let has = |one: &&Stretch| (one.address..one.address + i64::from(one.count)).contains(&events.address);
    stored.iter().find(has).map(|one| Origin { position: one.address, events: events.count })
}
