//! Signalpost's gRPC contract: the types and services generated from `proto/`, and nothing else.

/// Package `signalpost.v1`.
pub mod v1 {
    #![allow(clippy::all, clippy::pedantic, clippy::allow_attributes, missing_docs)]
    tonic::include_proto!("signalpost.v1");
}

/// The descriptors of every file of the contract and of what it imports, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
