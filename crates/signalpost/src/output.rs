//! Output: what a command says to whoever called it, on standard output.
//!
//! Invariant: a reader that went away (`| head`) ends nothing with a panic.

use std::fmt::Display;
use std::io::{self, Write};

/// One line on standard output.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}
