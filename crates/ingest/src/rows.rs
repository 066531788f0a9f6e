//! Rows: payloads on their way into the queue, gathered by (mapping, target).
//!
//! Invariants: a row holds payloads of one mapping with one target, in order of arrival, never more than its capacity
//! (one payload alone may have more bytes than that); payloads are written into the row once and moved from there.

use std::collections::HashMap;

use signalpost_core::trace;
use signalpost_storage::NewBatch;

/// How much one row may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capacity {
    pub(crate) events: u32,
    pub(crate) bytes: usize,
}

/// A row under construction. `payload` is a JSON array without its closing bracket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    mapping_id: i64,
    target: Option<String>,
    events: u32,
    payload: String,
    capacity: Capacity,
    /// Traceparents of the calls that brought them; none when nobody traces them.
    traces: Option<String>,
}

impl Row {
    pub(crate) fn new(mapping_id: i64, target: Option<String>, capacity: Capacity) -> Self {
        Self { mapping_id, target, events: 0, payload: String::from("["), capacity, traces: None }
    }

    /// Appends the payload that `write` writes; nothing is appended when it fails. Gives back, as a row of its own,
    /// a payload that this row has no room for.
    pub(crate) fn append<T, E>(
        &mut self,
        write: impl FnOnce(&mut String) -> Result<T, E>,
    ) -> Result<(T, Option<Self>), E> {
        let before = self.payload.len();
        if self.events > 0 {
            self.payload.push(',');
        }
        let start = self.payload.len();
        match write(&mut self.payload) {
            Ok(written) => Ok((written, self.count(before, start))),
            Err(error) => {
                self.payload.truncate(before);
                Err(error)
            }
        }
    }

    fn count(&mut self, before: usize, start: usize) -> Option<Self> {
        if self.events > 0 && (self.is_full() || self.payload.len() > self.capacity.bytes) {
            let mut next = Self::new(self.mapping_id, self.target.clone(), self.capacity);
            next.payload.push_str(&self.payload[start..]);
            next.events = 1;
            self.payload.truncate(before);
            return Some(next);
        }
        self.events += 1;
        None
    }

    /// Its events come from this call.
    pub(crate) fn trace(&mut self, traceparent: &str) {
        self.traces = Some(traceparent.to_owned());
    }

    pub(crate) fn is_full(&self) -> bool {
        self.events >= self.capacity.events
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events == 0
    }

    pub(crate) fn events(&self) -> u32 {
        self.events
    }

    pub(crate) fn bytes(&self) -> usize {
        self.payload.len()
    }

    /// Takes the other row's payloads in, or gives it back when there is no room for all of them.
    fn merge(&mut self, other: Self) -> Option<Self> {
        let events = self.events + other.events;
        if events > self.capacity.events || self.payload.len() + other.payload.len() > self.capacity.bytes {
            return Some(other);
        }
        self.payload.push(',');
        self.payload.push_str(&other.payload[1..]);
        self.traces = match (self.traces.take(), other.traces) {
            (Some(ours), Some(theirs)) => Some(trace::join(&ours, &theirs)),
            (ours, theirs) => ours.or(theirs),
        };
        self.events = events;
        None
    }

    fn close(mut self) -> NewBatch {
        self.payload.push(']');
        NewBatch {
            mapping_id: self.mapping_id,
            event_count: i32::try_from(self.events).expect("a row's capacity is at most 4000 events"),
            payload: self.payload,
            target: self.target,
            traces: self.traces,
        }
    }
}

/// Joins the rows of several requests as far as their capacities allow; order within a (mapping, target) is kept.
pub(crate) fn join(requests: impl Iterator<Item = Vec<Row>>) -> Vec<NewBatch> {
    let mut rows: Vec<Row> = Vec::new();
    let mut open: HashMap<(i64, Option<String>), usize> = HashMap::new();
    for row in requests.flatten() {
        let key = (row.mapping_id, row.target.clone());
        let left = match open.get(&key) {
            Some(&index) => rows[index].merge(row),
            None => Some(row),
        };
        if let Some(row) = left {
            open.insert(key, rows.len());
            rows.push(row);
        }
    }
    rows.into_iter().map(Row::close).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const CAPACITY: Capacity = Capacity { events: 3, bytes: 20 };

    fn write(row: &mut Row, payload: &str) -> Option<Row> {
        row.append(|out| {
            out.push_str(payload);
            Ok::<_, Infallible>(())
        })
        .unwrap()
        .1
    }

    fn row(mapping_id: i64, payloads: &[&str]) -> Row {
        let mut row = Row::new(mapping_id, None, CAPACITY);
        for payload in payloads {
            assert_eq!(write(&mut row, payload), None);
        }
        row
    }

    fn texts(batches: &[NewBatch]) -> Vec<(i64, &str, i32)> {
        batches.iter().map(|batch| (batch.mapping_id, batch.payload.as_str(), batch.event_count)).collect()
    }

    #[test]
    fn a_payload_that_fails_leaves_no_trace() {
        let mut row = row(1, &["1"]);
        let failed = row.append(|out| {
            out.push_str("half");
            Err::<(), _>("no")
        });
        assert_eq!(failed.unwrap_err(), "no");
        assert_eq!(texts(&[row.close()]), [(1, "[1]", 1)]);
    }

    #[test]
    fn a_payload_without_room_becomes_the_next_row() {
        let mut full = row(1, &["1", "2", "3"]);
        let next = write(&mut full, "4").unwrap();
        assert_eq!(texts(&[full.close(), next.close()]), [(1, "[1,2,3]", 3), (1, "[4]", 1)]);

        let mut heavy = row(1, &["1234567890"]);
        let next = write(&mut heavy, "1234567890").unwrap();
        assert_eq!(texts(&[heavy.close(), next.close()]), [(1, "[1234567890]", 1), (1, "[1234567890]", 1)]);
    }

    #[test]
    fn one_payload_larger_than_a_row_stands_alone() {
        let large = "123456789012345678901234567890";
        assert_eq!(texts(&[row(1, &[large]).close()]).len(), 1);
    }

    #[test]
    fn requests_share_rows_in_order_of_arrival() {
        let joined = join(
            [
                vec![row(1, &["1", "2"]), row(2, &["9"])],
                vec![row(1, &["3"])],
                vec![row(1, &["4"]), row(2, &["8"])],
            ]
            .into_iter(),
        );
        assert_eq!(texts(&joined), [(1, "[1,2,3]", 3), (2, "[9,8]", 2), (1, "[4]", 1)]);
    }

    #[test]
    fn rows_with_different_targets_are_not_joined() {
        let mut other = Row::new(1, Some("x".to_owned()), CAPACITY);
        assert_eq!(write(&mut other, "2"), None);
        assert_eq!(join([vec![row(1, &["1"])], vec![other]].into_iter()).len(), 2);
    }
}
