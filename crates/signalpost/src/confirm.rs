//! Confirm: before something goes for good, its full name is asked for.
//!
//! Invariant: nothing goes without its name: neither a wrong name nor a missing terminal counts as one.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::cli::Confirm;
use crate::exit::Failure;

/// Succeeds when the name was given, or is now. `what` says what will go.
pub(crate) fn confirm(args: &Confirm, name: &str, what: &str) -> anyhow::Result<()> {
    let given = match &args.confirm {
        Some(given) => given.clone(),
        None if io::stdin().is_terminal() => ask(name, what)?,
        None => {
            let text = format!("{what}; there is no way back. Repeat the name to say so: --confirm {name}");
            return Err(Failure::usage(anyhow::anyhow!(text)));
        }
    };
    if given.trim() == name {
        return Ok(());
    }
    Err(Failure::usage(anyhow::anyhow!("{:?} is not {name:?}: nothing was done", given.trim())))
}

fn ask(name: &str, what: &str) -> anyhow::Result<String> {
    let mut out = io::stderr().lock();
    write!(out, "{what}; there is no way back.\nRepeat the name ({name}) to go on: ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer)
}
