//! Editing a document without parsing it again: what filling in an event's common fields needs.

use super::tape::{Entry, Flags, Tag, place};
use super::{Document, Node, write_string};

impl Document {
    /// The value at a place that [`Node::index`] or [`Document::append`] gave.
    #[inline]
    pub(crate) fn node(&self, index: u32) -> Node<'_> {
        Node::new(self, index)
    }

    /// Appends a member to the root, which must be an object without this key. Gives the value's place.
    pub(crate) fn append(&mut self, key: &'static str, value: &str) -> u32 {
        debug_assert_eq!(self.tape[0].tag, Tag::Object, "members go into objects");
        // Blanks may follow the root.
        self.text.truncate(self.tape[0].end as usize - 1);
        if self.tape.len() > 1 {
            self.text.push(',');
        }
        self.append_string(key);
        self.text.push(':');
        let index = self.append_string(value);
        self.text.push('}');
        self.tape[0].end = place(self.text.len());
        self.tape[0].next = place(self.tape.len());
        index
    }

    fn append_string(&mut self, spelled: &str) -> u32 {
        let start = place(self.text.len());
        write_string(spelled, &mut self.text);
        let index = place(self.tape.len());
        let end = place(self.text.len());
        self.tape.push(Entry {
            start,
            end,
            next: index + 1,
            tag: Tag::String,
            flags: written_flags(spelled, end - start),
        });
        index
    }

    /// Replaces a scalar by a string.
    pub(crate) fn replace(&mut self, index: u32, spelled: &str) {
        let mut written = String::with_capacity(spelled.len() + 2);
        write_string(spelled, &mut written);
        let entry = &mut self.tape[index as usize];
        debug_assert_eq!(entry.next, index + 1, "only scalars are replaced");
        entry.tag = Tag::String;
        entry.flags = written_flags(spelled, place(written.len()));
        let (start, end) = (entry.start as usize, entry.end as usize);
        self.text.replace_range(start..end, &written);
        if end - start != written.len() {
            self.shift(end, start + written.len());
        }
    }

    /// Moves everything that starts or ends at `from` or later, so that `from` becomes `to`.
    fn shift(&mut self, from: usize, to: usize) {
        let moved = |at: u32| match at as usize {
            before if before < from => at,
            after => place(after - from + to),
        };
        for entry in &mut self.tape {
            entry.start = moved(entry.start);
            entry.end = moved(entry.end);
        }
    }
}

fn written_flags(spelled: &str, written_len: u32) -> Flags {
    if written_len as usize == spelled.len() + 2 { Flags::FIXPOINT } else { Flags::FIXPOINT.with_escape() }
}
