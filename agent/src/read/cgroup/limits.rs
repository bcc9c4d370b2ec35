//! Effective limits: how much CPU and memory a group may really use, and which file says so.
//!
//! A limit holds for everything below it, so the tightest one on the way up counts; where none is visible, the machine's
//! size. In LXC, `lxcfs` shows the container's share in place of the machine's.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    super::{Surroundings, kept, surroundings::Machine, text},
    Dir, Group, Version,
};
use crate::recorder::{Recorder, ResourceSlot};

/// How often limits are read again: they change by hand.
const EVERY: Duration = Duration::from_secs(10);

/// A limit with its origin.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Limit {
    /// CPUs or bytes.
    pub(in super::super) value: f64,
    /// Where it is from, such as `cgroup v2 cpu.max of /docker`.
    pub(in super::super) source: String,
}

impl Limit {
    fn tighten(&mut self, value: f64, source: impl FnOnce() -> String) {
        if value < self.value || self.value.is_nan() {
            *self = Self { value, source: source() };
        }
    }
}

/// The limits of a group.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Limits {
    /// CPUs.
    pub(in super::super) cpu: Limit,
    /// Bytes of memory.
    pub(in super::super) memory: Limit,
}

impl Limits {
    /// Notes on a resource where its limits come from.
    pub(in super::super) fn describe(&self, recorder: &mut Recorder, resource: ResourceSlot) {
        recorder.describe(resource, "farol.cpu.limit.source", &self.cpu.source);
        recorder.describe(resource, "farol.memory.limit.source", &self.memory.source);
    }
}

/// The limits of the own resource, read again now and then.
#[derive(Debug)]
pub(in super::super) struct Watch {
    group: Group,
    machine: Machine,
    limits: Limits,
    read_at: Instant,
}

impl Watch {
    /// Reads the limits for the first time.
    pub(in super::super) fn new(around: &Surroundings) -> Self {
        let limits = effective(&around.group, &around.machine, &mut Seen::default());
        Self { group: around.group.clone(), machine: around.machine.clone(), limits, read_at: Instant::now() }
    }

    /// The limits, at most [`EVERY`] old.
    pub(in super::super) fn limits(&mut self) -> &Limits {
        if self.read_at.elapsed() >= EVERY {
            self.limits = effective(&self.group, &self.machine, &mut Seen::default());
            self.read_at = Instant::now();
        }
        &self.limits
    }
}

/// Limits already read in this pass, by directory: units share most of the way up.
#[derive(Debug, Default)]
pub(in super::super) struct Seen {
    memory: HashMap<PathBuf, Option<f64>>,
    cpu: HashMap<PathBuf, Option<f64>>,
}

/// Finds the limits that hold for a group.
pub(in super::super) fn effective(group: &Group, machine: &Machine, seen: &mut Seen) -> Limits {
    let mut cpu = Limit { value: machine.cpus, source: machine.cpus_source.clone() };
    let mut memory = Limit { value: machine.memory_bytes, source: machine.memory_source.clone() };
    if let Some(dir) = group.dir("cpu") {
        let file = if dir.version == Version::V2 { "cpu.max" } else { "cpu.cfs_quota_us" };
        for (path, name) in dir.upwards() {
            if let Some(value) = remembered(&mut seen.cpu, path, |path| cpu_limit(path, dir.version)) {
                cpu.tighten(value, || origin(dir, file, name));
            }
        }
    }
    if let Some(dir) = group.dir("cpuset") {
        let file = if dir.version == Version::V2 { "cpuset.cpus.effective" } else { "cpuset.effective_cpus" };
        if let Some(count) = read(&dir.path, file, text::cpu_list).filter(|count| *count > 0) {
            cpu.tighten(count as f64, || origin(dir, file, &dir.name));
        }
    }
    if let Some(dir) = group.dir("memory") {
        let file = if dir.version == Version::V2 { "memory.max" } else { "memory.limit_in_bytes" };
        for (path, name) in dir.upwards() {
            let limit = |path: &Path| read(path, file, text::limit).flatten().map(|bytes| bytes as f64);
            if let Some(value) = remembered(&mut seen.memory, path, limit) {
                memory.tighten(value, || origin(dir, file, name));
            }
        }
        // Version 1 also tells the tightest limit of groups above that cannot be seen.
        if dir.version == Version::V1
            && !dir.is_whole
            && let Some(bytes) = read(&dir.path, "memory.stat", hierarchical_limit)
        {
            memory.tighten(bytes as f64, || origin(dir, "hierarchical_memory_limit", &dir.name));
        }
    }
    Limits { cpu, memory }
}

fn origin(dir: &Dir, file: &str, name: &str) -> String {
    format!("cgroup {} {file} of {name}", dir.version.as_str())
}

fn remembered(seen: &mut HashMap<PathBuf, Option<f64>>, path: &Path, read: impl Fn(&Path) -> Option<f64>) -> Option<f64> {
    match seen.get(path) {
        Some(value) => *value,
        None => *seen.entry(path.to_owned()).or_insert_with(|| read(path)),
    }
}

fn read<T>(dir: &Path, file: &str, parse: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    parse(kept::once(&dir.join(file))?.as_bytes())
}

fn cpu_limit(dir: &Path, version: Version) -> Option<f64> {
    match version {
        Version::V2 => read(dir, "cpu.max", cpu_max),
        Version::V1 => {
            let quota = read(dir, "cpu.cfs_quota_us", text::limit)??;
            let period = read(dir, "cpu.cfs_period_us", text::single)?;
            cpus(quota, period)
        }
    }
}

/// CPUs in a `cpu.max` file, `QUOTA PERIOD` in microseconds; `None` without a limit.
fn cpu_max(text: &[u8]) -> Option<f64> {
    let mut fields = text::fields(text.trim_ascii());
    let quota = text::limit(fields.next()?)??;
    cpus(quota, fields.next().and_then(text::number)?)
}

fn cpus(quota: u64, period: u64) -> Option<f64> {
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

fn hierarchical_limit(stat: &[u8]) -> Option<u64> {
    let (_, bytes) = text::keyed(stat).find(|(key, _)| *key == b"hierarchical_memory_limit")?;
    text::limit(bytes.to_string().as_bytes())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_max_is_quota_over_period_or_no_limit() {
        assert_eq!(cpu_max(b"50000 100000\n"), Some(0.5));
        assert_eq!(cpu_max(b"max 100000\n"), None);
        for wrong in [&b""[..], b"50000", b"0 100000", b"50000 0", b"a b"] {
            assert_eq!(cpu_max(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn the_limit_of_invisible_groups_above_is_read_from_memory_stat() {
        assert_eq!(hierarchical_limit(b"cache 1\nhierarchical_memory_limit 67108864\n"), Some(67_108_864));
        assert_eq!(hierarchical_limit(b"hierarchical_memory_limit 9223372036854771712\n"), None);
        assert_eq!(hierarchical_limit(b"cache 1\n"), None);
    }
}
