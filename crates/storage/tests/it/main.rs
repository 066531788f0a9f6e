//! Storage against a real Postgres: one database a test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod catalog;
mod citus;
mod depth;
mod diagnosis;
mod examples;
mod fencing;
mod functions;
mod lane_states;
mod ownership;
mod plans;
mod purge;
mod redrive;
mod roles;
mod schema;
mod settle;
mod support;
mod survey;
mod tail;
