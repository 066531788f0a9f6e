//! Ordered: the next request of a lane whose events must arrive in their order.
//!
//! Invariant: nothing is taken while anything before it is known and not settled.

use std::collections::VecDeque;
use std::time::Duration;

use super::fill::Shape;
use super::rows::{Entry, Kind, Rows, State};
use crate::lanes::action::Moment;

/// What an ordered lane can do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// Send this retry.
    Retry(i64),
    /// Send a request's worth of these rows.
    Fresh(VecDeque<i64>),
    /// Fetch this row first.
    Load(Kind, i64),
    /// Nothing before then.
    At(Moment),
    /// Nothing to do.
    Idle,
}

/// Looks at the front of the lane.
pub(crate) fn head(fresh: &Rows, retries: &Rows, shape: Shape, now: Moment) -> Head {
    let first_retry = retries.first().map(|(position, _)| position);
    let is_next = |address: i64| first_retry.is_none_or(|retry| address < retry);
    match fresh.first() {
        Some((position, entry)) if is_next(next_address(position, entry)) => {
            fresh_head(fresh, position, first_retry.unwrap_or(i64::MAX), shape, now)
        }
        _ => retry_head(retries, now),
    }
}

/// Where a fresh row goes on: the events before it are delivered, or failed and stand among the retries.
fn next_address(position: i64, entry: &Entry) -> i64 {
    match &entry.state {
        State::Loaded(row) => row.next_address(),
        State::Known | State::Loading | State::Parting => position,
    }
}

fn retry_head(retries: &Rows, now: Moment) -> Head {
    match retries.first() {
        None => Head::Idle,
        Some((_, entry)) if entry.due > now => Head::At(entry.due),
        Some((position, entry)) => match entry.state {
            State::Known => Head::Load(Kind::Retry, position),
            State::Loading | State::Parting => Head::Idle,
            State::Loaded(_) => Head::Retry(position),
        },
    }
}

/// Gathers rows with one target up to the first that can't go with them.
fn fresh_head(fresh: &Rows, first: i64, before: i64, shape: Shape, now: Moment) -> Head {
    let mut order = VecDeque::new();
    let (mut events, mut bytes) = (0_u64, 0_usize);
    let mut since = Duration::ZERO;
    let mut target = None;
    let mut is_closed = before < i64::MAX;
    let is_before = |(position, entry): &(i64, &Entry)| next_address(*position, entry) < before;
    for (position, entry) in fresh.iter().take_while(is_before) {
        let State::Loaded(row) = &entry.state else {
            if position == first {
                return if matches!(entry.state, State::Known) {
                    Head::Load(Kind::Fresh, first)
                } else {
                    Head::Idle
                };
            }
            is_closed = false;
            break;
        };
        if position == first {
            since = row.since();
            target = Some(&row.target);
        } else if target != Some(&row.target) {
            is_closed = true;
            break;
        }
        order.push_back(position);
        events += u64::from(row.untaken());
        bytes += row.untaken_bytes() + 1;
        if events >= u64::from(shape.events) || bytes > shape.bytes {
            is_closed = true;
            break;
        }
    }
    if is_closed || since + shape.wait <= now { Head::Fresh(order) } else { Head::At(since + shape.wait) }
}
