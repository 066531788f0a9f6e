//! Test support: a real Postgres, a real receiver, waiting for what happens elsewhere, and events.
//!
//! Invariants: nothing here sleeps to synchronise; whatever a test starts ends with it, or with its process.

pub mod authority;
pub mod event;
pub mod postgres;
pub mod proxy;
pub mod receiver;

use std::time::Duration;

pub use authority::{Authority, Issued};
pub use postgres::{TestDatabase, postgres};
pub use proxy::{Asked, Proxy};
pub use receiver::{Answer, Receiver, Recorded, receiver};

/// How long something may take before a test fails. Generous: machines that run tests are busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until there is something, and panics with `what` when there never is.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
