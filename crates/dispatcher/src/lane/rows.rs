//! Rows: what a lane knows to be queued, by position, loaded or not.

use std::collections::BTreeMap;

use super::row::Row;
use crate::lanes::action::Moment;

/// The two kinds of rows of a lane: they are discovered differently and never joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Never tried.
    Fresh,
    /// Tried as it is, to be tried again as it is.
    Retry,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) events: u32,
    /// What it counts for in memory while it is loaded.
    pub(crate) bytes: usize,
    /// Not before.
    pub(crate) due: Moment,
    pub(crate) state: State,
}

#[derive(Debug)]
pub(crate) enum State {
    Known,
    Loading,
    Loaded(Box<Row>),
    /// It is being buried: it stays known until then, so that it is not found anew.
    Parting,
}

#[derive(Debug, Default)]
pub(crate) struct Rows(BTreeMap<i64, Entry>);

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, position: i64) -> bool {
        self.0.contains_key(&position)
    }

    /// The known row that this address belongs to.
    pub(crate) fn covering(&self, address: i64) -> Option<(i64, &Entry)> {
        let (position, entry) = self.0.range(..=address).next_back()?;
        (address < position + i64::from(entry.events)).then_some((*position, entry))
    }

    pub(crate) fn insert(&mut self, position: i64, entry: Entry) {
        self.0.insert(position, entry);
    }

    pub(crate) fn remove(&mut self, position: i64) -> Option<Entry> {
        self.0.remove(&position)
    }

    pub(crate) fn entry(&self, position: i64) -> Option<&Entry> {
        self.0.get(&position)
    }

    pub(crate) fn entry_mut(&mut self, position: i64) -> Option<&mut Entry> {
        self.0.get_mut(&position)
    }

    pub(crate) fn first(&self) -> Option<(i64, &Entry)> {
        self.0.first_key_value().map(|(position, entry)| (*position, entry))
    }

    /// In the order of the lane.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &Entry)> {
        self.0.iter().map(|(position, entry)| (*position, entry))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (i64, &mut Entry)> {
        self.0.iter_mut().map(|(position, entry)| (*position, entry))
    }

    pub(crate) fn positions(&self) -> Vec<i64> {
        self.0.keys().copied().collect()
    }

    pub(crate) fn loaded(&self, position: i64) -> Option<&Row> {
        match &self.0.get(&position)?.state {
            State::Loaded(row) => Some(row),
            State::Known | State::Loading | State::Parting => None,
        }
    }

    pub(crate) fn loaded_mut(&mut self, position: i64) -> Option<&mut Row> {
        match &mut self.0.get_mut(&position)?.state {
            State::Loaded(row) => Some(row),
            State::Known | State::Loading | State::Parting => None,
        }
    }
}
