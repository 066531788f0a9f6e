//! Editing a document without parsing it again: what filling in an event's common fields needs.

use super::string::run_end;
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
        self.open_root(key);
        let index = self.append_string(value);
        self.close_root();
        index
    }

    /// Appends a member whose value is that of a string that is there already.
    pub(crate) fn append_copy(&mut self, key: &'static str, of: u32) -> u32 {
        self.open_root(key);
        let copied = self.tape[of as usize];
        let start = self.text.len();
        self.text.extend_from_within(copied.start as usize..copied.end as usize);
        let index = place(self.tape.len());
        self.tape.push(Entry { start: place(start), end: place(self.text.len()), next: index + 1, ..copied });
        self.close_root();
        index
    }

    /// Takes off the root's closing brace, and blanks after it, and writes a key.
    fn open_root(&mut self, key: &'static str) {
        debug_assert_eq!(self.tape[0].tag, Tag::Object, "members go into objects");
        self.text.truncate(self.tape[0].end as usize - 1);
        if self.tape.len() > 1 {
            self.text.push(',');
        }
        self.append_string(key);
        self.text.push(':');
    }

    fn close_root(&mut self) {
        self.text.push('}');
        self.tape[0].end = place(self.text.len());
        self.tape[0].next = place(self.tape.len());
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
        let entry = self.tape[index as usize];
        debug_assert_eq!(entry.next, index + 1, "only scalars are replaced");
        let (start, end) = (entry.start as usize, entry.end as usize);
        let is_plain = run_end(spelled.as_bytes(), 0) == spelled.len();
        let written_len = if is_plain && entry.tag == Tag::String && end - start == spelled.len() + 2 {
            self.text.replace_range(start + 1..end - 1, spelled);
            end - start
        } else {
            let mut written = String::with_capacity(spelled.len() + 2);
            write_string(spelled, &mut written);
            self.text.replace_range(start..end, &written);
            self.shift(end, start + written.len());
            written.len()
        };
        let entry = &mut self.tape[index as usize];
        entry.tag = Tag::String;
        entry.flags = written_flags(spelled, place(written_len));
    }

    /// Moves everything that starts or ends at `from` or later, so that `from` becomes `to`.
    fn shift(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
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
