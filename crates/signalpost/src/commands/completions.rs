//! `completions`: what a shell needs to complete our commands and flags.

use clap::CommandFactory;

use crate::cli::{Cli, Completions};

pub(crate) fn run(args: &Completions) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "signalpost", &mut script);
    crate::output::line(String::from_utf8_lossy(&script).trim_end());
}
