//! Numbers: ECMAScript's text of a double, and which texts are that already.

use std::fmt;

/// Numbers of at most this many digits, no exponent and nothing superfluous are canonical: no other
/// decimal of so few digits reads as the same double.
pub(super) const DIGITS_SAFE: usize = 15;

/// `String(n)` of a double: the shortest text that reads back to it; `NaN` and `Infinity` spelled out.
#[derive(Clone, Copy)]
pub struct NumberText {
    bytes: [u8; NumberText::LEN_MAX],
    len: u8,
}

impl NumberText {
    /// `-1.2345678901234567e-300` has 24 characters; `-0.0000012345678901234567` has 25.
    const LEN_MAX: usize = 32;

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("digits are ASCII")
    }
}

impl AsRef<str> for NumberText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for NumberText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text ECMAScript gives a number.
pub fn number_text(value: f64) -> NumberText {
    let mut buffer = ryu_js::Buffer::new();
    let text = buffer.format(value).as_bytes();
    let mut bytes = [0; NumberText::LEN_MAX];
    bytes[..text.len()].copy_from_slice(text);
    NumberText { bytes, len: u8::try_from(text.len()).expect("a number's text is short") }
}

/// Appends a number as `JSON.stringify` does: `NaN` and the infinities are `null`.
pub fn write_number(value: f64, out: &mut String) {
    if value.is_finite() {
        out.push_str(ryu_js::Buffer::new().format(value));
    } else {
        out.push_str("null");
    }
}

/// The double that the text of a JSON number stands for; beyond the largest it is infinite.
pub(super) fn value(raw: &str) -> f64 {
    raw.parse().expect("the parser saw a number")
}

/// Whether the text of a JSON number is the one ECMAScript would write, found out the long way.
#[cold]
pub(super) fn is_canonical(raw: &str) -> bool {
    ryu_js::Buffer::new().format(value(raw)) == raw
}
