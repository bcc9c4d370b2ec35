//! Source `units`: each container and systemd service in the host's cgroup tree, as a resource of its own.
//!
//! The tree is walked anew when something in it changed (a counter of the kernel's, a group that is gone), at least once a
//! minute. Containers are read in full each time; of services only CPU and memory, the rest every [`FULL_EVERY`]. Bounded:
//! [`UNITS_MAX`] units, containers before services; files are kept open as far as the process may have open files.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use farol_shared::{
    catalog,
    resource::{Resource, ResourceKind},
};
use nix::sys::resource::{Resource as Bound, getrlimit};

use super::{
    Context, Opened, Place, ReadError, Roots, Source, Surroundings,
    cgroup::{self, Group, Version, group::GroupReader, limits},
    kept::{self, Buffer, KeptFile},
    names::{self, Named},
    network::{self, Interfaces},
    process_stat,
    surroundings::{Uptime, age},
    text,
};
use crate::recorder::{Recorder, ResourceSlot, SeriesSlot};

/// Most units that are reported.
pub(super) const UNITS_MAX: usize = 500;

/// How often the tree is looked at for changes, and all files of services are read.
const FULL_EVERY: Duration = Duration::from_secs(5);

/// How often the tree is walked and limits are read, changes or not.
const WALK_EVERY: Duration = Duration::from_secs(60);

/// Most files that are kept open; the kernel keeps a page for each.
const KEPT_FILES_MAX: usize = 1_024;

/// A unit found in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    /// Path below the uppermost visible group.
    below: String,
    named: Named,
}

#[derive(Debug)]
struct Unit {
    found: Found,
    resource: ResourceSlot,
    group: Group,
    reader: GroupReader,
    interfaces: Option<Interfaces>,
    /// Whether the process that was asked has ended, so that another is to be looked for.
    is_restarted: bool,
    limits: limits::Limits,
    cpu_limit: SeriesSlot,
    memory_limit: SeriesSlot,
    /// When its first process started, in seconds since boot.
    started: Option<f64>,
    uptime: Option<SeriesSlot>,
}

#[derive(Debug)]
struct Units {
    roots: Roots,
    around: Surroundings,
    own_key: String,
    tops: Group,
    buffer: Buffer,
    uptime: Uptime,
    /// Counters that change with the number of groups.
    signs: Vec<KeptFile>,
    signs_text: Vec<u8>,
    files_max: usize,
    files: usize,
    units: Vec<Unit>,
    full_at: Option<Instant>,
    walked_at: Option<Instant>,
}

pub(super) fn open(context: &Context<'_>, recorder: &mut Recorder) -> Opened {
    let around = context.around;
    let tops = if around.place == Place::Host { around.trees.tops() } else { around.group.clone() };
    let has_units = around.place == Place::Host || around.is_system_container;
    if !has_units || tops.is_empty() {
        return Ok(None);
    }
    let mut units = Units::new(context, tops);
    units.look(recorder);
    Ok(Some(Box::new(units)))
}

impl Source for Units {
    fn read(&mut self, recorder: &mut Recorder) -> Result<(), ReadError> {
        let is_full = self.full_at.is_none_or(|at| at.elapsed() >= FULL_EVERY);
        if is_full {
            self.look(recorder);
            self.full_at = Some(Instant::now());
        }
        if self.units.is_empty() {
            return Ok(());
        }
        let now = self.uptime.read(&mut self.buffer)?;
        let mut has_gone = false;
        let mut outcome = Ok(());
        for unit in &mut self.units {
            match unit.read(recorder, &mut self.buffer, is_full, now) {
                Err(error) if error.is_absence() => has_gone = true,
                Err(error) => outcome = outcome.and(Err(error)),
                Ok(()) => {}
            }
        }
        if has_gone {
            self.walk(recorder);
        }
        outcome
    }
}

impl Unit {
    fn read(&mut self, recorder: &mut Recorder, buffer: &mut Buffer, is_full: bool, now: f64) -> Result<(), ReadError> {
        let only_quick = !is_full && self.found.named.kind == ResourceKind::Unit;
        self.reader.read(recorder, buffer, only_quick)?;
        recorder.set(self.cpu_limit, self.limits.cpu.value);
        recorder.set(self.memory_limit, self.limits.memory.value);
        if let (Some(slot), Some(started)) = (self.uptime, self.started) {
            recorder.set(slot, age(now, started));
        }
        // The process whose view this is may end before the container does, or the container was started again.
        if let Some(interfaces) = &mut self.interfaces
            && interfaces.read(recorder, buffer).is_err()
        {
            self.interfaces = None;
            self.is_restarted = true;
        }
        Ok(())
    }
}

impl Units {
    fn new(context: &Context<'_>, tops: Group) -> Self {
        let mut signs = vec![KeptFile::lines(context.roots.proc("cgroups"))];
        signs.extend(tops.v2().map(|dir| KeptFile::piece(dir.path.join("cgroup.stat"))));
        let open_max = getrlimit(Bound::RLIMIT_NOFILE).map_or(1_024, |(soft, _)| soft);
        Self {
            roots: context.roots.clone(),
            around: context.around.clone(),
            own_key: context.own_key.to_owned(),
            tops,
            buffer: Buffer::default(),
            uptime: Uptime::new(context.roots),
            signs,
            signs_text: Vec::new(),
            // Half of what the process may open: sockets, the spool and other sources need some too.
            files_max: usize::try_from(open_max / 2).unwrap_or(usize::MAX).min(KEPT_FILES_MAX),
            files: 0,
            units: Vec::new(),
            full_at: None,
            walked_at: None,
        }
    }

    /// Walks the tree if anything in it may have changed.
    fn look(&mut self, recorder: &mut Recorder) {
        let mut signs = Vec::new();
        for sign in &mut self.signs {
            if let Ok(text) = sign.read(&mut self.buffer) {
                signs.extend_from_slice(text);
            }
        }
        let is_old = self.walked_at.is_none_or(|at| at.elapsed() >= WALK_EVERY);
        if is_old || signs != self.signs_text {
            self.signs_text = signs;
            self.walk(recorder);
        }
        if is_old || self.units.iter().any(|unit| unit.is_restarted) {
            self.refresh(recorder);
        }
        if is_old {
            self.walked_at = Some(Instant::now());
        }
    }

    /// Finds all units, adds the new ones and removes those that are gone.
    fn walk(&mut self, recorder: &mut Recorder) {
        let mut found = self.find();
        self.units.retain(|unit| {
            let at = found.iter().position(|found| *found == unit.found);
            let is_here = at.is_some() && unit.group.main().is_some_and(|dir| dir.path.is_dir());
            match at {
                Some(at) if is_here => drop(found.swap_remove(at)),
                _ => {
                    self.files = self.files.saturating_sub(unit.reader.files());
                    recorder.remove_resource(unit.resource);
                }
            }
            is_here
        });
        let mut seen = limits::Seen::default();
        for found in found {
            if let Some(unit) = self.add(found, &mut seen, recorder) {
                self.files += unit.reader.files();
                self.units.push(unit);
            }
        }
    }

    /// All units of all trees: with version 1 a group may be in some only.
    fn find(&self) -> Vec<Found> {
        let mut all: Vec<Found> = Vec::new();
        let mut seen = HashSet::new();
        for dir in ["memory", "cpuacct", "pids"].into_iter().filter_map(|name| self.tops.dir(name)).chain(self.tops.v2()) {
            if !seen.insert(dir.path.clone()) {
                continue;
            }
            let mut left = cgroup::DIRECTORIES_MAX;
            let mut level = vec![(String::new(), false)];
            for _ in 0..cgroup::DEPTH_MAX {
                let mut next = Vec::new();
                for (at, is_in_service) in level {
                    for child in cgroup::children(&dir.path.join(&at), &mut left) {
                        let below = if at.is_empty() { child } else { format!("{at}/{child}") };
                        let named = names::recognise(&format!("/{below}"));
                        let is_container = named.as_ref().is_some_and(|named| named.kind == ResourceKind::Container);
                        let is_unit = named.is_some() && !is_container;
                        if let Some(named) = named.filter(|_| is_container || !is_in_service) {
                            all.push(Found { below: below.clone(), named });
                        }
                        // What runs inside a container belongs to it; inside a service only containers are looked for.
                        if !is_container {
                            next.push((below, is_in_service || is_unit));
                        }
                    }
                }
                level = next;
            }
        }
        all.sort_by(|a, b| (a.named.kind == ResourceKind::Unit, &a.below).cmp(&(b.named.kind == ResourceKind::Unit, &b.below)));
        all.dedup();
        all.truncate(UNITS_MAX);
        all
    }

    fn add(&mut self, found: Found, seen: &mut limits::Seen, recorder: &mut Recorder) -> Option<Unit> {
        let group = self.around.trees.below_tops(&self.tops, &found.below);
        group.main()?;
        let pid = first_process(&group);
        let resource = recorder.resource(self.describe(&found.named));
        let is_kept = self.files < self.files_max;
        let ticks = self.around.machine.ticks;
        let reader = GroupReader::open(&group, resource, &self.roots, ticks, is_kept);
        if reader.files() == 0 {
            recorder.remove_resource(resource);
            return None;
        }
        let limits = limits::effective(&group, &self.around.machine, seen);
        limits.describe(recorder, resource);
        let is_container = found.named.kind == ResourceKind::Container;
        let started = pid.and_then(|pid| process_stat::started(&self.roots, &pid.to_string(), ticks));
        Some(Unit {
            interfaces: pid.filter(|_| is_container).and_then(|pid| self.interfaces(pid, resource, is_kept)),
            cpu_limit: recorder.series(resource, &catalog::CONTAINER_CPU_LIMIT, &[]),
            memory_limit: recorder.series(resource, &catalog::CONTAINER_MEMORY_LIMIT, &[]),
            uptime: started.map(|_| recorder.series(resource, &catalog::CONTAINER_UPTIME, &[])),
            started,
            found,
            resource,
            group,
            reader,
            limits,
            is_restarted: false,
        })
    }

    /// Reads limits again, and asks the first process of each unit anew: a unit may have been started again.
    fn refresh(&mut self, recorder: &mut Recorder) {
        let mut seen = limits::Seen::default();
        let mut units = std::mem::take(&mut self.units);
        for unit in &mut units {
            unit.limits = limits::effective(&unit.group, &self.around.machine, &mut seen);
            unit.limits.describe(recorder, unit.resource);
            let pid = first_process(&unit.group);
            let ticks = self.around.machine.ticks;
            unit.started = pid.and_then(|pid| process_stat::started(&self.roots, &pid.to_string(), ticks));
            if unit.uptime.is_none() && unit.started.is_some() {
                unit.uptime = Some(recorder.series(unit.resource, &catalog::CONTAINER_UPTIME, &[]));
            }
            if std::mem::take(&mut unit.is_restarted) {
                unit.interfaces = pid.and_then(|pid| self.interfaces(pid, unit.resource, true));
            }
        }
        self.units = units;
    }

    fn describe(&self, named: &Named) -> Resource {
        let host = self.own_key.split_once(':').map_or(self.own_key.as_str(), |(_, name)| name);
        let mut attributes = BTreeMap::new();
        let mut add = |key: &str, value: &str| attributes.insert(key.to_owned(), value.to_owned());
        let word = match named.kind {
            ResourceKind::Container => {
                add("container.id", &named.id);
                add("container.name", named.short());
                named.runtime.map(|runtime| add("container.runtime", runtime));
                named.pod.as_ref().map(|pod| add("k8s.pod.uid", pod));
                "container"
            }
            _ => {
                add("systemd.unit", &named.id);
                "unit"
            }
        };
        Resource {
            key: format!("{word}:{}@{host}", named.short()),
            kind: named.kind,
            parent: Some(self.own_key.clone()),
            tenant: None,
            attributes,
        }
    }

    /// The container's interfaces, unless it shares the host's.
    fn interfaces(&mut self, pid: u64, resource: ResourceSlot, is_kept: bool) -> Option<Interfaces> {
        let mut file = KeptFile::lines(self.roots.proc(&format!("{pid}/net/dev"))).kept(is_kept);
        let theirs = network::names(file.read(&mut self.buffer).ok()?);
        let mut own = KeptFile::lines(self.roots.proc("self/net/dev")).kept(false);
        let ours = network::names(own.read(&mut self.buffer).ok()?);
        let namespace = |process: &str| std::fs::read_link(self.roots.proc(process).join("ns/net")).ok();
        let is_shared = match (namespace("self"), namespace(&pid.to_string())) {
            (Some(ours), Some(theirs)) => ours == theirs,
            // Without the right to ask: the same interfaces are taken for the same namespace.
            _ => ours == theirs,
        };
        (!is_shared).then(|| Interfaces::new(file, resource, false))
    }
}

/// A process of the group itself, to ask when it started and what it sees.
fn first_process(group: &Group) -> Option<u64> {
    let dir = group.main()?;
    let file = if dir.version == Version::V1 { "tasks" } else { "cgroup.procs" };
    let text = kept::once(&dir.path.join(file))?;
    text::lines(text.as_bytes()).find_map(text::number)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::{config::Described, read::identity};

    const ID: &str = "4f1c2b3a5d6e7f80918273645f6e7d8c9bab0c1d2e3f405162738495a6b7c8d9";

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The host's files mounted below a root, seen from a container with a cgroup namespace of its own.
    fn mounted_host(root: &Path) {
        write(root, "proc/stat", "cpu  1 2 3 4\ncpu0 1 2 3 4\n");
        write(root, "proc/meminfo", "MemTotal: 1024 kB\n");
        write(root, "proc/uptime", "100.00 50.00\n");
        write(root, "proc/cgroups", "memory 0 3 1\n");
        write(root, "proc/self/stat", "900 (farol-agent) S 1\n");
        write(root, "proc/self/cgroup", "0::/\n");
        write(root, "proc/1/cgroup", "0::/../../init.scope\n");
        let point = root.join("sys/fs/cgroup");
        let mounts = format!(
            "1 0 0:5 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n2 0 0:5 /../.. {} ro - cgroup2 cgroup rw\n",
            point.display()
        );
        write(root, "proc/self/mountinfo", &mounts);
        write(root, "sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
        write(root, "etc/hostname", "big\n");
        unit(root, "system.slice/nginx.service");
        unit(root, &format!("system.slice/docker-{ID}.scope"));
        unit(root, &format!("system.slice/docker-{ID}.scope/system.slice/inner.service"));
    }

    fn unit(root: &Path, group: &str) {
        write(root, &format!("sys/fs/cgroup/{group}/cpu.stat"), "user_usec 5\nsystem_usec 5\n");
        write(root, &format!("sys/fs/cgroup/{group}/memory.current"), "4096\n");
    }

    fn keys(recorder: &Recorder) -> Vec<String> {
        recorder.tables().0.into_iter().map(|table| table.resource.key).collect()
    }

    #[test]
    fn units_of_a_mounted_host_come_and_go() {
        let dir = tempfile::tempdir().unwrap();
        mounted_host(dir.path());
        let roots = Roots::new(dir.path());
        let around = Surroundings::find(&roots);
        assert_eq!(around.place, Place::Host);
        let own = identity::own(&roots, &around, &Described::default());
        let mut recorder = Recorder::new();
        let slot = recorder.resource(own.clone());
        let context = Context { roots: &roots, around: &around, own: slot, own_key: &own.key };
        let mut units = Units::new(&context, around.trees.tops());
        units.look(&mut recorder);
        assert_eq!(keys(&recorder), ["host:big", "container:4f1c2b3a5d6e@big", "unit:nginx.service@big"]);

        fs::remove_dir_all(dir.path().join("sys/fs/cgroup/system.slice/nginx.service")).unwrap();
        unit(dir.path(), "system.slice/cron.service");
        units.look(&mut recorder);
        assert_eq!(keys(&recorder).len(), 3, "nothing says that the tree has changed");
        write(dir.path(), "proc/cgroups", "memory 0 4 1\n");
        units.look(&mut recorder);
        assert_eq!(keys(&recorder), ["host:big", "container:4f1c2b3a5d6e@big", "unit:cron.service@big"]);
        units.read(&mut recorder).unwrap();
        assert!(recorder.series_count() >= 2 * 5);
    }

    #[test]
    fn there_are_never_more_units_than_the_bound_and_containers_come_first() {
        let dir = tempfile::tempdir().unwrap();
        mounted_host(dir.path());
        for number in 0..UNITS_MAX {
            unit(dir.path(), &format!("system.slice/a{number}.service"));
        }
        let roots = Roots::new(dir.path());
        let around = Surroundings::find(&roots);
        let mut recorder = Recorder::new();
        let own = recorder.resource(identity::own(&roots, &around, &Described::default()));
        let context = Context { roots: &roots, around: &around, own, own_key: "host:big" };
        let mut units = Units::new(&context, around.trees.tops());
        units.look(&mut recorder);
        assert_eq!(units.units.len(), UNITS_MAX);
        assert!(keys(&recorder).contains(&"container:4f1c2b3a5d6e@big".to_owned()));
        assert!(units.units.iter().map(|unit| unit.reader.files()).sum::<usize>() >= units.files.min(units.files_max));
    }
}
