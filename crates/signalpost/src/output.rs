//! Output: what a command says to whoever called it, on standard output.
//!
//! Invariants: a reader that went away (`| head`) ends nothing with a panic; colours only reach a terminal that wants
//! them; what a stranger wrote (a receiver's answer, an event) cannot control the terminal.

pub(crate) mod look;
pub(crate) mod measure;
pub(crate) mod table;

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;

/// One line on standard output.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(anstream::AutoStream::auto(io::stdout().lock()), "{text}");
}

/// One JSON document on standard output: laid out for a reader at a terminal, on one line for a program.
pub(crate) fn document(value: &Value) {
    if io::stdout().is_terminal() {
        line(format_args!("{value:#}"));
    } else {
        line(value);
    }
}

/// Something that is said beside the output, on standard error: a hint, a warning.
pub(crate) fn aside(text: impl Display) {
    let _ = writeln!(anstream::AutoStream::auto(io::stderr().lock()), "{text}");
}

/// Whether standard output takes colours.
pub(crate) fn takes_colours() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// A text without what would control a terminal; line ends stay.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let controls = |c: char| c.is_control() && c != '\n';
    if text.contains(controls) {
        Cow::Owned(text.chars().map(|c| if controls(c) { '\u{fffd}' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The same on one line.
pub(crate) fn one_line(text: &str) -> String {
    clean(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receivers_answer_cannot_control_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\nc");
        assert_eq!(one_line("a\n\tb\u{7}"), "a b\u{fffd}");
    }
}
