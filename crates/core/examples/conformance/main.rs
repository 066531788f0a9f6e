//! Runs conformance vectors: `cargo run --release -p signalpost-core --example conformance -- FILE…`
//!
//! Prints per kind how many passed and failed, then each failing id with what was expected and what came. Exits with 1
//! if any failed, with 2 if a file can't be read.

mod vectors;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use vectors::{Failure, Tally};

fn main() -> ExitCode {
    let files: Vec<_> = std::env::args().skip(1).collect();
    if files.is_empty() {
        eprintln!("usage: conformance FILE…");
        return ExitCode::from(2);
    }
    let mut tallies = BTreeMap::new();
    for file in files {
        if let Err(error) = vectors::run_file(file.as_ref(), &mut tallies) {
            eprintln!("{file}: {error}");
            return ExitCode::from(2);
        }
    }
    match report(&tallies) {
        Ok(()) if tallies.values().all(|tally| tally.failures.is_empty()) => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(1),
        Err(_) => ExitCode::from(2),
    }
}

fn report(tallies: &BTreeMap<String, Tally>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (kind, tally) in tallies {
        writeln!(out, "{kind}: {} passed, {} failed", tally.passed, tally.failures.len())?;
    }
    for Failure { id, expected, actual } in tallies.values().flat_map(|tally| &tally.failures) {
        writeln!(out, "{id}\n  expected {expected}\n  actual   {actual}")?;
    }
    Ok(())
}
