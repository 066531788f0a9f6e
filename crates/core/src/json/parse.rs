//! The parser: one pass from text to tape, that also finds out what is canonical.
//!
//! Invariants: no recursion, at most `depth_max` open containers, time linear in the text (but for the keys of large
//! objects, which are sorted). The current place is passed from function to function by value: it is what
//! every step waits for, so it must stay in a register.

#![expect(
    clippy::inline_always,
    reason = "measured: left to the compiler, parsing takes a quarter more instructions"
)]

use smallvec::SmallVec;

use super::frame::{Frame, Holder};
use super::order::has_duplicates;
use super::string::run_end;
use super::tape::{BYTES_MAX, Entry, Flags, Tag, place};
use super::{Limits, Mistake, ParseError, number};

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
        // What events need; an array of digits makes it grow.
        tape: Vec::with_capacity((text.len() / 8 + 4).min(1024)),
        inner: Frame::new(0, Holder::Outside),
        outer: SmallVec::new(),
        depth_max: limits.depth_max as usize,
    };
    match parser.run() {
        Ok(()) => Ok(parser.tape),
        Err(stop) => Err(ParseError::new(parser.mistake(stop), stop.at, text)),
    }
}

/// Where the parser stopped, and why.
#[derive(Debug, Clone, Copy)]
struct Stop {
    at: usize,
    why: Why,
}

#[derive(Debug, Clone, Copy)]
enum Why {
    Expected(&'static str),
    ControlCharacter,
    Escape,
    LeadingZero,
    Depth,
}

#[cold]
fn expected<T>(what: &'static str, at: usize) -> Result<T, Stop> {
    stop(Why::Expected(what), at)
}

#[cold]
fn stop<T>(why: Why, at: usize) -> Result<T, Stop> {
    Err(Stop { at, why })
}

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    tape: Vec<Entry>,
    /// The innermost open container, and those around it.
    inner: Frame,
    outer: SmallVec<[Frame; 8]>,
    depth_max: usize,
}

/// What comes after a value or an opening bracket.
enum Next {
    /// A value at this place.
    Value(usize),
    /// Nothing: the root has ended here.
    End(usize),
}

impl Parser<'_> {
    fn mistake(&self, stop: Stop) -> Mistake {
        match stop.why {
            Why::Expected(what) if stop.at < self.bytes.len() => Mistake::Expected(what),
            Why::Expected(what) => Mistake::Ended(what),
            Why::ControlCharacter => Mistake::ControlCharacter,
            Why::Escape => Mistake::Escape,
            Why::LeadingZero => Mistake::LeadingZero,
            Why::Depth => Mistake::TooDeep { depth_max: u32::try_from(self.depth_max).unwrap_or(u32::MAX) },
        }
    }

    fn run(&mut self) -> Result<(), Stop> {
        let mut at = self.skip_blanks(0);
        loop {
            let next = match self.byte(at) {
                b'"' => {
                    let (end, flags) = self.string(at)?;
                    self.push(at, end, Tag::String, flags);
                    self.after_value(end)?
                }
                b'{' => self.object(at)?,
                b'[' => self.array(at)?,
                b'-' | b'0'..=b'9' => {
                    let end = self.number(at)?;
                    self.after_value(end)?
                }
                b't' => self.literal(at, "true", Tag::True)?,
                b'f' => self.literal(at, "false", Tag::False)?,
                b'n' => self.literal(at, "null", Tag::Null)?,
                _ => return expected("a value", at),
            };
            match next {
                Next::Value(place) => at = place,
                Next::End(place) => return self.end(place),
            }
        }
    }

    fn end(&mut self, at: usize) -> Result<(), Stop> {
        let at = self.skip_blanks(at);
        if at < self.bytes.len() {
            return expected("the end of the text", at);
        }
        Ok(())
    }

    /// The byte at a place; 0, which is legal nowhere, at the end.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The place at or after `at` where `wanted` stands, or what stands there instead. Blanks are rare.
    #[inline(always)]
    fn seek(&mut self, wanted: u8, at: usize) -> Result<usize, usize> {
        if self.byte(at) == wanted {
            return Ok(at);
        }
        let at = self.skip_blanks(at);
        if self.byte(at) == wanted { Ok(at) } else { Err(at) }
    }

    #[inline(always)]
    fn skip_blanks(&mut self, at: usize) -> usize {
        if self.byte(at) > b' ' {
            return at;
        }
        self.skip_blanks_slowly(at)
    }

    fn skip_blanks_slowly(&mut self, mut at: usize) -> usize {
        while matches!(self.byte(at), b' ' | b'\n' | b'\t' | b'\r') {
            at += 1;
            self.inner.flags = self.inner.flags.rewritten();
        }
        at
    }

    /// After a value: closes what ends here, up to the next value.
    #[inline(always)]
    fn after_value(&mut self, at: usize) -> Result<Next, Stop> {
        if self.byte(at) == b',' {
            match self.inner.holder {
                Holder::Object => return self.key(at + 1),
                Holder::Array => return Ok(Next::Value(self.skip_blanks(at + 1))),
                Holder::Outside => {}
            }
        }
        self.after_last(at)
    }

    /// After what is probably the last value of a container.
    fn after_last(&mut self, mut at: usize) -> Result<Next, Stop> {
        loop {
            if self.inner.holder == Holder::Outside {
                return Ok(Next::End(at));
            }
            at = self.skip_blanks(at);
            match (self.byte(at), self.inner.holder) {
                (b'}', Holder::Object) | (b']', Holder::Array) => {
                    at += 1;
                    self.close(at);
                }
                (b',', Holder::Object) => return self.key(at + 1),
                (b',', _) => return Ok(Next::Value(self.skip_blanks(at + 1))),
                (_, Holder::Object) => return expected("`,` or `}`", at),
                _ => return expected("`,` or `]`", at),
            }
        }
    }

    #[inline(always)]
    fn push(&mut self, start: usize, end: usize, tag: Tag, flags: Flags) {
        self.tape.push(Entry {
            start: place(start),
            end: place(end),
            next: place(self.tape.len() + 1),
            tag,
            flags,
        });
        self.inner.flags = self.inner.flags.holding(flags);
    }

    fn object(&mut self, at: usize) -> Result<Next, Stop> {
        self.open(at, Tag::Object, Holder::Object)?;
        let at = self.skip_blanks(at + 1);
        if self.byte(at) == b'}' {
            return self.after_last(at);
        }
        self.key(at)
    }

    fn array(&mut self, at: usize) -> Result<Next, Stop> {
        self.open(at, Tag::Array, Holder::Array)?;
        let at = self.skip_blanks(at + 1);
        if self.byte(at) == b']' {
            return self.after_last(at);
        }
        Ok(Next::Value(at))
    }

    fn open(&mut self, at: usize, tag: Tag, holder: Holder) -> Result<(), Stop> {
        if self.outer.len() >= self.depth_max {
            return stop(Why::Depth, at);
        }
        self.outer.push(self.inner);
        self.inner = Frame::new(place(self.tape.len()), holder);
        self.tape.push(Entry { start: place(at), end: 0, next: 0, tag, flags: Flags::FIXPOINT });
        Ok(())
    }

    /// Closes the innermost container, whose text ends before `at`.
    fn close(&mut self, at: usize) {
        let closed = self.inner;
        let is_disordered = closed.is_disordered
            || (closed.has_many() && has_duplicates(self.text, &self.tape, closed.index));
        let flags = if is_disordered { closed.flags.disordered() } else { closed.flags };
        let next = place(self.tape.len());
        let entry = &mut self.tape[closed.index as usize];
        entry.end = place(at);
        entry.next = next;
        entry.flags = flags;
        self.inner = self.outer.pop().expect("the outermost frame is not closed");
        self.inner.flags = self.inner.flags.holding(flags);
    }

    fn literal(&mut self, at: usize, word: &'static str, tag: Tag) -> Result<Next, Stop> {
        let end = at + word.len();
        if self.bytes.get(at..end) != Some(word.as_bytes()) {
            return expected("a value", at);
        }
        self.push(at, end, tag, Flags::FIXPOINT);
        self.after_value(end)
    }

    /// Passes over a string that starts at `at`, quotes included: its end and what it is.
    #[inline(always)]
    fn string(&self, at: usize) -> Result<(usize, Flags), Stop> {
        let end = run_end(self.bytes, at + 1);
        if self.byte(end) == b'"' {
            return Ok((end + 1, Flags::FIXPOINT));
        }
        self.string_with_escapes(end)
    }

    /// Goes on with a string at something that is no ordinary character.
    fn string_with_escapes(&self, mut at: usize) -> Result<(usize, Flags), Stop> {
        let mut flags = Flags::FIXPOINT;
        loop {
            match self.byte(at) {
                b'"' => return Ok((at + 1, flags)),
                b'\\' => {
                    let (len, is_canonical) = self.escape(at)?;
                    flags = flags.with_escape();
                    if !is_canonical {
                        flags = flags.rewritten();
                    }
                    at += len;
                }
                _ if at >= self.bytes.len() => return expected("`\"`", at),
                _ => return stop(Why::ControlCharacter, at),
            }
            at = run_end(self.bytes, at);
        }
    }

    /// How long the escape at `at` is, and whether ECMAScript would write it so.
    fn escape(&self, at: usize) -> Result<(usize, bool), Stop> {
        match self.byte(at + 1) {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => Ok((2, true)),
            b'/' => Ok((2, false)),
            b'u' => {
                let digits = self.bytes.get(at + 2..at + 6).unwrap_or_default();
                if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return stop(Why::Escape, at);
                }
                Ok((6, is_canonical_unicode(digits)))
            }
            _ => stop(Why::Escape, at),
        }
    }

    /// Reads a key and the colon after it, up to the value.
    #[inline(always)]
    fn key(&mut self, at: usize) -> Result<Next, Stop> {
        let at = match self.seek(b'"', at) {
            Ok(at) => at,
            Err(at) => return expected("a key in double quotes", at),
        };
        let (end, flags) = self.string(at)?;
        let mut key = Entry { start: place(at), end: place(end), next: 0, tag: Tag::String, flags };
        key.next = self.inner.place_key(self.text, &self.tape, key);
        self.tape.push(key);
        self.inner.flags = self.inner.flags.holding(flags);
        match self.seek(b':', end) {
            Ok(at) => Ok(Next::Value(self.skip_blanks(at + 1))),
            Err(at) => expected("`:`", at),
        }
    }

    #[inline(always)]
    fn number(&mut self, start: usize) -> Result<usize, Stop> {
        let is_negative = self.byte(start) == b'-';
        let first = start + usize::from(is_negative);
        let whole_end = self.digits(first)?;
        let len = whole_end - first;
        let is_zero = self.byte(first) == b'0';
        if is_zero && len > 1 {
            return stop(Why::LeadingZero, first);
        }
        let mut end = whole_end;
        let is_canonical = if matches!(self.byte(end), b'.' | b'e' | b'E') {
            let is_plain;
            (end, is_plain) = self.fraction(whole_end, len, is_zero)?;
            is_plain || number::is_canonical(&self.text[start..end])
        } else if len <= number::DIGITS_SAFE {
            !(is_zero && is_negative)
        } else {
            number::is_canonical(&self.text[start..end])
        };
        let flags = if is_canonical { Flags::FIXPOINT } else { Flags::OTHER_NUMBER };
        self.push(start, end, Tag::Number, flags);
        Ok(end)
    }

    /// Reads what follows a number's whole part: its end, and whether that alone shows that it is canonical.
    fn fraction(&self, mut at: usize, whole: usize, is_zero: bool) -> Result<(usize, bool), Stop> {
        let mut is_plain = false;
        if self.byte(at) == b'.' {
            let first = at + 1;
            at = self.digits(first)?;
            let fraction = &self.bytes[first..at];
            is_plain = whole + fraction.len() <= number::DIGITS_SAFE
                && !fraction.ends_with(b"0")
                && !(is_zero && fraction.starts_with(b"000000"));
        }
        if matches!(self.byte(at), b'e' | b'E') {
            is_plain = false;
            at += 1;
            at += usize::from(matches!(self.byte(at), b'+' | b'-'));
            at = self.digits(at)?;
        }
        Ok((at, is_plain))
    }

    /// The end of a run of at least one digit.
    #[inline(always)]
    fn digits(&self, start: usize) -> Result<usize, Stop> {
        let mut at = start;
        while self.byte(at).is_ascii_digit() {
            at += 1;
        }
        if at == start {
            return expected("a digit", at);
        }
        Ok(at)
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
