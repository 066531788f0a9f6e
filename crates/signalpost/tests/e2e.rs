//! The program as users run it: processes that are started, loaded, signalled and killed; a real Postgres, a real receiver.

#[path = "e2e/operated.rs"]
mod operated;
#[path = "e2e/page.rs"]
mod page;
#[path = "e2e/support.rs"]
mod support;
#[path = "e2e/walk.rs"]
mod walk;

#[path = "e2e/certificates.rs"]
mod certificates;
#[path = "e2e/clients.rs"]
mod clients;
#[path = "e2e/compose.rs"]
mod compose;
#[path = "e2e/configuration.rs"]
mod configuration;
#[path = "e2e/control.rs"]
mod control;
#[path = "e2e/crash.rs"]
mod crash;
#[path = "e2e/deliver.rs"]
mod deliver;
#[path = "e2e/dev.rs"]
mod dev;
#[path = "e2e/operate.rs"]
mod operate;
#[path = "e2e/probes.rs"]
mod probes;
#[path = "e2e/stopped.rs"]
mod stopped;
#[path = "e2e/tls.rs"]
mod tls;
#[path = "e2e/traces.rs"]
mod traces;
#[path = "e2e/tutorial.rs"]
mod tutorial;
#[path = "e2e/verify.rs"]
mod verify;
