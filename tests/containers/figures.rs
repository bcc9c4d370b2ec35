//! Figures of a container as the kernel's files have them, beside those that the collector tells.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use farol_tests::{
    http::Client,
    wait::{now_ms, until},
};
use serde_json::Value;

use crate::engine::newest;

pub(crate) const MIB: f64 = 1_048_576.0;

/// The kernel's files of one container.
pub(crate) struct Kernel {
    /// Each directory of the container's group; of version 1 one a controller.
    dirs: Vec<PathBuf>,
    is_v1: bool,
}

/// Where a figure stands: version, file, key of the line (none: the file's only number), what it is divided by.
type Row = (&'static str, &'static str, (&'static str, &'static str, f64), (&'static str, &'static str, f64));

/// Metric, attribute, place in version 1, place in version 2.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("container.cpu.time", "user", ("cpuacct.usage_user", "", 1e9), ("cpu.stat", "user_usec", 1e6)),
    ("container.cpu.time", "system", ("cpuacct.usage_sys", "", 1e9), ("cpu.stat", "system_usec", 1e6)),
    ("container.cpu.throttling.periods", "", ("cpu.stat", "nr_periods", 1.0), ("cpu.stat", "nr_periods", 1.0)),
    ("container.cpu.throttling.throttled_periods", "", ("cpu.stat", "nr_throttled", 1.0), ("cpu.stat", "nr_throttled", 1.0)),
    ("container.cpu.throttling.throttled_time", "", ("cpu.stat", "throttled_time", 1e9), ("cpu.stat", "throttled_usec", 1e6)),
    ("container.memory.usage", "", ("memory.usage_in_bytes", "", 1.0), ("memory.current", "", 1.0)),
    ("container.memory.limit", "", ("memory.limit_in_bytes", "", 1.0), ("memory.max", "", 1.0)),
    ("container.memory.oom_kills", "", ("memory.oom_control", "oom_kill", 1.0), ("memory.events", "oom_kill", 1.0)),
    ("container.pids.count", "", ("pids.current", "", 1.0), ("pids.current", "", 1.0)),
];

impl Kernel {
    pub(crate) fn of(id: &str) -> Self {
        let words = ["/sys/fs/cgroup", "-maxdepth", "8", "-type", "d", "(", "-name", id, "-o", "-name", &format!("docker-{id}.scope"), ")"];
        let output = Command::new("find").args(words).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let dirs: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
        let is_v1 = dirs.iter().any(|dir| dir.join("cpuacct.usage").exists());
        assert!(!dirs.is_empty(), "the machine has no group of container {id}");
        Self { dirs, is_v1 }
    }

    /// What the kernel says now.
    pub(crate) fn figure(&self, metric: &str, attribute: &str) -> f64 {
        let row = ROWS.iter().find(|row| row.0 == metric && row.1 == attribute);
        let (_, _, v1, v2) = row.unwrap_or_else(|| panic!("where {metric} {attribute} stands is not known here"));
        let (file, key, divisor) = if self.is_v1 { *v1 } else { *v2 };
        let holds = |dir: &&PathBuf| dir.join(file).exists() && (self.is_v1 || dir.join("memory.max").exists());
        let path = self.dirs.iter().find(holds).map(|dir| dir.join(file)).unwrap_or_else(|| panic!("no {file} in {:?}", self.dirs));
        number(&path, key) / divisor
    }

    /// The figure that the collector tells for a resource is one that the kernel had between two looks at its file.
    pub(crate) fn check(&self, api: &mut Client, resource: &Value, metric: &str, attribute: &str, slack: f64) -> f64 {
        let before = self.figure(metric, attribute);
        let from = now_ms();
        let figure = until(metric, || newest(api, resource, metric, attribute, from));
        let after = self.figure(metric, attribute);
        // The API gives nine significant digits, so a figure may be off by half a unit of the ninth.
        let slack = slack + figure.abs() * 5e-9;
        let (low, high) = (before.min(after) - slack, before.max(after) + slack);
        assert!((low..=high).contains(&figure), "{metric} {attribute}: {figure}, the kernel had {before} and then {after}");
        eprintln!("{metric} {attribute}: {figure}, the kernel {before} to {after}");
        figure
    }

    /// Everything that says how a container fares; nanoseconds divided into seconds may differ in the last bit.
    pub(crate) fn check_all(&self, api: &mut Client, resource: &Value) {
        for (metric, attribute, ..) in ROWS {
            let slack = match *metric {
                "container.cpu.time" | "container.cpu.throttling.throttled_time" => 1e-9,
                // It is read in a moment of its own.
                "container.memory.usage" => MIB,
                _ => 0.0,
            };
            self.check(api, resource, metric, attribute, slack);
        }
    }
}

fn number(path: &Path, key: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let line = if key.is_empty() { Some(text.trim()) } else { text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')) };
    line.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{} {key}: {text}", path.display()))
}
