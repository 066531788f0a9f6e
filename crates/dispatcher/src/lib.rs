//! Signalpost's dispatcher: reads the lanes of the partitions it owns, sends, and settles what each attempt proved.
//!
//! Invariants: nothing is sent for a partition that is not owned beyond doubt; nothing is forgotten before Postgres
//! has recorded it; whatever it is told, whenever it dies, an acknowledged event is delivered at least once.

pub(crate) mod lane;
pub mod lanes;
