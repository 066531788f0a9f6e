//! The order of an object's members: whole-number keys first, ascending; then the others as they came.
//!
//! Invariant: a key that comes twice keeps its first place and its last value.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::Document;
use super::tape::{Entry, Tag, place};

/// The number a whole-number key stands for: `0`, or digits without a leading zero, up to 4294967294.
pub fn array_index(key: &str) -> Option<u32> {
    let bytes = key.as_bytes();
    match bytes {
        [b'0'] => return Some(0),
        [b'1'..=b'9', ..] if bytes.len() <= 10 => {}
        _ => return None,
    }
    let mut value = 0_u64;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(byte - b'0');
    }
    u32::try_from(value).ok().filter(|index| *index != u32::MAX)
}

/// The members of a disordered object as (key, value) entries, in order.
pub(super) fn ordered(document: &Document, object: u32) -> Vec<(u32, u32)> {
    let mut members: Vec<(u32, u32)> = Vec::new();
    let mut places: HashMap<Cow<'_, str>, usize> = HashMap::new();
    let mut key = object + 1;
    let end = document.tape[object as usize].next;
    while key < end {
        let value = key + 1;
        match places.entry(spelled(document.tape[key as usize], &document.text)) {
            Slot::Occupied(first) => members[*first.get()].1 = value,
            Slot::Vacant(new) => {
                new.insert(members.len());
                members.push((key, value));
            }
        }
        key = document.tape[value as usize].next;
    }
    let index = |key: u32| array_index(&spelled(document.tape[key as usize], &document.text));
    members.sort_by_cached_key(|(key, _)| index(*key).map_or(u64::MAX, u64::from));
    members
}

/// What a key or string spells.
pub(super) fn spelled(entry: Entry, text: &str) -> Cow<'_, str> {
    debug_assert_eq!(entry.tag, Tag::String, "only strings spell something");
    if entry.is_escaped() {
        Cow::Owned(super::string::unescape(entry.inner(text)))
    } else {
        Cow::Borrowed(entry.inner(text))
    }
}

/// Whether an object of many members has a key twice. Sorts, so that no input makes it slow.
pub(super) fn has_duplicates(text: &str, tape: &[Entry], object: u32) -> bool {
    let mut keys: Vec<(u32, u32)> = Vec::new();
    let mut key = object as usize + 1;
    while key < tape.len() {
        keys.push((tape[key].next, place(key)));
        key = tape[key + 1].next as usize;
    }
    keys.sort_unstable();
    keys.chunk_by(|left, right| left.0 == right.0)
        .any(|same_hash| same_hash.len() > 1 && spelled_twice(text, tape, same_hash))
}

fn spelled_twice(text: &str, tape: &[Entry], keys: &[(u32, u32)]) -> bool {
    let mut names: Vec<Cow<'_, str>> =
        keys.iter().map(|(_, key)| spelled(tape[*key as usize], text)).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}
