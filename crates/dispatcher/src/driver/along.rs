//! Along: rows that came along with the look that found them, so that nobody has to ask for them again.
//!
//! Invariant: they serve the step in which they came, or nobody: what is sent is what was just seen, and they need no memory
//! that is not accounted for.

use std::collections::HashMap;
use std::time::Duration;

use crate::lanes::action::{Load, LoadedRow};

#[derive(Debug, Default)]
pub(super) struct Along(HashMap<(i64, i64), LoadedRow>);

impl Along {
    /// Rows have come, so long after they were asked for: they may be so much older than they say, if we slept meanwhile.
    pub(super) fn come(&mut self, late: Duration, rows: Vec<LoadedRow>) {
        let older = |row: LoadedRow| LoadedRow { age: row.age + late, ..row };
        self.0.extend(rows.into_iter().map(older).map(|row| ((row.mapping_id, row.position), row)));
    }

    /// The rows of a load, if all of them have come.
    pub(super) fn take(&mut self, load: &Load) -> Option<Vec<LoadedRow>> {
        if !load.keys.iter().all(|key| self.0.contains_key(key)) {
            return None;
        }
        load.keys.iter().map(|key| self.0.remove(key)).collect()
    }

    /// The step is over.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn row(position: i64) -> LoadedRow {
        LoadedRow {
            mapping_id: 1,
            position,
            events: 1,
            payload: "[1]".into(),
            target: None,
            attempts: 0,
            batch_id: None,
            enqueued_at: DateTime::UNIX_EPOCH,
            age: Duration::ZERO,
            is_scheduled: false,
            traces: None,
        }
    }

    fn load(positions: &[i64]) -> Load {
        Load { id: 1, is_first: true, keys: positions.iter().map(|position| (1, *position)).collect() }
    }

    #[test]
    fn a_load_is_served_whole_or_not_at_all_and_once() {
        let mut along = Along::default();
        along.come(Duration::ZERO, vec![row(1), row(2), row(3)]);
        assert!(along.take(&load(&[1, 4])).is_none());
        let positions = |rows: Vec<LoadedRow>| rows.iter().map(|row| row.position).collect::<Vec<_>>();
        assert_eq!(along.take(&load(&[1, 2])).map(positions), Some(vec![1, 2]));
        assert!(along.take(&load(&[1])).is_none());
        along.forget();
        assert!(along.take(&load(&[3])).is_none());
    }
}
