//! Strings: finding their end eight bytes at a time, reading and writing escapes.

#![expect(
    clippy::inline_always,
    reason = "measured: left to the compiler, parsing takes a quarter more instructions"
)]

/// Bytes that end a run of ordinary string characters: `"`, `\` and everything below U+0020.
///
/// Marks the top bit of each such byte of `chunk`; marks above the lowest one may be false.
#[inline(always)]
const fn special(chunk: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let quotes = (chunk ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslashes = (chunk ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    let controls = chunk.wrapping_sub(ONES * 0x20);
    // Neither quote nor backslash has a top bit: whatever has one is ordinary.
    (quotes | backslashes | controls) & !chunk & TOPS
}

/// The first special byte at or after `at`, or the end.
#[inline(always)]
pub(super) fn run_end(bytes: &[u8], mut at: usize) -> usize {
    let (chunks, _) = bytes.get(at..).unwrap_or_default().as_chunks();
    for chunk in chunks {
        let found = special(u64::from_le_bytes(*chunk));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    run_end_near_the_end(bytes, at)
}

/// The same where fewer than eight bytes are left.
#[cold]
fn run_end_near_the_end(bytes: &[u8], at: usize) -> usize {
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let rest = &bytes[at.min(bytes.len())..];
    at + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// Appends `text` in quotes, escaped as `JSON.stringify` does.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    write_escaped(text, out);
    out.push('"');
}

/// Appends `text` escaped, without quotes.
fn write_escaped(text: &str, out: &mut String) {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let at = run_end(bytes, from);
        out.push_str(&text[from..at]);
        let Some(byte) = bytes.get(at) else { return };
        write_escape(*byte, out);
        from = at + 1;
    }
}

fn write_escape(byte: u8, out: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    match byte {
        b'"' => out.push_str("\\\""),
        b'\\' => out.push_str("\\\\"),
        0x08 => out.push_str("\\b"),
        0x09 => out.push_str("\\t"),
        0x0a => out.push_str("\\n"),
        0x0c => out.push_str("\\f"),
        0x0d => out.push_str("\\r"),
        other => {
            out.push_str("\\u00");
            out.push(HEX[usize::from(other >> 4)]);
            out.push(HEX[usize::from(other & 15)]);
        }
    }
}

/// What a string's text spells. The escapes were checked by the parser; a lone surrogate becomes U+FFFD.
pub(super) fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let (character, len) = escaped(&rest[at..]);
        out.push(character);
        rest = &rest[at + len..];
    }
    out.push_str(rest);
    out
}

/// The character that the escape at the start of `text` stands for, and the escape's length.
fn escaped(text: &str) -> (char, usize) {
    let character = match text.as_bytes()[1] {
        b'b' => '\u{8}',
        b't' => '\t',
        b'n' => '\n',
        b'f' => '\u{c}',
        b'r' => '\r',
        b'u' => return unicode(text),
        plain => char::from(plain),
    };
    (character, 2)
}

fn unicode(text: &str) -> (char, usize) {
    let unit = unit_at(text, 0).expect("the parser saw four hex digits");
    if let Some(character) = char::from_u32(unit) {
        return (character, 6);
    }
    let low = unit_at(text, 6).filter(|low| (0xdc00..0xe000).contains(low));
    match low {
        Some(low) if unit < 0xdc00 => {
            let point = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            let character = char::from_u32(point).expect("a pair of surrogates is a character");
            (character, 12)
        }
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The UTF-16 unit of the `\uXXXX` at `at`, if there is one.
fn unit_at(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    u32::from_str_radix(digits, 16).ok()
}
