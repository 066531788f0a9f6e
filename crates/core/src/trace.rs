//! Trace: where a call came from, as W3C trace context writes it, and lists of such.
//!
//! Invariants: only what is well-formed is kept, in its own bytes; a list never grows beyond [`LISTED_MAX`].

use std::fmt::{self, Display, Formatter};

/// So many calls are remembered of those that share a row or a request. The others are traced up to their commit.
pub const LISTED_MAX: usize = 16;

/// A `traceparent`: trace, span and whether it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traceparent {
    /// 16 bytes, not all zero.
    pub trace_id: u128,
    /// 8 bytes, not all zero.
    pub span_id: u64,
    /// Whether whoever called records it.
    pub is_sampled: bool,
}

impl Traceparent {
    /// Reads the header's text: `00-<32 hex digits>-<16>-<2>`, or a later version that begins alike.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_known = version == "00" && parts.next().is_none() || version != "00" && version != "ff";
        let (version, flags) = (hex(version, 2)?, hex(flags, 2)?);
        let (trace_id, span_id) = (hex(trace, 32)?, u64::try_from(hex(span, 16)?).ok()?);
        let is_valid = is_known && version <= 0xff && trace_id != 0 && span_id != 0;
        is_valid.then_some(Self { trace_id, span_id, is_sampled: flags & 1 == 1 })
    }

    /// Those of a list, in its order.
    pub fn list(text: &str) -> impl Iterator<Item = Self> {
        text.split_ascii_whitespace().filter_map(Self::parse).take(LISTED_MAX)
    }
}

impl Display for Traceparent {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.is_sampled))
    }
}

/// Lower-case hex digits, exactly so many.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// Two lists as one: each member once, the first [`LISTED_MAX`] of them.
pub fn join(one: &str, other: &str) -> String {
    let mut joined: Vec<&str> = one.split_ascii_whitespace().collect();
    for member in other.split_ascii_whitespace() {
        if joined.len() >= LISTED_MAX {
            break;
        }
        if !joined.contains(&member) {
            joined.push(member);
        }
    }
    joined.truncate(LISTED_MAX);
    joined.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_read_is_written_back() {
        let read = Traceparent::parse(EXAMPLE).unwrap();
        assert!(read.is_sampled);
        assert_eq!(read.to_string(), EXAMPLE);
        assert!(!Traceparent::parse(&EXAMPLE.replace("-01", "-00")).unwrap().is_sampled);
        assert!(
            Traceparent::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes")
                .is_some()
        );
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Traceparent::parse(text), None, "{text}");
        }
    }

    #[test]
    fn lists_are_joined_without_repetition_and_stay_short() {
        assert_eq!(join("a b", "b c"), "a b c");
        let long: Vec<String> = (0..40).map(|number| number.to_string()).collect();
        assert_eq!(join("x", &long.join(" ")).split(' ').count(), LISTED_MAX);
        assert_eq!(join(&long.join(" "), "x").split(' ').count(), LISTED_MAX);
    }
}
