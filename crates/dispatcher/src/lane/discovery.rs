//! Discovery: which rows of a lane are known, and where unknown ones begin.
//!
//! Caught up: every new row is told. Behind: rows beyond the cursor are not known, they are paged when there is room.
//! Invariant: a row that is queued is known, or beyond the cursor, or will be told.

/// More rows than this of one lane are not kept in memory.
pub(crate) const KNOWN_MAX: usize = 1000;

#[derive(Debug)]
pub(crate) struct Discovery {
    cursor: Option<i64>,
    paging: Option<i64>,
    /// The cursor has to go back to here once the page has been read: what was told meanwhile, that page may not have.
    back_to: Option<i64>,
}

impl Discovery {
    /// Nothing is queued but what will be told.
    pub(crate) fn caught_up() -> Self {
        Self { cursor: None, paging: None, back_to: None }
    }

    /// Anything may be queued.
    pub(crate) fn behind() -> Self {
        Self { cursor: Some(i64::MIN), ..Self::caught_up() }
    }

    pub(crate) fn is_caught_up(&self) -> bool {
        self.cursor.is_none() && self.paging.is_none()
    }

    /// A page is being read: it may tell rows as they were a moment ago.
    pub(crate) fn is_paging(&self) -> bool {
        self.paging.is_some()
    }

    /// Rows may be queued that were not told: everything is read again. What is known stays known.
    pub(crate) fn look_again(&mut self) {
        if self.paging.is_some() {
            self.back_to = Some(i64::MIN);
        } else {
            self.cursor = Some(i64::MIN);
        }
    }

    /// A row was told. Whether to remember it now; otherwise a page will bring it.
    pub(crate) fn accepts(&mut self, position: i64, known: usize) -> bool {
        let is_beyond = self.cursor.is_some_and(|cursor| position > cursor);
        if !is_beyond && known < KNOWN_MAX {
            return true;
        }
        if self.paging.is_some() {
            self.back_to = Some(self.back_to.map_or(position - 1, |back| back.min(position - 1)));
        } else if !is_beyond {
            self.cursor = Some(position - 1);
        }
        false
    }

    /// The place and size of the page to read now, if any.
    pub(crate) fn next_page(&mut self, known: usize) -> Option<(i64, usize)> {
        if self.paging.is_some() || known > KNOWN_MAX / 2 {
            return None;
        }
        self.paging = self.cursor;
        self.paging.map(|after| (after, KNOWN_MAX - known))
    }

    /// A page has been read: the last position on it, and whether there may be more.
    pub(crate) fn paged(&mut self, last: Option<i64>, is_full: bool) {
        let Some(after) = self.paging.take() else { return };
        let reached = last.unwrap_or(after).max(after);
        self.cursor = is_full.then_some(reached);
        if let Some(back) = self.back_to.take() {
            self.cursor = Some(self.cursor.map_or(back, |cursor| cursor.min(back)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caught_up_it_remembers_every_row_that_is_told() {
        let mut discovery = Discovery::caught_up();
        assert!(discovery.accepts(5, 0) && discovery.accepts(3, 1));
        assert_eq!(discovery.next_page(2), None);
    }

    #[test]
    fn behind_it_leaves_what_is_beyond_the_cursor_to_the_pages_and_takes_what_is_below() {
        let mut discovery = Discovery::behind();
        assert_eq!(discovery.next_page(0), Some((i64::MIN, KNOWN_MAX)));
        discovery.paged(Some(100), true);
        assert!(!discovery.accepts(101, 10), "it will be paged");
        assert!(discovery.accepts(99, 10), "it committed late");
        assert_eq!(discovery.next_page(10), Some((100, KNOWN_MAX - 10)));
        discovery.paged(Some(200), false);
        assert!(discovery.is_caught_up());
    }

    #[test]
    fn a_row_told_while_a_page_is_read_is_not_missed() {
        let mut discovery = Discovery::behind();
        discovery.next_page(0);
        assert!(!discovery.accepts(7, 0));
        discovery.paged(None, false);
        assert!(!discovery.is_caught_up());
        assert!(discovery.next_page(0).is_some());
    }

    #[test]
    fn a_row_that_commits_late_while_a_page_is_read_is_not_missed_though_the_page_reaches_further() {
        for is_full in [true, false] {
            let mut discovery = Discovery::behind();
            discovery.next_page(0);
            assert!(!discovery.accepts(150, 0));
            discovery.paged(Some(200), is_full);
            assert_eq!(discovery.next_page(0), Some((149, KNOWN_MAX)));
        }
    }

    #[test]
    fn a_row_for_which_there_is_no_room_is_paged_later() {
        let mut discovery = Discovery::caught_up();
        assert!(!discovery.accepts(50, KNOWN_MAX));
        assert!(!discovery.accepts(60, 0));
        assert_eq!(discovery.next_page(0), Some((49, KNOWN_MAX)));
        assert!(!discovery.accepts(40, KNOWN_MAX));
        discovery.paged(Some(60), false);
        assert_eq!(discovery.next_page(0), Some((39, KNOWN_MAX)));
    }
}
