//! Finds out where the agent runs: on a host, in a container, or as a sidecar that shares the application's processes;
//! and which group of the cgroup tree it is to measure.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use farol_shared::resource::ResourceKind;
use nix::unistd::{SysconfVar, sysconf};

use super::{
    Place, ReadError, Roots,
    cgroup::{Group, Trees, limits},
    host,
    kept::{self, Buffer, KeptFile},
    memory,
    mounts::{self, Mount},
    names::{self, Named},
    text,
};

/// What the own resource's figures are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// The whole machine.
    Machine,
    /// The container of process 1, whose process namespace the agent shares.
    Application,
    /// The container that the agent itself is in.
    Own,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine => "the whole machine",
            Self::Application => "the container of process 1, beside which the agent runs",
            Self::Own => "the container that the agent is in",
        })
    }
}

/// Facts about the machine that hold until the agent is started again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Machine {
    /// Logical CPUs.
    pub(super) cpus: f64,
    /// `machine`, or the file of `lxcfs` that shows a share of it.
    pub(super) cpus_source: String,
    /// Bytes of memory; NaN when it cannot be read.
    pub(super) memory_bytes: f64,
    /// As `cpus_source`.
    pub(super) memory_source: String,
    /// Clock ticks a second, the unit of CPU time in `/proc`.
    pub(super) ticks: f64,
    /// Bytes of a page, the unit of resident memory in `/proc`.
    pub(super) page_bytes: f64,
}

/// What was found out about the place. See the head of this file.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Host or container.
    pub place: Place,
    /// What the own resource's figures are about.
    pub measured: Measured,
    pub(super) trees: Trees,
    /// The group to measure; on a host the uppermost one.
    pub(super) group: Group,
    /// Whether an init system with units of its own runs in the container.
    pub(super) is_system_container: bool,
    pub(super) machine: Machine,
    /// The container, judged by its group or by its files.
    pub(super) container: Option<Named>,
    /// The text of the measured process' `cgroup` file.
    membership: String,
    /// Mounts of the measured container or the machine, with a path prefix that reaches them.
    pub(super) mounts_file: PathBuf,
    pub(super) mounts_prefix: PathBuf,
}

/// Both views of the mounts and groups that the decision rests on.
struct Views {
    own_mounts: Vec<Mount>,
    /// Process 1's mounts; none when the agent may not read them.
    one_mounts: Vec<Mount>,
    own_membership: String,
    one_membership: String,
    /// Whether process 1 is another process.
    has_other_one: bool,
}

impl Surroundings {
    /// Looks around. What cannot be read counts as not there; the sources say what they miss.
    #[must_use]
    pub fn find(roots: &Roots) -> Self {
        let views = Views::look(roots);
        let machine = Machine::look(roots, &views.own_mounts);
        let prefix = views.prefix(roots);
        let trees = Trees::from_mounts(&views.own_mounts, |point| roots_path(roots, &prefix, point));
        let one_root = roots.proc("1/root");
        let one_trees = Trees::from_mounts(&views.one_mounts, |point| Some(one_root.join(point.trim_start_matches('/'))));

        let place = views.place(roots, &trees);
        let (measured, group) = views.group(place, &trees, &one_trees);
        let is_application = measured == Measured::Application;
        let (group, is_system_container) = if is_application { group.without_init_scope() } else { (group, false) };
        let membership = if is_application { views.one_membership.clone() } else { views.own_membership.clone() };
        let container = (place == Place::Container).then(|| views.container(roots, is_application, &membership)).flatten();
        // Its mount table may be readable where its files are not.
        let shares_files = is_application && !views.one_mounts.is_empty() && one_root.is_dir();
        let mounts_of = if shares_files { "1" } else { "self" };
        Self {
            place,
            measured,
            trees,
            group,
            is_system_container,
            machine,
            container,
            membership,
            mounts_file: roots.proc(mounts_of).join("mountinfo"),
            mounts_prefix: if shares_files { one_root } else { prefix },
        }
    }

    /// Name in `/proc` of the process whose view is measured.
    pub(super) fn process(&self) -> &'static str {
        if self.measured == Measured::Own { "self" } else { "1" }
    }

    /// The error that tells why there is no group to measure, when there should be one.
    pub(super) fn no_group(&self) -> Option<ReadError> {
        let path = paths(&self.membership).last()?;
        let pid = if self.measured == Measured::Application { 1 } else { std::process::id() };
        Some(ReadError::NoGroup { group: path.to_owned(), pid })
    }

    /// Where a mount point of `mounts_file` is for this process, if it can be reached.
    pub(super) fn reach(&self, roots: &Roots, point: &str) -> Option<PathBuf> {
        if self.mounts_prefix.starts_with(roots.proc("1/root")) {
            return Some(self.mounts_prefix.join(point.trim_start_matches('/')));
        }
        roots_path(roots, &self.mounts_prefix, point)
    }

    /// What was found, one line a thing, for `check`: a word and what it says.
    #[must_use]
    pub fn words(&self) -> Vec<(&'static str, String)> {
        let mut words = vec![("place", self.place.to_string()), ("measures", self.measured.to_string())];
        if self.measured == Measured::Application && self.group.is_empty() {
            words.push(("cpu limit", "unknown: the container's files cannot be seen".to_owned()));
            words.push(("memory limit", "unknown as well".to_owned()));
        } else {
            let limits = limits::effective(&self.group, &self.machine, &mut limits::Seen::default());
            words.push(("cpu limit", format!("{} CPUs, from {}", limits.cpu.value, limits.cpu.source)));
            words.push(("memory limit", format!("{} bytes, from {}", limits.memory.value, limits.memory.source)));
        }
        let group = self.group.main().map(|dir| format!("{} ({}, {})", dir.name, dir.version.as_str(), dir.path.display()));
        words.push(("cgroup", group.unwrap_or_else(|| "none found".to_owned())));
        if let Some(container) = &self.container {
            words.push(("container", format!("{} ({})", container.short(), container.runtime.unwrap_or("unknown runtime"))));
        }
        words
    }
}

impl Views {
    fn look(roots: &Roots) -> Self {
        let read = |name: &str| kept::once(&roots.proc(name)).unwrap_or_default();
        let self_stat = read("self/stat");
        let own_pid = self_stat.split(' ').next().and_then(|pid| text::number(pid.as_bytes()));
        Self {
            own_mounts: mounts::parse(&read("self/mountinfo")).collect(),
            one_mounts: mounts::parse(&read("1/mountinfo")).collect(),
            own_membership: read("self/cgroup"),
            one_membership: read("1/cgroup"),
            // Of a Kubernetes pod with shared processes, process 1 is a placeholder and no application.
            has_other_one: own_pid.is_some_and(|pid| pid != 1) && read("1/comm").trim() != "pause",
        }
    }

    /// What stands before the paths of the own mount table when another system is mounted below the root.
    fn prefix(&self, roots: &Roots) -> PathBuf {
        let root = roots.root.to_string_lossy();
        let root = root.trim_end_matches('/');
        let is_mounted_here = !root.is_empty() && self.own_mounts.iter().any(|mount| mount.point.starts_with(root));
        if is_mounted_here { roots.root.clone() } else { PathBuf::from("/") }
    }

    fn place(&self, roots: &Roots, trees: &Trees) -> Place {
        /// Files that container runtimes leave in the root of a container.
        const MARKS: [&str; 3] = ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"];
        if in_container(&self.one_membership) || !(trees.is_empty() || trees.is_whole()) {
            return Place::Container;
        }
        // Process 1 at the root of a tree that is seen whole is the machine's. So it is when the agent alone is in a
        // container, with the host's processes and tree. Marks may lie: an image that became a machine's disk keeps them.
        let is_guest = !self.one_membership.is_empty() && in_container(&self.own_membership);
        let is_machines = !trees.is_empty() && (is_guest || at_root(&self.one_membership));
        let is_marked = MARKS.iter().any(|mark| roots.path(mark).exists());
        if is_marked && !is_machines { Place::Container } else { Place::Host }
    }

    fn group(&self, place: Place, trees: &Trees, one_trees: &Trees) -> (Measured, Group) {
        if place == Place::Host {
            return (Measured::Machine, trees.tops());
        }
        if self.has_other_one {
            let membership = &self.one_membership;
            // A group that counts has controllers; the place of a named tree alone says nothing.
            let usable = |group: Group| Some(group).filter(|group| group.main().is_some());
            // In order of how surely it is the application's group.
            let found = usable(trees.locate(membership))
                .or_else(|| usable(one_trees.locate(membership)))
                .or_else(|| Some(one_trees).filter(|trees| !trees.is_whole()).and_then(|trees| usable(trees.tops())))
                .or_else(|| usable(trees.search(membership)));
            if let Some(group) = found {
                return (Measured::Application, group);
            }
            // Figures of the agent's own container under the application's name would be wrong, and none are honest.
            if !membership.is_empty() && *membership != self.own_membership {
                return (Measured::Application, Group::default());
            }
        }
        let own = trees.locate(&self.own_membership);
        // A path that does not fit the mounts: what is mounted is then all that belongs to this container.
        let own = if own.main().is_none() && !trees.is_whole() { trees.tops() } else { own };
        (Measured::Own, own)
    }

    fn container(&self, roots: &Roots, is_application: bool, membership: &str) -> Option<Named> {
        let mut named = paths(membership).find_map(names::container_of);
        if named.is_none() {
            // In a namespace the group is just `/`, but files mounted by the runtime lie in a directory named by the id.
            let mounts = if is_application { &self.one_mounts } else { &self.own_mounts };
            let is_runtimes =
                |mount: &&Mount| matches!(mount.point.as_str(), "/etc/hostname" | "/etc/hosts" | "/etc/resolv.conf");
            named = mounts.iter().filter(is_runtimes).find_map(|mount| {
                let (id, runtime) = names::id_in_file_path(&mount.root)?;
                Some(Named { kind: ResourceKind::Container, id: id.to_owned(), runtime, pod: None })
            });
        }
        let marked = || {
            let word = kept::once(&roots.path("/run/systemd/container")).unwrap_or_default();
            match word.trim() {
                "lxc" | "lxc-libvirt" => Some("lxc"),
                "systemd-nspawn" => Some("systemd-nspawn"),
                "podman" => Some("podman"),
                _ if roots.path("/.dockerenv").exists() => Some("docker"),
                _ if roots.path("/run/.containerenv").exists() => Some("podman"),
                _ => None,
            }
        };
        match named {
            Some(mut named) => {
                named.runtime = named.runtime.or_else(marked);
                Some(named)
            }
            None => marked().map(|runtime| Named {
                kind: ResourceKind::Container,
                id: String::new(),
                runtime: Some(runtime),
                pod: None,
            }),
        }
    }
}

fn in_container(membership: &str) -> bool {
    paths(membership).any(|path| names::container_of(path).is_some())
}

fn at_root(membership: &str) -> bool {
    paths(membership).next().is_some() && paths(membership).all(|path| matches!(path, "/" | "/init.scope"))
}

fn paths(membership: &str) -> impl Iterator<Item = &str> {
    membership.lines().filter_map(|line| line.splitn(3, ':').nth(2))
}

/// Where a mount point of a mount table is below the roots; `None` for one that is not.
fn roots_path(roots: &Roots, prefix: &Path, point: &str) -> Option<PathBuf> {
    if prefix == Path::new("/") {
        return Some(roots.path(point));
    }
    let point = Path::new(point);
    point.starts_with(prefix).then(|| point.to_owned())
}

impl Machine {
    fn look(roots: &Roots, mounts: &[Mount]) -> Self {
        let stat = kept::once(&roots.proc("stat")).map(|text| host::Stat::parse(text.as_bytes()).cpus);
        let counted = stat.filter(|cpus| *cpus > 0);
        let cpus = counted.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u64));
        let meminfo = kept::once(&roots.proc("meminfo")).and_then(|text| memory::Meminfo::parse(text.as_bytes()).total);
        let source = |file: &str| {
            let is_share = mounts.iter().any(|mount| mount.point == file && mount.kind == "fuse.lxcfs");
            if is_share { format!("lxcfs {file}") } else { "machine".to_owned() }
        };
        let ask = |var, usual: u32| {
            let value = sysconf(var).ok().flatten().and_then(|value| u32::try_from(value).ok());
            f64::from(value.filter(|value| *value > 0).unwrap_or(usual))
        };
        Self {
            cpus: cpus as f64,
            cpus_source: source("/proc/stat"),
            memory_bytes: meminfo.unwrap_or(f64::NAN),
            memory_source: source("/proc/meminfo"),
            ticks: ask(SysconfVar::CLK_TCK, 100),
            page_bytes: ask(SysconfVar::PAGE_SIZE, 4096),
        }
    }
}

/// Seconds from `started` to `now`, both since boot, to the hundredth that the kernel tells.
pub(super) fn age(now: f64, started: f64) -> f64 {
    ((now - started).max(0.0) * 100.0).round() / 100.0
}

/// Reads how long the machine has been up.
#[derive(Debug)]
pub(super) struct Uptime(KeptFile);

impl Uptime {
    pub(super) fn new(roots: &Roots) -> Self {
        Self(KeptFile::piece(roots.proc("uptime")))
    }

    /// Seconds since the machine booted.
    pub(super) fn read(&mut self, buffer: &mut Buffer) -> Result<f64, ReadError> {
        let bytes = self.0.read(buffer)?;
        let seconds = text::fields(bytes.trim_ascii()).next().and_then(text::decimal);
        seconds.ok_or_else(|| ReadError::Malformed { path: self.0.path().to_owned(), what: "number of seconds" })
    }
}
