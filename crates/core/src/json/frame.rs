//! An open container while it is parsed: what is canonical so far, and which keys it has.

#![expect(
    clippy::inline_always,
    reason = "measured: left to the compiler, parsing takes a quarter more instructions"
)]

use super::order::{array_index, spelled};
use super::tape::{Entry, Flags, place};

/// Up to here the keys of an object are compared as they come, above they are sorted at its end.
const FEW_MEMBERS: u32 = 32;

/// What kind of container is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// None: the root is being read.
    Outside,
    Array,
    Object,
}

/// A container that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Its entry.
    pub(super) index: u32,
    pub(super) holder: Holder,
    pub(super) flags: Flags,
    /// An object whose members need sorting or merging.
    pub(super) is_disordered: bool,
    /// An object that has a key that is no whole number.
    has_names: bool,
    members: u32,
    /// The smallest whole-number key that may follow.
    index_next: u64,
    /// A bit for each key's hash: a key whose bit is not set is new.
    seen: u64,
}

impl Frame {
    pub(super) fn new(index: u32, holder: Holder) -> Frame {
        Frame {
            index,
            holder,
            flags: Flags::FIXPOINT,
            is_disordered: false,
            has_names: false,
            members: 0,
            index_next: 0,
            seen: 0,
        }
    }

    /// Whether its keys were too many to be compared as they came.
    pub(super) fn has_many(&self) -> bool {
        self.members > FEW_MEMBERS
    }

    /// Finds out whether an object's next key is new and in its place; gives the key's hash.
    #[inline(always)]
    pub(super) fn place_key(&mut self, text: &str, tape: &[Entry], key: Entry) -> u32 {
        let hash = if key.is_escaped() {
            self.place_escaped(&spelled(key, text))
        } else {
            let (start, end) = (key.start as usize + 1, key.end as usize - 1);
            if text.as_bytes()[start].is_ascii_digit() {
                self.place_index(key.inner(text));
            } else {
                self.has_names = true;
            }
            hash(text.as_bytes(), start, end)
        };
        let bit = 1 << (hash & 63);
        if self.seen & bit != 0 {
            self.compare(text, tape, key, hash);
        }
        self.seen |= bit;
        self.members += 1;
        hash
    }

    #[cold]
    fn place_escaped(&mut self, spelled: &str) -> u32 {
        self.place_index(spelled);
        hash(spelled.as_bytes(), 0, spelled.len())
    }

    /// A whole-number key must be larger than those before it and come before all others.
    fn place_index(&mut self, key: &str) {
        let Some(index) = array_index(key).map(u64::from) else {
            self.has_names = true;
            return;
        };
        if self.has_names || index < self.index_next {
            self.is_disordered = true;
        }
        self.index_next = index + 1;
    }

    /// Looks for the key among those the object has already, as long as they are few.
    fn compare(&mut self, text: &str, tape: &[Entry], key: Entry, hash: u32) {
        if self.members >= FEW_MEMBERS {
            return;
        }
        let mut at = self.index as usize + 1;
        while at < tape.len() {
            let other = tape[at];
            if other.next == hash && spelled(other, text) == spelled(key, text) {
                self.is_disordered = true;
                return;
            }
            at = tape[at + 1].next as usize;
        }
    }
}

/// A hash of `bytes[start..end]`, from its length, its first eight bytes and its last one: cheap, and without a
/// branch that depends on the length. Equal hashes are compared, so a bad one costs time only.
#[inline(always)]
fn hash(bytes: &[u8], start: usize, end: usize) -> u32 {
    let len = end - start;
    let head = match bytes.get(start..).and_then(<[u8]>::first_chunk) {
        Some(head) => u64::from_le_bytes(*head) & low_bytes(len),
        None => padded(&bytes[start..end]),
    };
    let last = bytes.get(end.wrapping_sub(1)).copied().unwrap_or(0);
    let ends = (len as u64) << 8 | u64::from(last);
    let mixed = (head ^ ends.rotate_right(16)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    u32::try_from(mixed >> 32).expect("half of the bits")
}

/// A mask of the lowest `len` bytes.
#[inline(always)]
fn low_bytes(len: usize) -> u64 {
    let bits = 8 * place(len.min(8));
    !u64::MAX.checked_shl(bits).unwrap_or(0)
}

/// At most eight bytes, at the very end of a text.
#[cold]
fn padded(bytes: &[u8]) -> u64 {
    let mut padded = [0; 8];
    let len = bytes.len().min(8);
    padded[..len].copy_from_slice(&bytes[..len]);
    u64::from_le_bytes(padded)
}
