//! The dispatcher with a real Postgres and real receivers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod deliver;
mod egress;
mod faults;
mod hostile;
mod housekeeping;
mod lane_states;
mod outage;
mod overflow;
mod ownership;
mod proxy;
mod purge;
mod redrive;
mod retry;
mod settings;
mod signatures;
mod support;
mod tls;
mod transport;
