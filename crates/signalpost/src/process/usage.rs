//! Usage: which build this process is, and what it takes of its machine, as Prometheus calls it everywhere (`process_…`).
//!
//! Invariant: where the machine does not say (`/proc` is Linux's), the value stays 0.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Ticks a second in `/proc`: 100 wherever Linux runs.
const TICKS: f64 = 100.0;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBuild {
    version: &'static str,
    role: &'static str,
}

/// What the process takes. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    cpu: Counter<f64, AtomicU64>,
    counted: Arc<Mutex<f64>>,
    resident: Gauge,
    open_files: Gauge,
    started: Gauge<f64, AtomicU64>,
}

impl Usage {
    pub(crate) fn register(registry: &mut Registry, role: &'static str) -> Self {
        let build = Family::<OfBuild, Gauge>::default();
        build.get_or_create(&OfBuild { version: env!("CARGO_PKG_VERSION"), role }).set(1);
        let ours = registry.sub_registry_with_prefix("signalpost");
        ours.register("build_info", "Always 1; version and role of this process", build);
        let usage = Self {
            cpu: Counter::default(),
            counted: Arc::default(),
            resident: Gauge::default(),
            open_files: Gauge::default(),
            started: Gauge::default(),
        };
        let process = registry.sub_registry_with_prefix("process");
        process.register_with_unit("cpu", "Processor time used", Unit::Seconds, usage.cpu.clone());
        process.register_with_unit(
            "resident_memory",
            "Memory that is resident",
            Unit::Bytes,
            usage.resident.clone(),
        );
        process.register("open_fds", "Open file descriptors", usage.open_files.clone());
        process.register_with_unit(
            "start_time",
            "When the process started, since 1970",
            Unit::Seconds,
            usage.started.clone(),
        );
        usage
    }

    /// Takes over how things are now: to be called before the metrics are read.
    pub(crate) fn refresh(&self) {
        if let Some(kilobytes) = number_after("/proc/self/status", "VmRSS:") {
            self.resident.set(kilobytes.saturating_mul(1024));
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.open_files.set(i64::try_from(files.count()).unwrap_or(i64::MAX));
        }
        if let Some((cpu, started)) = times() {
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            self.cpu.inc_by((cpu - *counted).max(0.0));
            *counted = cpu.max(*counted);
            if let Some(boot) = number_after("/proc/stat", "btime") {
                #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
                self.started.set(boot as f64 + started);
            }
        }
    }
}

/// The number behind a word at the beginning of a line.
fn number_after(file: &str, word: &str) -> Option<i64> {
    let text = std::fs::read_to_string(file).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(word))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Processor time used, and the start after boot, in seconds.
fn times() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, and may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    Some(((ticks(14)? + ticks(15)?) / TICKS, ticks(22)? / TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_what_it_takes() {
        let usage = Usage::register(&mut Registry::default(), "test");
        usage.refresh();
        if std::path::Path::new("/proc/self/stat").exists() {
            assert!(usage.resident.get() > 1 << 20, "{usage:?}");
            assert!(usage.started.get() > 1.6e9, "{usage:?}");
            assert!(usage.open_files.get() > 2, "{usage:?}");
        }
    }
}
