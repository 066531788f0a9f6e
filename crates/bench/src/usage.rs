//! What processes use, as Linux tells it: CPU seconds and memory.

use std::fs;

/// Clock ticks a second in `/proc`: fixed at 100 on Linux for every common architecture.
const TICKS: f64 = 100.0;

/// CPU seconds of one process, its ended children included.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    stat(pid).map_or(0.0, |stat| stat.cpu_seconds)
}

/// CPU seconds of a process and all its children, running and ended.
pub(crate) fn tree_cpu_seconds(pid: u32) -> f64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = pids.filter_map(stat).filter(|stat| stat.parent == pid);
    cpu_seconds(pid) + children.map(|stat| stat.cpu_seconds).sum::<f64>()
}

/// The most memory that a process ever had resident, in MB.
pub(crate) fn peak_mb(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: f64 = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0.0);
    kilobytes / 1024.0
}

struct Stat {
    parent: u32,
    cpu_seconds: f64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?; // the name in parentheses may hold anything
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks: f64 = fields.get(11..15)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, cpu_seconds: ticks / TICKS })
}
