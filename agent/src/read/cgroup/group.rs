//! Reads everything that one group tells and fills `container.*`: used for the agent's own container and for units alike.
//!
//! Which file gives which series is one table a version. A file that is not there (no such controller) is left out.

use std::path::PathBuf;

use farol_shared::{catalog, metric::Metric};

use super::{
    super::{
        ReadError, Roots,
        blocks::Blocks,
        kept::{Buffer, KeptFile},
    },
    Dir, Group, Version,
    parse::{self, Carry, Parse, VALUES_MAX},
};
use crate::recorder::{Recorder, ResourceSlot, SeriesSlot};

/// What a value of a file is: a metric and one attribute at most.
type Target = (&'static Metric, Option<(&'static str, &'static str)>);

/// One file of a group.
#[derive(Debug)]
struct PartRow {
    /// Whose directory it is in.
    controller: &'static str,
    file: &'static str,
    /// Left out when this file of the same directory is there: it tells the same, better.
    unless: Option<&'static str>,
    /// Whether it moves so fast that it is read each time even for a unit that nobody watches closely.
    is_quick: bool,
    parse: Parse,
    targets: &'static [Target],
}

const USER: Target = (&catalog::CONTAINER_CPU_TIME, Some(("cpu.mode", "user")));
const SYSTEM: Target = (&catalog::CONTAINER_CPU_TIME, Some(("cpu.mode", "system")));
const PERIODS: Target = (&catalog::CONTAINER_CPU_PERIODS, None);
const THROTTLED: Target = (&catalog::CONTAINER_CPU_THROTTLED_PERIODS, None);
const THROTTLED_TIME: Target = (&catalog::CONTAINER_CPU_THROTTLED_TIME, None);
const USAGE: Target = (&catalog::CONTAINER_MEMORY_USAGE, None);
const RSS: Target = (&catalog::CONTAINER_MEMORY_RSS, None);
const CACHE: Target = (&catalog::CONTAINER_MEMORY_CACHE, None);
const WORKING_SET: Target = (&catalog::CONTAINER_MEMORY_WORKING_SET, None);
const MINOR: Target = (&catalog::CONTAINER_MEMORY_FAULTS, Some(("system.paging.fault.type", "minor")));
const MAJOR: Target = (&catalog::CONTAINER_MEMORY_FAULTS, Some(("system.paging.fault.type", "major")));
const SWAP: Target = (&catalog::CONTAINER_MEMORY_SWAP, None);
const OOM_KILLS: Target = (&catalog::CONTAINER_MEMORY_OOM_KILLS, None);
const READ: Target = (&catalog::CONTAINER_DISK_IO, Some(("disk.io.direction", "read")));
const WRITE: Target = (&catalog::CONTAINER_DISK_IO, Some(("disk.io.direction", "write")));
const READS: Target = (&catalog::CONTAINER_DISK_OPERATIONS, Some(("disk.io.direction", "read")));
const WRITES: Target = (&catalog::CONTAINER_DISK_OPERATIONS, Some(("disk.io.direction", "write")));
const PIDS: Target = (&catalog::CONTAINER_PIDS_COUNT, None);
const PIDS_LIMIT: Target = (&catalog::CONTAINER_PIDS_LIMIT, None);

const fn part(controller: &'static str, file: &'static str, parse: Parse, targets: &'static [Target]) -> PartRow {
    PartRow { controller, file, unless: None, is_quick: false, parse, targets }
}

const fn quick(controller: &'static str, file: &'static str, parse: Parse, targets: &'static [Target]) -> PartRow {
    PartRow { controller, file, unless: None, is_quick: true, parse, targets }
}

/// Files of version 2. `memory.current` stands before `memory.stat`, which needs it for the working set.
const V2: &[PartRow] = &[
    quick("cpu", "cpu.stat", parse::cpu_stat_v2, &[USER, SYSTEM, PERIODS, THROTTLED, THROTTLED_TIME]),
    quick("memory", "memory.current", parse::memory_usage, &[USAGE]),
    part("memory", "memory.stat", parse::memory_stat_v2, &[RSS, CACHE, WORKING_SET, MINOR, MAJOR]),
    part("memory", "memory.swap.current", parse::one, &[SWAP]),
    part("memory", "memory.events", parse::oom_kills, &[OOM_KILLS]),
    part("io", "io.stat", parse::io_stat, &[READ, WRITE, READS, WRITES]),
    part("pids", "pids.current", parse::one, &[PIDS]),
    part("pids", "pids.max", parse::one_limit, &[PIDS_LIMIT]),
];

/// Files of version 1. The recursive counts of blkio hold what groups below did; older kernels have only the plain ones.
const V1: &[PartRow] = &[
    quick("cpuacct", "cpuacct.usage_user", parse::nanoseconds, &[USER]),
    quick("cpuacct", "cpuacct.usage_sys", parse::nanoseconds, &[SYSTEM]),
    PartRow { unless: Some("cpuacct.usage_user"), ..quick("cpuacct", "cpuacct.stat", parse::cpuacct_stat, &[USER, SYSTEM]) },
    part("cpu", "cpu.stat", parse::cpu_stat_v1, &[PERIODS, THROTTLED, THROTTLED_TIME]),
    quick("memory", "memory.usage_in_bytes", parse::memory_usage, &[USAGE]),
    part("memory", "memory.stat", parse::memory_stat_v1, &[RSS, CACHE, WORKING_SET, MINOR, MAJOR, SWAP]),
    part("memory", "memory.oom_control", parse::oom_kills, &[OOM_KILLS]),
    part("blkio", "blkio.throttle.io_service_bytes_recursive", parse::blkio, &[READ, WRITE]),
    part("blkio", "blkio.throttle.io_serviced_recursive", parse::blkio, &[READS, WRITES]),
    PartRow {
        unless: Some("blkio.throttle.io_service_bytes_recursive"),
        ..part("blkio", "blkio.throttle.io_service_bytes", parse::blkio, &[READ, WRITE])
    },
    PartRow {
        unless: Some("blkio.throttle.io_serviced_recursive"),
        ..part("blkio", "blkio.throttle.io_serviced", parse::blkio, &[READS, WRITES])
    },
    part("pids", "pids.current", parse::one, &[PIDS]),
    part("pids", "pids.max", parse::one_limit, &[PIDS_LIMIT]),
];

/// Pressure files, which only version 2 has, even beside version 1.
const PRESSURE: &[(&str, &str)] = &[("cpu", "cpu.pressure"), ("memory", "memory.pressure"), ("io", "io.pressure")];

#[derive(Debug)]
struct Part {
    file: KeptFile,
    parse: Parse,
    is_quick: bool,
    targets: Vec<Slot>,
}

/// A series of a part; registered when its first value comes, so that nothing stands empty.
#[derive(Debug)]
struct Slot {
    metric: &'static Metric,
    attributes: Vec<(&'static str, &'static str)>,
    slot: Option<SeriesSlot>,
}

impl Slot {
    fn of(target: &Target) -> Self {
        Self { metric: target.0, attributes: target.1.into_iter().collect(), slot: None }
    }
}

/// Everything that is read about one group.
#[derive(Debug)]
pub(in super::super) struct GroupReader {
    resource: ResourceSlot,
    parts: Vec<Part>,
    carry: Carry,
}

impl GroupReader {
    /// Finds out which files the group has. `is_kept`: keep them open between readings.
    pub(in super::super) fn open(group: &Group, resource: ResourceSlot, roots: &Roots, ticks: f64, is_kept: bool) -> Self {
        let mut parts = Vec::new();
        for version in [Version::V1, Version::V2] {
            let rows = if version == Version::V1 { V1 } else { V2 };
            for row in rows {
                let dir = group.dir(row.controller).filter(|dir| dir.version == version);
                let path = dir.and_then(|dir| row.file_in(dir));
                parts.extend(path.map(|path| Part {
                    file: KeptFile::piece(path).kept(is_kept),
                    parse: row.parse,
                    is_quick: row.is_quick,
                    targets: row.targets.iter().map(Slot::of).collect(),
                }));
            }
        }
        if let Some(dir) = group.v2() {
            parts.extend(PRESSURE.iter().filter_map(|(name, file)| pressure_part(dir, name, file, is_kept)));
        }
        let carry = Carry { memory_usage: f64::NAN, ticks, blocks: Blocks::new(roots) };
        Self { resource, parts, carry }
    }

    /// How many files are read.
    pub(in super::super) fn files(&self) -> usize {
        self.parts.len()
    }

    /// Reads the files, all or only those that move quickly. A file that fails does not keep the others from being read;
    /// the first failure is reported. What cannot be read for want of a feature or permission is left out from then on.
    pub(in super::super) fn read(
        &mut self,
        recorder: &mut Recorder,
        buffer: &mut Buffer,
        only_quick: bool,
    ) -> Result<(), ReadError> {
        let mut outcome = Ok(());
        let mut lost = None;
        for (at, part) in self.parts.iter_mut().enumerate() {
            if only_quick && !part.is_quick {
                continue;
            }
            match part.file.read(buffer) {
                Ok(bytes) => {
                    let values = (part.parse)(bytes, &mut self.carry);
                    for (target, value) in part.targets.iter_mut().zip(values).filter(|(_, value)| !value.is_nan()) {
                        let slot =
                            target.slot.get_or_insert_with(|| recorder.series(self.resource, target.metric, &target.attributes));
                        recorder.set(*slot, value);
                    }
                }
                Err(error) => {
                    if error.is_denied() || part.file.path().parent().is_some_and(|dir| error.is_absence() && dir.is_dir()) {
                        lost = lost.or(Some(at));
                    }
                    outcome = outcome.and(Err(error));
                }
            }
        }
        if let Some(at) = lost {
            let part = self.parts.remove(at);
            tracing::warn!(file = %part.file.path().display(), "file of the cgroup cannot be read, left out");
            // The group is still there; only this file of it is not to be had.
            return if self.parts.is_empty() { outcome } else { Ok(()) };
        }
        outcome
    }
}

impl PartRow {
    fn file_in(&self, dir: &Dir) -> Option<PathBuf> {
        let is_replaced = self.unless.is_some_and(|better| dir.path.join(better).exists());
        let path = dir.path.join(self.file);
        (!is_replaced && path.exists()).then_some(path)
    }
}

fn pressure_part(dir: &Dir, name: &'static str, file: &str, is_kept: bool) -> Option<Part> {
    let path = dir.path.join(file);
    let slot = |kind| Slot {
        metric: &catalog::CONTAINER_PRESSURE_TIME,
        attributes: vec![("farol.pressure.resource", name), ("farol.pressure.kind", kind)],
        slot: None,
    };
    path.exists().then(|| Part {
        file: KeptFile::piece(path).kept(is_kept),
        parse: parse::pressure,
        is_quick: false,
        targets: vec![slot("some"), slot("full")],
    })
}

const _: () = assert!(V1[5].targets.len() <= VALUES_MAX);
