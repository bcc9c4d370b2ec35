//! What a process costs, read from /proc: CPU, memory, bytes written, threads, wakeups.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

/// Clock ticks a second of /proc/PID/stat; fixed at 100 on every Linux that Farol runs on.
const TICKS: f64 = 100.0;

/// One look at a process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// CPU time of all threads in seconds. From schedstat where the kernel has it (nanoseconds), else in 10 ms ticks.
    pub(crate) cpu_s: f64,
    /// Resident memory in bytes.
    pub(crate) resident: f64,
    /// Anonymous resident memory in bytes.
    pub(crate) anonymous: f64,
    /// Bytes that the process caused to be written to disk.
    pub(crate) written: f64,
    /// Threads.
    pub(crate) threads: f64,
    /// Context switches of all threads, voluntary ones: about the wakeups.
    pub(crate) switches: f64,
}

/// Looks at process `pid` now.
///
/// # Errors
/// When the process is gone.
pub(crate) fn cost(pid: u32) -> Result<Cost> {
    let root = PathBuf::from(format!("/proc/{pid}"));
    let status = fs::read_to_string(root.join("status")).with_context(|| format!("process {pid} is gone"))?;
    let field = |text: &str, name: &str| -> f64 {
        text.lines().find_map(|l| l.strip_prefix(name)).and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
    };
    let mut cost = Cost {
        resident: field(&status, "VmRSS:") * 1024.0,
        anonymous: field(&status, "RssAnon:") * 1024.0,
        threads: field(&status, "Threads:"),
        written: fs::read_to_string(root.join("io")).map_or(0.0, |io| field(&io, "write_bytes:")),
        ..Cost::default()
    };
    let stat = fs::read_to_string(root.join("stat"))?;
    let rest = stat.rsplit_once(')').context("stat has no name")?.1;
    let ticks: Vec<f64> = rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse().ok()).collect();
    cost.cpu_s = ticks.iter().sum::<f64>() / TICKS;
    let mut fine = 0.0;
    for task in fs::read_dir(root.join("task"))?.flatten() {
        if let Ok(sched) = fs::read_to_string(task.path().join("schedstat")) {
            fine += sched.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1e9;
        }
        if let Ok(status) = fs::read_to_string(task.path().join("status")) {
            cost.switches += field(&status, "voluntary_ctxt_switches:");
        }
    }
    // Threads that ended are missing in the fine sum; it is right only while all threads live.
    if fine > 0.0 && (fine - cost.cpu_s).abs() < 0.05 + cost.cpu_s * 0.05 {
        cost.cpu_s = fine;
    }
    Ok(cost)
}

/// The value at `share` (0 to 1) of sorted `values`; NaN when there are none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index of a list in memory"
)]
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    values[((values.len() - 1) as f64 * share).round() as usize]
}
