//! Figures: the few numbers that people know a resource by (CPU against its limit, fullest file system, ...), derived
//! from its newest samples.
//!
//! A [`Plan`] is made once for a table of series; it knows which columns matter and what each one means, so that a frame
//! costs one pass over a few dozen columns. Counters become rates over at least [`RATE_WINDOW_MS`], so that the figures
//! stay steady while somebody watches and the agent samples ten times a second.

use farol_shared::metric::Kind;
use serde::Serialize;
use utoipa::ToSchema;

/// Shortest stretch over which a figure's rate is taken, in milliseconds. The kernel counts CPU time in ticks of 10 ms:
/// a rate over 100 ms would jump by a tenth.
pub const RATE_WINDOW_MS: i64 = 950;

/// File systems that are full by nature: images that are mounted read only.
const IMAGE_FILE_SYSTEMS: &[&str] = &["squashfs", "erofs", "iso9660", "udf", "cramfs"];

/// Interfaces whose traffic another interface counts as well, or that never leave the machine, by the start of their name.
const INNER_INTERFACES: &[&str] = &["lo", "veth", "docker", "br-", "virbr", "cni", "flannel", "cali"];

/// Block devices that are made of others, by the start of their name.
const STACKED_DEVICES: &[&str] = &["dm-", "md", "loop", "zram", "ram"];

/// What is known of one resource right now. A figure that nobody measures is absent (`null`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Latest {
    /// CPU in use against the limit, 0 to 1.
    pub cpu_ratio: Option<f64>,
    /// CPUs in use.
    pub cpu_used: Option<f64>,
    /// CPUs that may be used.
    pub cpu_limit: Option<f64>,
    /// Memory in use that cannot be given back easily, in bytes.
    pub memory_used: Option<f64>,
    /// Memory that may be used, in bytes.
    pub memory_limit: Option<f64>,
    /// Memory in use against the limit, 0 to 1.
    pub memory_ratio: Option<f64>,
    /// Space in use of the fullest file system, 0 to 1.
    pub disk_ratio: Option<f64>,
    /// Where that file system is mounted.
    pub disk_mount: Option<String>,
    /// Bytes received a second.
    pub network_in: Option<f64>,
    /// Bytes sent a second.
    pub network_out: Option<f64>,
    /// Bytes read from block devices a second.
    pub disk_read: Option<f64>,
    /// Bytes written to block devices a second.
    pub disk_write: Option<f64>,
    /// Share of the time in which some tasks waited for CPU, 0 to 1.
    pub pressure_cpu: Option<f64>,
    /// Share of the time in which some tasks waited for memory, 0 to 1.
    pub pressure_memory: Option<f64>,
    /// Share of the time in which some tasks waited for I/O, 0 to 1.
    pub pressure_io: Option<f64>,
    /// Share of the scheduler periods in which the CPU quota held tasks back, 0 to 1.
    pub throttled_ratio: Option<f64>,
    /// Processes that the kernel killed for want of memory, since it started to count.
    pub oom_kills: Option<f64>,
    /// Seconds since the start.
    pub uptime: Option<f64>,
    /// Requests a second of a service, over the last minute.
    pub request_rate: Option<f64>,
    /// Share of the requests of the last minute that failed, 0 to 1; absent when there were none.
    pub error_ratio: Option<f64>,
    /// 95 % of the requests of the last minute took no longer, in seconds; absent when there were none.
    pub p95: Option<f64>,
    /// Whether an outside system answered the last time it was asked: 1 or 0.
    pub up: Option<f64>,
}

/// What one column means for the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    HostCpuBusy,
    Up,
    HostCpuLimit,
    HostCpuCount,
    HostMemoryUsed,
    HostMemoryAvailable,
    HostMemoryLimit,
    CpuTime,
    CpuLimit,
    MemoryWorkingSet,
    MemoryUsage,
    MemoryLimit,
    ThrottlingPeriods,
    ThrottledPeriods,
    SpaceUsed(u16),
    SpaceFree(u16),
    NetworkIn,
    NetworkOut,
    DiskRead,
    DiskWrite,
    PressureCpu,
    PressureMemory,
    PressureIo,
    OomKills,
    Uptime,
    RequestRate,
    ErrorRatio,
    P95,
}

/// One column that matters.
#[derive(Debug, Clone)]
struct Entry {
    column: u32,
    role: Role,
    counter: bool,
    /// Newest gauge value or rate per second; NaN until known.
    value: f64,
    /// Where the running rate starts: time and raw value.
    anchor_ms: i64,
    anchor: f64,
}

/// A series as the plan sees it.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// Name of the metric.
    pub metric: &'a str,
    /// Gauge or counter.
    pub kind: Kind,
    /// Attributes by key.
    pub attributes: &'a [(String, String)],
}

/// The columns of one table that the figures need, with their newest values.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    entries: Vec<Entry>,
    mounts: Vec<String>,
}

impl Plan {
    /// Finds the columns that matter.
    pub fn new<'a>(columns: impl Iterator<Item = Column<'a>>) -> Self {
        let mut plan = Self::default();
        for (index, column) in columns.enumerate() {
            let Ok(index) = u32::try_from(index) else { break };
            if let Some(role) = plan.role(column) {
                // The count of kills is shown as it stands, not as a rate.
                let counter = column.kind == Kind::Counter && role != Role::OomKills;
                plan.entries.push(Entry { column: index, role, counter, value: f64::NAN, anchor_ms: i64::MIN, anchor: f64::NAN });
            }
        }
        plan.entries.shrink_to_fit();
        plan
    }

    /// How many columns matter.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no column matters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes over what a plan for an earlier table of the same resource knew, so that a new series does not make the
    /// figures vanish for a second. Both plans list their columns in the same order of roles where nothing changed.
    pub fn inherit(&mut self, earlier: &Self, same_series: impl Fn(u32, u32) -> bool) {
        for entry in &mut self.entries {
            let known = earlier.entries.iter().find(|old| old.role == entry.role && same_series(old.column, entry.column));
            if let Some(old) = known {
                (entry.value, entry.anchor_ms, entry.anchor) = (old.value, old.anchor_ms, old.anchor);
            }
        }
    }

    /// Takes the values of one frame in.
    pub fn take(&mut self, time_ms: i64, values: &[f64]) {
        for entry in &mut self.entries {
            let Some(&value) = values.get(entry.column as usize) else { continue };
            if value.is_nan() {
                // Without requests there is no ratio: the one before says nothing about now.
                if matches!(entry.role, Role::ErrorRatio | Role::P95) {
                    entry.value = f64::NAN;
                }
                continue;
            }
            if !entry.counter {
                entry.value = value;
                continue;
            }
            let span_ms = time_ms.saturating_sub(entry.anchor_ms);
            if entry.anchor.is_nan() || value < entry.anchor || span_ms <= 0 {
                // The first value, a counter that started again, or a clock set back: a rate needs a new beginning.
                (entry.anchor, entry.anchor_ms) = (value, time_ms);
            } else if span_ms >= RATE_WINDOW_MS {
                entry.value = per_second(value - entry.anchor, span_ms);
                (entry.anchor, entry.anchor_ms) = (value, time_ms);
            }
        }
    }

    /// The figures as they stand.
    #[must_use]
    pub fn figures(&self) -> Latest {
        // Seen from inside a container, the machine's figures stand beside: its own come first.
        let used_and_limits = self.own().or(self.host());
        let (disk_ratio, disk_mount) = self.fullest();
        let cpu_used = without_jitter(used_and_limits.cpu_used, used_and_limits.cpu_limit);
        let periods = self.sum(|role| role == Role::ThrottlingPeriods);
        let throttled = self.sum(|role| role == Role::ThrottledPeriods);
        let request_rate = digits(self.sum(|role| role == Role::RequestRate), 3);
        // An application may report durations of its own under the same name: only beside the collector's rate are they ours.
        let of_requests = |role: Role| request_rate.and_then(|_| self.sum(|other| other == role));
        Latest {
            cpu_ratio: ratio(cpu_used, used_and_limits.cpu_limit),
            cpu_used: digits(cpu_used, 4),
            cpu_limit: used_and_limits.cpu_limit,
            memory_used: used_and_limits.memory_used,
            memory_limit: used_and_limits.memory_limit,
            memory_ratio: ratio(used_and_limits.memory_used, used_and_limits.memory_limit),
            disk_ratio,
            disk_mount,
            network_in: digits(self.sum(|role| role == Role::NetworkIn), 1),
            network_out: digits(self.sum(|role| role == Role::NetworkOut), 1),
            disk_read: digits(self.sum(|role| role == Role::DiskRead), 1),
            disk_write: digits(self.sum(|role| role == Role::DiskWrite), 1),
            pressure_cpu: digits(self.sum(|role| role == Role::PressureCpu), 4),
            pressure_memory: digits(self.sum(|role| role == Role::PressureMemory), 4),
            pressure_io: digits(self.sum(|role| role == Role::PressureIo), 4),
            // No period with work to do means that nothing was held back either.
            throttled_ratio: match (periods, throttled) {
                (Some(periods), Some(_)) if periods <= 0.0 => Some(0.0),
                (periods, throttled) => ratio(throttled, periods),
            },
            oom_kills: self.sum(|role| role == Role::OomKills),
            uptime: digits(self.sum(|role| role == Role::Uptime), 0),
            request_rate,
            error_ratio: digits(of_requests(Role::ErrorRatio), 4),
            p95: digits(of_requests(Role::P95), 6),
            up: self.sum(|role| role == Role::Up),
        }
    }

    fn host(&self) -> Use {
        let memory_limit = self.sum(|role| role == Role::HostMemoryLimit);
        let available = self.sum(|role| role == Role::HostMemoryAvailable);
        Use {
            cpu_used: self.sum(|role| role == Role::HostCpuBusy),
            cpu_limit: self.sum(|role| role == Role::HostCpuLimit).or_else(|| self.sum(|role| role == Role::HostCpuCount)),
            memory_used: self.sum(|role| role == Role::HostMemoryUsed).or_else(|| Some((memory_limit? - available?).max(0.0))),
            memory_limit,
        }
    }

    fn own(&self) -> Use {
        Use {
            cpu_used: self.sum(|role| role == Role::CpuTime),
            cpu_limit: self.sum(|role| role == Role::CpuLimit),
            memory_used: self.sum(|role| role == Role::MemoryWorkingSet).or_else(|| self.sum(|role| role == Role::MemoryUsage)),
            memory_limit: self.sum(|role| role == Role::MemoryLimit),
        }
    }

    fn fullest(&self) -> (Option<f64>, Option<String>) {
        let mut best: Option<(f64, &String)> = None;
        for (index, mount) in self.mounts.iter().enumerate() {
            let used = self.sum(|role| matches!(role, Role::SpaceUsed(at) if usize::from(at) == index));
            let free = self.sum(|role| matches!(role, Role::SpaceFree(at) if usize::from(at) == index));
            // As `df` counts: what root keeps for itself is neither used nor free.
            if let (Some(used), Some(free)) = (used, free)
                && used + free > 0.0
                && best.is_none_or(|(ratio, _)| used / (used + free) > ratio)
            {
                best = Some((used / (used + free), mount));
            }
        }
        (digits(best.map(|(ratio, _)| ratio), 4), best.map(|(_, mount)| mount.clone()))
    }

    fn sum(&self, wanted: impl Fn(Role) -> bool) -> Option<f64> {
        let mut sum = None;
        for entry in self.entries.iter().filter(|entry| wanted(entry.role) && entry.value.is_finite()) {
            sum = Some(sum.unwrap_or(0.0) + entry.value);
        }
        sum
    }

    fn role(&mut self, column: Column<'_>) -> Option<Role> {
        let attribute = |key: &str| column.attributes.iter().find(|(k, _)| k == key).map_or("", |(_, value)| value.as_str());
        Some(match column.metric {
            "system.cpu.time" if !matches!(attribute("cpu.mode"), "idle" | "iowait") => Role::HostCpuBusy,
            "system.cpu.limit" => Role::HostCpuLimit,
            "system.cpu.logical.count" => Role::HostCpuCount,
            "system.memory.usage" if attribute("system.memory.state") == "used" => Role::HostMemoryUsed,
            "system.linux.memory.available" => Role::HostMemoryAvailable,
            "system.memory.limit" => Role::HostMemoryLimit,
            "container.cpu.time" | "farol.collector.cpu.time" => Role::CpuTime,
            "container.cpu.limit" => Role::CpuLimit,
            "container.cpu.throttling.periods" => Role::ThrottlingPeriods,
            "container.cpu.throttling.throttled_periods" => Role::ThrottledPeriods,
            "container.memory.working_set" => Role::MemoryWorkingSet,
            "container.memory.usage" | "farol.collector.memory.usage" => Role::MemoryUsage,
            "container.memory.limit" => Role::MemoryLimit,
            "container.memory.oom_kills" | "system.linux.memory.oom_kills" => Role::OomKills,
            "container.uptime" | "system.uptime" => Role::Uptime,
            "farol.integration.up" => Role::Up,
            "http.server.request.rate" => Role::RequestRate,
            "http.server.request.error_ratio" => Role::ErrorRatio,
            "http.server.request.duration" if attribute("farol.statistic") == "p95" => Role::P95,
            "system.filesystem.usage" => {
                if IMAGE_FILE_SYSTEMS.contains(&attribute("system.filesystem.type")) {
                    return None;
                }
                let mount = self.mount(attribute("system.filesystem.mountpoint"))?;
                match attribute("system.filesystem.state") {
                    "used" => Role::SpaceUsed(mount),
                    "free" => Role::SpaceFree(mount),
                    _ => return None,
                }
            }
            "system.network.io" | "container.network.io" => {
                let interface = attribute("network.interface.name");
                if INNER_INTERFACES.iter().any(|start| interface.starts_with(start)) {
                    return None;
                }
                match attribute("network.io.direction") {
                    "receive" => Role::NetworkIn,
                    "transmit" => Role::NetworkOut,
                    _ => return None,
                }
            }
            "system.disk.io" | "container.disk.io" => {
                let device = attribute("system.device");
                let device = device.strip_prefix("/dev/").unwrap_or(device);
                if STACKED_DEVICES.iter().any(|start| device.starts_with(start)) {
                    return None;
                }
                match attribute("disk.io.direction") {
                    "read" => Role::DiskRead,
                    "write" => Role::DiskWrite,
                    _ => return None,
                }
            }
            "system.linux.pressure.time" | "container.pressure.time" if attribute("farol.pressure.kind") == "some" => {
                match attribute("farol.pressure.resource") {
                    "cpu" => Role::PressureCpu,
                    "memory" => Role::PressureMemory,
                    "io" => Role::PressureIo,
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    fn mount(&mut self, name: &str) -> Option<u16> {
        let index = self.mounts.iter().position(|mount| mount == name).unwrap_or_else(|| {
            self.mounts.push(name.to_owned());
            self.mounts.len() - 1
        });
        u16::try_from(index).ok()
    }
}

/// CPU and memory in use, and how much may be.
#[derive(Debug, Clone, Copy)]
struct Use {
    cpu_used: Option<f64>,
    cpu_limit: Option<f64>,
    memory_used: Option<f64>,
    memory_limit: Option<f64>,
}

impl Use {
    /// Each pair (used, limit) from the same side: a container's use against its host's limit would be a lie.
    fn or(self, other: Self) -> Self {
        let cpu = if self.cpu_used.is_some() || self.cpu_limit.is_some() { self } else { other };
        let memory = if self.memory_used.is_some() || self.memory_limit.is_some() { self } else { other };
        Self {
            cpu_used: cpu.cpu_used,
            cpu_limit: cpu.cpu_limit,
            memory_used: memory.memory_used,
            memory_limit: memory.memory_limit,
        }
    }
}

/// The rate per second of a growth over a stretch of time longer than nothing.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a stretch of time is far below 2^52 ms")]
pub fn per_second(growth: f64, span_ms: i64) -> f64 {
    growth * 1_000.0 / span_ms as f64
}

/// How far above its limit a rate of CPU time may be read without meaning it: the counter is read some moments after
/// the time was noted, and the kernel accounts in ticks of up to 10 ms.
const CPU_JITTER: f64 = 1.05;

/// CPUs used, at most the limit where only the reading's jitter is above it.
fn without_jitter(used: Option<f64>, limit: Option<f64>) -> Option<f64> {
    match (used, limit) {
        (Some(used), Some(limit)) if used > limit && used <= limit * CPU_JITTER => Some(limit),
        _ => used,
    }
}

fn ratio(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    let (part, whole) = (part?, whole?);
    if whole > 0.0 { digits(Some(part / whole), 4) } else { None }
}

/// Rounds to so many digits after the point: what is sent a thousand times should not carry noise.
fn digits(value: Option<f64>, digits: i32) -> Option<f64> {
    let scale = 10_f64.powi(digits);
    value.filter(|value| value.is_finite()).map(|value| (value * scale).round() / scale)
}

#[cfg(test)]
mod tests;
