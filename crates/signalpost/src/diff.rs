//! Diff: what differs between two texts, line by line.

use std::fmt::Write;

use similar::{ChangeTag, TextDiff};

use crate::output::clean;
use crate::output::look::Look;

/// How many equal lines stand around those that differ.
const AROUND: usize = 2;

/// The lines that differ, with some around them, each after `-`, `+` or a space; empty when the texts are equal.
pub(crate) fn lines(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut out = String::new();
    for (index, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if index > 0 {
            let _ = writeln!(out, "{}", Look::Faint.paint("  ⋮"));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (sign, look) = match change.tag() {
                ChangeTag::Delete => ('-', Look::Bad),
                ChangeTag::Insert => ('+', Look::Good),
                ChangeTag::Equal => (' ', Look::Plain),
            };
            let text = change.value().trim_end_matches(['\n', '\r']);
            let _ = writeln!(
                out,
                "{}",
                look.paint(format_args!("{sign} {}", clean(text)).to_string().trim_end())
            );
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// JSON laid out for reading, so that lines can be compared; other texts as they are.
pub(crate) fn laid_out(text: &str) -> String {
    serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .filter(|value| value.is_object() || value.is_array())
        .map_or_else(|| text.to_owned(), |value| format!("{value:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown_with_what_stands_around_it() {
        let before = laid_out(r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}"#);
        let after = laid_out(r#"{"a":1,"b":2,"c":3,"d":4,"e":50,"f":6}"#);
        let shown = anstream::adapter::strip_str(&lines(&before, &after)).to_string();
        assert_eq!(shown, "    \"c\": 3,\n    \"d\": 4,\n-   \"e\": 5,\n+   \"e\": 50,\n    \"f\": 6\n  }");
        assert_eq!(lines(&before, &before), "");
    }
}
