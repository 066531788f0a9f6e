//! Send: which request starts next, and when.

use std::sync::Arc;

use signalpost_core::batch;
use signalpost_core::body::Body;
use signalpost_core::request::Identity;
use signalpost_core::trace;
use smallvec::{SmallVec, smallvec};

use super::Lane;
use super::fill::{self, Taken};
use super::flight::Flight;
use super::ordered::{self, Head};
use super::pace::Permit;
use super::rows::Kind;
use crate::lanes::action::{Action, Moment, Page, Request};
use crate::lanes::context::{Context, Right, free_for_another};

/// With retries and fresh rows both ready, every so-manieth request is a retry.
const RETRY_TURN: u32 = 4;

impl Lane {
    /// Does everything that can be done now: send, load, page; or, when the lane has to be given up, tidies it.
    pub(crate) fn advance(&mut self, right: Right, cx: &mut Context) {
        self.wake_at = None;
        if right.is_leaving || self.is_closing() {
            self.leave(right, cx);
        } else if right.may_send && !self.settings.paused {
            self.send_ready(right, cx);
            self.load_ahead(cx);
            if let Some((after, limit)) = self.discovery.next_page(self.fresh.len()) {
                let include_scheduled = self.settings.ordered;
                let (generation, mapping_id) = (self.generation, self.mapping_id);
                cx.actions.push_back(Action::Page(Page {
                    generation,
                    mapping_id,
                    after,
                    limit,
                    include_scheduled,
                }));
            }
            // Only the pace is worth remembering: not for longer than it holds anything back.
            if self.wake_at.is_none() && self.is_empty() && self.pace.rested_at() > cx.now {
                self.wake_at = Some(self.pace.rested_at());
            }
        }
    }

    pub(super) fn send_ready(&mut self, right: Right, cx: &mut Context) {
        while free_for_another(self.unsettled) <= cx.free_requests() {
            if let Err(again) = self.breaker.permit(cx.now) {
                self.wake_at = again;
                return;
            }
            match self.pace.permit(cx.now) {
                Permit::Now if self.breaker.is_doubtful() && !self.flights.is_empty() => return,
                Permit::Now => {}
                Permit::Full => return,
                Permit::At(moment) => {
                    self.wake_at = Some(moment);
                    return;
                }
            }
            let is_sent =
                if self.settings.ordered { self.send_head(right, cx) } else { self.send_next(right, cx) };
            if !is_sent {
                return;
            }
        }
        self.held_up_until = Some(free_for_another(self.unsettled));
    }

    pub(super) fn send_next(&mut self, right: Right, cx: &mut Context) -> bool {
        let fresh = self.fills.ready(cx.now);
        let is_retrys_turn = fresh.is_none() || self.turn % RETRY_TURN == RETRY_TURN - 1;
        if is_retrys_turn && let Some(position) = self.due_loaded.pop_front() {
            self.send_retry(position, right, cx);
        } else if let Some(fill) = fresh {
            let taken = self.fills.take(fill, &mut self.fresh, self.shape);
            self.send_fresh(&taken, right, cx);
        } else {
            self.wake_at = self.fills.next_deadline();
            return false;
        }
        self.turn = self.turn.wrapping_add(1);
        true
    }

    pub(super) fn send_head(&mut self, right: Right, cx: &mut Context) -> bool {
        if !self.is_quiet()
            || !self.discovery.is_caught_up() && self.fresh.is_empty() && self.retries.is_empty()
        {
            return false;
        }
        match ordered::head(&self.fresh, &self.retries, self.shape, cx.now) {
            Head::Idle => return false,
            Head::At(moment) => {
                self.wake_at = Some(moment);
                return false;
            }
            Head::Load(kind, position) => {
                if self.load(kind, position, true, cx) && kind == Kind::Fresh {
                    self.unloaded.remove(&position);
                }
                return false;
            }
            Head::Retry(position) => self.send_retry(position, right, cx),
            Head::Fresh(mut order) => {
                let taken = fill::take(&mut order, &mut self.fresh, self.shape);
                self.send_fresh(&taken, right, cx);
            }
        }
        true
    }

    pub(super) fn send_fresh(&mut self, taken: &[Taken], right: Right, cx: &mut Context) {
        for piece in taken {
            self.no_longer_ahead(Kind::Fresh, piece.stretch.count, piece.elements.len() + 1);
        }
        let is_batch = self.settings.batching.is_some();
        let elements = || taken.iter().map(|piece| piece.elements.clone());
        let body = match taken {
            [only] if !is_batch => only.elements.clone().into(),
            [only] => {
                let whole = self.fresh.loaded(only.position).and_then(|row| row.whole(only.piece));
                whole.map_or_else(|| Body::array(elements()), Body::from)
            }
            _ => Body::array(elements()),
        };
        let id = batch::id(self.mapping_id, taken.iter().map(|piece| piece.stretch));
        let events = taken.iter().map(|piece| piece.stretch.count).sum();
        let pieces = taken.iter().map(|piece| (Kind::Fresh, piece.position, piece.piece)).collect();
        let identity = Identity { batch_id: id, attempt: 1, is_maybe_repeated: false };
        self.start(pieces, (body, is_batch), events, identity, right, cx);
    }

    pub(super) fn send_retry(&mut self, position: i64, right: Right, cx: &mut Context) {
        let row = self.retries.loaded_mut(position).expect("only loaded retries are sent");
        let (piece, stretch, elements) = row.take(row.events);
        let is_batch = self.settings.batching.is_some() || row.events != 1;
        let body = match row.whole(piece) {
            Some(whole) if is_batch => whole.into(),
            None if is_batch => Body::array([elements]),
            _ => elements.into(),
        };
        let batch_id = row.batch_id.unwrap_or_else(|| batch::id(self.mapping_id, [stretch]));
        let identity = Identity { batch_id, attempt: row.attempts + 1, is_maybe_repeated: false };
        let events = row.events;
        self.no_longer_ahead(Kind::Retry, 0, 0);
        self.start(smallvec![(Kind::Retry, position, piece)], (body, is_batch), events, identity, right, cx);
    }

    pub(super) fn start(
        &mut self,
        pieces: SmallVec<[(Kind, i64, usize); 2]>,
        (body, is_batch): (Body, bool),
        events: u32,
        mut identity: Identity,
        right: Right,
        cx: &mut Context,
    ) {
        let (kind, position, _) = pieces[0];
        let target = self.rows(kind).loaded(position).expect("what is sent is loaded").target.clone();
        let age = self.age_at_most(&pieces, cx.now);
        identity.is_maybe_repeated = right.maybe_repeated.is_some_and(|before| before.covers(age, cx.now));
        let traces = self.traces(&pieces);
        self.pace.started(cx.now);
        let is_probe = self.breaker.started();
        let id = cx.next_id();
        self.flights.insert(
            id,
            Flight {
                pieces,
                events,
                identity,
                target: target.clone(),
                traces: traces.clone(),
                started_at: cx.now,
                is_probe,
            },
        );
        self.unsettled += 1;
        cx.unsettled += 1;
        cx.actions.push_back(Action::Send(Request {
            id,
            mapping_id: self.mapping_id,
            body,
            is_batch,
            events,
            target,
            identity,
            traces,
        }));
    }

    /// For how long the oldest of these rows can have been queued.
    fn age_at_most(&mut self, pieces: &[(Kind, i64, usize)], now: Moment) -> Moment {
        let age = |&(kind, position, _): &(Kind, i64, usize)| {
            Some(self.rows(kind).loaded(position)?.age_at_most(now))
        };
        pieces.iter().filter_map(age).max().unwrap_or_default()
    }

    /// The traceparents of these rows together; nothing to do when nobody traces.
    fn traces(&mut self, pieces: &[(Kind, i64, usize)]) -> Option<Arc<str>> {
        let mut all: Option<Arc<str>> = None;
        for &(kind, position, _) in pieces {
            if let Some(more) = self.rows(kind).loaded(position).and_then(|row| row.traces.as_ref()) {
                all = Some(all.map_or_else(|| Arc::clone(more), |one| trace::join(&one, more).into()));
            }
        }
        all
    }
}
