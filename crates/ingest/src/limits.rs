//! Limits: how large a request may be, and how much may wait to be committed.
//!
//! Invariant: the bytes reserved never exceed the limit; every reservation is given back when its `Room` is dropped.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use signalpost_proto::v1::{Event, event::Form};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time;

/// What is wrong with a request as a whole.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum TooMuch {
    #[error("holds no event; send at least one")]
    Empty,
    #[error("holds {found} events; at most {max} are accepted in one request (setting request_events_max)")]
    Events { found: usize, max: u32 },
    #[error("holds {found} bytes; at most {max} are accepted in one request (setting request_bytes_max)")]
    Bytes { found: usize, max: usize },
}

/// How large a request may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestLimits {
    pub(crate) bytes_max: usize,
    pub(crate) events_max: u32,
}

impl RequestLimits {
    /// The size of these events in bytes, if a request may hold them.
    pub(crate) fn check(&self, events: &[Event]) -> Result<usize, TooMuch> {
        if events.is_empty() {
            return Err(TooMuch::Empty);
        }
        if events.len() > self.events_max as usize {
            return Err(TooMuch::Events { found: events.len(), max: self.events_max });
        }
        let found = events.iter().map(bytes).sum();
        if found > self.bytes_max {
            return Err(TooMuch::Bytes { found, max: self.bytes_max });
        }
        Ok(found)
    }
}

/// What an event takes in its request, nearly: the JSON itself, or a typed event as it was encoded.
fn bytes(event: &Event) -> usize {
    match &event.form {
        Some(Form::Json(json)) => json.len(),
        _ => prost::Message::encoded_len(event),
    }
}

/// The room for what waits to be committed.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    free: Arc<Semaphore>,
    bytes_max: u32,
    reserved: Gauge,
}

/// Nothing became free in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Waiting {
    pub(crate) fn new(bytes_max: u64, reserved: Gauge) -> Self {
        let bytes_max = u32::try_from(bytes_max).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(bytes_max as usize)), bytes_max, reserved }
    }

    /// Reserves room, waiting at most this long for it. What is larger than the whole room waits until it is empty.
    pub(crate) async fn reserve(&self, bytes: usize, patience: Duration) -> Result<Room, Full> {
        time::timeout(patience, self.reserve_patiently(bytes)).await.map_err(|_| Full)
    }

    /// Reserves room, however long that takes.
    pub(crate) async fn reserve_patiently(&self, bytes: usize) -> Room {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, self.bytes_max);
        let permit = Arc::clone(&self.free).acquire_many_owned(bytes).await;
        self.reserved.inc_by(i64::from(bytes));
        Room { permit: permit.expect("this semaphore is never closed"), reserved: self.reserved.clone() }
    }
}

/// A reservation.
#[derive(Debug)]
pub(crate) struct Room {
    permit: OwnedSemaphorePermit,
    reserved: Gauge,
}

impl Room {
    /// Gives back what turned out not to be needed.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.permit.num_permits().saturating_sub(bytes);
        if let Some(surplus) = self.permit.split(surplus) {
            self.reserved.dec_by(i64::try_from(surplus.num_permits()).unwrap_or(i64::MAX));
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.reserved.dec_by(i64::try_from(self.permit.num_permits()).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(json: &'static str) -> Event {
        Event { form: Some(Form::Json(json.into())), ..Event::default() }
    }

    #[test]
    fn a_request_is_measured_and_refused_with_what_it_holds_and_what_is_accepted() {
        let limits = RequestLimits { bytes_max: 8, events_max: 2 };
        assert_eq!(limits.check(&[event("{}"), event("{ }")]), Ok(5));
        assert_eq!(limits.check(&[]), Err(TooMuch::Empty));
        assert_eq!(limits.check(&[event("{       }")]), Err(TooMuch::Bytes { found: 9, max: 8 }));
        let three = [event("{}"), event("{}"), event("{}")];
        assert_eq!(limits.check(&three), Err(TooMuch::Events { found: 3, max: 2 }));
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_in_time_is_turned_away() {
        let gauge = Gauge::default();
        let waiting = Waiting::new(100, gauge.clone());
        let mut first = waiting.reserve_patiently(80).await;
        assert!(waiting.reserve(40, Duration::from_secs(1)).await.is_err());
        first.shrink_to(60);
        assert_eq!(gauge.get(), 60);
        let second = waiting.reserve(40, Duration::from_secs(1)).await;
        assert!(second.is_ok());
        drop((first, second));
        assert_eq!(gauge.get(), 0);
    }

    #[tokio::test]
    async fn what_is_larger_than_the_room_takes_all_of_it() {
        let waiting = Waiting::new(100, Gauge::default());
        let room = waiting.reserve_patiently(1_000).await;
        assert_eq!(room.permit.num_permits(), 100);
    }
}
