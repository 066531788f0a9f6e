//! signalpost

fn main() {}
