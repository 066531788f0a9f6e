//! The parser: one pass from text to tape, that also finds out what is canonical.
//!
//! Invariants: no recursion, at most `depth_max` open containers, time linear in the text (but for the keys of large
//! objects, which are sorted).

use smallvec::SmallVec;

use super::order::{array_index, has_duplicates, spelled};
use super::string::run_end;
use super::tape::{BYTES_MAX, Entry, Flags, Tag, place};
use super::{Limits, Mistake, ParseError, number};

/// Up to here the keys of an object are compared as they come, above they are sorted at its end.
const FEW_MEMBERS: u32 = 32;

pub(super) fn parse(text: &str, limits: &Limits) -> Result<Vec<Entry>, ParseError> {
    let bytes_max = limits.bytes_max.min(BYTES_MAX - 1);
    if text.len() > bytes_max {
        let bytes = text.len();
        let mistake = Mistake::TooLarge { bytes, bytes_max };
        return Err(ParseError::new(mistake, bytes_max, text));
    }
    let mut parser = Parser {
        text,
        bytes: text.as_bytes(),
        at: 0,
        tape: Vec::with_capacity((text.len() / 8 + 4).min(1024)),
        inner: Frame::new(0, Holder::Outside),
        outer: SmallVec::new(),
        depth_max: limits.depth_max,
    };
    match parser.run() {
        Ok(()) => Ok(parser.tape),
        Err(mistake) => Err(ParseError::new(mistake, parser.at, text)),
    }
}

/// What kind of container is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// None: the root is being read.
    Outside,
    Array,
    Object,
}

/// A container that is open.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// Its entry.
    index: u32,
    holder: Holder,
    flags: Flags,
    /// An object whose members need sorting or merging.
    is_disordered: bool,
    /// An object that has a key that is no whole number.
    has_names: bool,
    /// The smallest whole-number key that may follow.
    index_next: u64,
    members: u32,
    /// A bit for each key's hash: a key whose bit is not set is new.
    seen: u64,
}

impl Frame {
    fn new(index: u32, holder: Holder) -> Frame {
        Frame {
            index,
            holder,
            flags: Flags::FIXPOINT,
            is_disordered: false,
            has_names: false,
            index_next: 0,
            members: 0,
            seen: 0,
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    tape: Vec<Entry>,
    inner: Frame,
    outer: SmallVec<[Frame; 8]>,
    depth_max: u32,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), Mistake> {
        self.skip_blanks();
        loop {
            if self.value()? {
                continue;
            }
            if !self.next_value()? {
                break;
            }
        }
        self.skip_blanks();
        if self.at < self.bytes.len() {
            return Err(Mistake::Expected("the end of the text"));
        }
        Ok(())
    }

    /// The byte at the current place; 0, which is legal nowhere, at the end.
    #[inline]
    fn byte(&self) -> u8 {
        self.byte_at(self.at)
    }

    #[inline]
    fn byte_at(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    fn expected<T>(&self, what: &'static str) -> Result<T, Mistake> {
        Err(if self.at < self.bytes.len() { Mistake::Expected(what) } else { Mistake::Ended(what) })
    }

    #[inline]
    fn skip_blanks(&mut self) {
        if self.byte() <= b' ' {
            self.skip_blanks_slowly();
        }
    }

    fn skip_blanks_slowly(&mut self) {
        while matches!(self.byte(), b' ' | b'\n' | b'\t' | b'\r') {
            self.at += 1;
            self.inner.flags = self.inner.flags.rewritten();
        }
    }

    /// Reads a scalar whole, or opens a container. True when a value must follow: its first item or member.
    #[inline]
    fn value(&mut self) -> Result<bool, Mistake> {
        match self.byte() {
            b'"' => self.string_value()?,
            b'{' => return self.open_object(),
            b'[' => return self.open_array(),
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.literal("true", Tag::True)?,
            b'f' => self.literal("false", Tag::False)?,
            b'n' => self.literal("null", Tag::Null)?,
            _ => return self.expected("a value"),
        }
        Ok(false)
    }

    /// After a value: closes what ends here. True when another value must follow.
    #[inline]
    fn next_value(&mut self) -> Result<bool, Mistake> {
        loop {
            if self.inner.holder == Holder::Outside {
                return Ok(false);
            }
            self.skip_blanks();
            match (self.byte(), self.inner.holder) {
                (b',', Holder::Object) => {
                    self.at += 1;
                    self.skip_blanks();
                    self.key()?;
                    return Ok(true);
                }
                (b',', _) => {
                    self.at += 1;
                    self.skip_blanks();
                    return Ok(true);
                }
                (b'}', Holder::Object) | (b']', Holder::Array) => self.close(),
                (_, Holder::Object) => return self.expected("`,` or `}`"),
                _ => return self.expected("`,` or `]`"),
            }
        }
    }

    #[inline]
    fn push(&mut self, start: usize, tag: Tag, flags: Flags) {
        self.tape.push(Entry {
            start: place(start),
            end: place(self.at),
            next: place(self.tape.len() + 1),
            tag,
            flags,
        });
        self.inner.flags = self.inner.flags.holding(flags);
    }

    fn open_object(&mut self) -> Result<bool, Mistake> {
        self.open(Tag::Object, Holder::Object)?;
        if self.byte() == b'}' {
            self.close();
            return self.next_value();
        }
        self.key()?;
        Ok(true)
    }

    fn open_array(&mut self) -> Result<bool, Mistake> {
        self.open(Tag::Array, Holder::Array)?;
        if self.byte() == b']' {
            self.close();
            return self.next_value();
        }
        Ok(true)
    }

    fn open(&mut self, tag: Tag, holder: Holder) -> Result<(), Mistake> {
        let depth_max = self.depth_max;
        if self.outer.len() >= depth_max as usize {
            return Err(Mistake::TooDeep { depth_max });
        }
        self.outer.push(self.inner);
        self.inner = Frame::new(place(self.tape.len()), holder);
        let start = self.at;
        self.at += 1;
        self.tape.push(Entry { start: place(start), end: 0, next: 0, tag, flags: Flags::FIXPOINT });
        self.skip_blanks();
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        let closed = self.inner;
        let disordered = closed.is_disordered
            || (closed.members > FEW_MEMBERS && has_duplicates(self.text, &self.tape, closed.index));
        let flags = if disordered { closed.flags.disordered() } else { closed.flags };
        let next = place(self.tape.len());
        let entry = &mut self.tape[closed.index as usize];
        entry.end = place(self.at);
        entry.next = next;
        entry.flags = flags;
        self.inner = self.outer.pop().expect("the outermost frame is not closed");
        self.inner.flags = self.inner.flags.holding(flags);
    }

    #[inline]
    fn literal(&mut self, word: &'static str, tag: Tag) -> Result<(), Mistake> {
        let start = self.at;
        let end = start + word.len();
        if self.bytes.get(start..end) != Some(word.as_bytes()) {
            return self.expected("a value");
        }
        self.at = end;
        self.push(start, tag, Flags::FIXPOINT);
        Ok(())
    }

    #[inline]
    fn string_value(&mut self) -> Result<(), Mistake> {
        let start = self.at;
        let flags = self.string()?;
        self.push(start, Tag::String, flags);
        Ok(())
    }

    /// Passes over a string, quotes included.
    #[inline]
    fn string(&mut self) -> Result<Flags, Mistake> {
        let mut flags = Flags::FIXPOINT;
        self.at += 1;
        loop {
            self.at = run_end(self.bytes, self.at);
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok(flags);
                }
                b'\\' => flags = self.escape(flags.with_escape())?,
                _ if self.at >= self.bytes.len() => return self.expected("`\"`"),
                _ => return Err(Mistake::ControlCharacter),
            }
        }
    }

    fn escape(&mut self, flags: Flags) -> Result<Flags, Mistake> {
        let is_canonical = match self.byte_at(self.at + 1) {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => true,
            b'/' => false,
            b'u' => {
                let digits = self.bytes.get(self.at + 2..self.at + 6).unwrap_or_default();
                if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Mistake::Escape);
                }
                self.at += 4;
                is_canonical_unicode(digits)
            }
            _ => return Err(Mistake::Escape),
        };
        self.at += 2;
        Ok(if is_canonical { flags } else { flags.rewritten() })
    }

    /// Reads a key and the colon after it, up to the value.
    #[inline]
    fn key(&mut self) -> Result<(), Mistake> {
        if self.byte() != b'"' {
            return self.expected("a key in double quotes");
        }
        let start = self.at;
        let flags = self.string()?;
        let key = Entry { start: place(start), end: place(self.at), next: 0, tag: Tag::String, flags };
        let hash = self.place_key(key);
        self.tape.push(Entry { next: hash, ..key });
        self.inner.flags = self.inner.flags.holding(flags);
        self.skip_blanks();
        if self.byte() != b':' {
            return self.expected("`:`");
        }
        self.at += 1;
        self.skip_blanks();
        Ok(())
    }

    /// Finds out whether a key is new and in its place; gives its hash.
    #[inline]
    fn place_key(&mut self, key: Entry) -> u32 {
        let hash = if key.is_escaped() {
            let spelled = spelled(key, self.text);
            self.place_index(&spelled);
            hash(spelled.as_bytes(), 0, spelled.len())
        } else {
            let (start, end) = (key.start as usize + 1, key.end as usize - 1);
            if self.bytes[start].is_ascii_digit() {
                self.place_index(key.inner(self.text));
            } else {
                self.inner.has_names = true;
            }
            hash(self.bytes, start, end)
        };
        let bit = 1 << (hash & 63);
        if self.inner.seen & bit != 0 && self.inner.members < FEW_MEMBERS {
            self.inner.is_disordered |= self.is_known(key, hash);
        }
        self.inner.seen |= bit;
        self.inner.members += 1;
        hash
    }

    /// A whole-number key must be larger than those before it and come before all others.
    fn place_index(&mut self, key: &str) {
        let Some(index) = array_index(key).map(u64::from) else {
            self.inner.has_names = true;
            return;
        };
        if self.inner.has_names || index < self.inner.index_next {
            self.inner.is_disordered = true;
        }
        self.inner.index_next = index + 1;
    }

    /// Whether the innermost object has this key already.
    fn is_known(&self, key: Entry, hash: u32) -> bool {
        let mut at = self.inner.index as usize + 1;
        while at < self.tape.len() {
            let other = self.tape[at];
            if other.next == hash && spelled(other, self.text) == spelled(key, self.text) {
                return true;
            }
            at = self.tape[at + 1].next as usize;
        }
        false
    }

    #[inline]
    fn number(&mut self) -> Result<(), Mistake> {
        let start = self.at;
        let is_negative = self.byte() == b'-';
        let first = start + usize::from(is_negative);
        self.at = first;
        self.digits()?;
        let digits = self.at - first;
        let is_zero = self.bytes[first] == b'0';
        if is_zero && digits > 1 {
            self.at = first;
            return Err(Mistake::LeadingZero);
        }
        let is_canonical = if matches!(self.byte(), b'.' | b'e' | b'E') {
            self.fraction(start, digits, is_zero)?
        } else if digits <= number::DIGITS_SAFE {
            !(is_zero && is_negative)
        } else {
            number::is_canonical(&self.text[start..self.at])
        };
        let flags = if is_canonical { Flags::FIXPOINT } else { Flags::OTHER_NUMBER };
        self.push(start, Tag::Number, flags);
        Ok(())
    }

    /// Reads what follows a number's whole part. Whether the number is canonical.
    fn fraction(&mut self, start: usize, whole: usize, is_zero: bool) -> Result<bool, Mistake> {
        let mut is_plain = false;
        if self.byte() == b'.' {
            self.at += 1;
            let first = self.at;
            self.digits()?;
            let fraction = &self.bytes[first..self.at];
            is_plain = whole + fraction.len() <= number::DIGITS_SAFE
                && !fraction.ends_with(b"0")
                && !(is_zero && fraction.starts_with(b"000000"));
        }
        if matches!(self.byte(), b'e' | b'E') {
            is_plain = false;
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(is_plain || number::is_canonical(&self.text[start..self.at]))
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Mistake> {
        if !self.byte().is_ascii_digit() {
            return self.expected("a digit");
        }
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }
}

/// Whether `\uXXXX` is how ECMAScript writes that character.
fn is_canonical_unicode(digits: &[u8]) -> bool {
    match digits {
        [b'0', b'0', b'0', low] => matches!(low, b'0'..=b'7' | b'b' | b'e' | b'f'),
        [b'0', b'0', b'1', low] => matches!(low, b'0'..=b'9' | b'a'..=b'f'),
        _ => false,
    }
}

/// A hash of `bytes[start..end]`, from its length and both its ends.
#[inline]
fn hash(bytes: &[u8], start: usize, end: usize) -> u32 {
    let len = end - start;
    let (head, tail) = if len >= 8 {
        (word(bytes, start), word(bytes, end - 8))
    } else if start + 8 <= bytes.len() {
        (word(bytes, start) & ((1 << (8 * len)) - 1), 0)
    } else {
        let mut padded = [0; 8];
        padded[..len].copy_from_slice(&bytes[start..end]);
        (u64::from_le_bytes(padded), 0)
    };
    let mixed = (head ^ tail.rotate_left(29) ^ len as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    place((mixed >> 32) as usize)
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes[at..at + 8].try_into().expect("eight bytes");
    u64::from_le_bytes(bytes)
}
