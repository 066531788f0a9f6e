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

/// `Number(text)`: blanks around it do not count, nothing is 0, what is no number is NaN.
pub fn text_to_number(text: &str) -> f64 {
    let is_blank = |c: char| c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}');
    let text = text.trim_matches(is_blank);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match text.as_bytes() {
        [] => 0.0,
        [b'0', b'x' | b'X', ..] => whole_number(&text[2..], 4),
        [b'0', b'o' | b'O', ..] => whole_number(&text[2..], 3),
        [b'0', b'b' | b'B', ..] => whole_number(&text[2..], 1),
        [b'-', ..] if unsigned == "Infinity" => f64::NEG_INFINITY,
        _ if unsigned == "Infinity" => f64::INFINITY,
        // Rust's own words for infinity and NaN are none of JavaScript's.
        _ if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            text.parse().unwrap_or(f64::NAN)
        }
        _ => f64::NAN,
    }
}

/// A whole number in a base of `2^bits`.
fn whole_number(digits: &str, bits: u32) -> f64 {
    if digits.is_empty() {
        return f64::NAN;
    }
    let mut head = 0_u128;
    let mut dropped = 0_i32;
    for digit in digits.chars() {
        let Some(digit) = digit.to_digit(1 << bits) else {
            return f64::NAN;
        };
        if head >> 120 == 0 {
            head = head << bits | u128::from(digit);
        } else {
            // Far below the last bit of a double: only whether anything was dropped decides how it is rounded.
            head |= u128::from(digit != 0);
            dropped = dropped.saturating_add(1);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "rounding is what is asked for")]
    let head = head as f64;
    head * f64::powi(2.0, dropped.saturating_mul(bits.cast_signed()))
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
