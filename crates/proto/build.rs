//! Compiles `proto/` in pure Rust: neither `protoc` nor a C compiler is needed.

use prost::Message as _;
use std::{env, error::Error, fs, path::PathBuf};

const ROOT: &str = "../../proto";
const FILES: [&str; 3] =
    ["signalpost/v1/admin.proto", "signalpost/v1/event.proto", "signalpost/v1/ingest.proto"];

#[expect(clippy::disallowed_methods, reason = "OUT_DIR is how cargo tells a build script where to write")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    let descriptors = protox::compile(FILES, [ROOT])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    // Bytes, not Vec<u8>: an event's JSON stays a slice of the buffer it arrived in.
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
