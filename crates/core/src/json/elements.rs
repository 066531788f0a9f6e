//! Splitting the text of a canonical array into the texts of its elements, without parsing them.

use super::string::run_end;

/// The top-level elements of a canonical JSON array's text, in order.
///
/// The text must come from [`Node::write`](super::Node::write) or be as good: for anything else the
/// elements may be wrong, but they are parts of the text and there are finitely many.
pub fn elements(array: &str) -> Elements<'_> {
    let inner = array.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
    Elements { rest: (!inner.is_empty()).then_some(inner) }
}

/// See [`elements`].
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let end = element_end(rest.as_bytes());
        self.rest = rest.get(end + 1..);
        Some(&rest[..end])
    }
}

/// Where the first element of `bytes` ends: at a comma that is in no string, array or object, or at the end.
fn element_end(bytes: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at + 1),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Where the string whose first character is at `at` has its closing quote, or the end.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        at = run_end(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return at,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}
