//! Reads each recorded tree with every source and compares all series with what was written down; then this machine.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use farol_shared::{
    catalog,
    resource::{Resource, ResourceKind},
};

use super::*;
use crate::config::Described;

/// What reading everything once gave.
struct Read {
    around: Surroundings,
    own: Resource,
    /// Values by resource key, then by series.
    values: BTreeMap<String, BTreeMap<String, f64>>,
    resources: Vec<Resource>,
    failures: Vec<String>,
}

impl Read {
    fn value(&self, key: &str, series: &str) -> f64 {
        let found = self.values.get(key).and_then(|all| all.get(series));
        *found.unwrap_or_else(|| panic!("{key} has no {series}; it has {:#?}", self.values.get(key)))
    }

    fn own_value(&self, series: &str) -> f64 {
        self.value(&self.own.key, series)
    }

    fn attribute(&self, key: &str, attribute: &str) -> &str {
        let resource = self.resources.iter().find(|resource| resource.key == key);
        resource.and_then(|resource| resource.attributes.get(attribute)).map_or("", String::as_str)
    }
}

/// Opens every source but those named, and reads each `times` times.
fn read(roots: &Roots, described: &Described, without: &[&str]) -> Read {
    let around = Surroundings::find(roots);
    let own = identity::own(roots, &around, described);
    let mut recorder = Recorder::new();
    let slot = recorder.resource(own.clone());
    let context = Context { roots, around: &around, own: slot, own_key: &own.key };
    let mut failures = Vec::new();
    let mut sources = Vec::new();
    for row in SOURCES.iter().filter(|row| !without.contains(&row.name)) {
        match (row.open)(&context, &mut recorder) {
            Ok(source) => sources.extend(source.map(|source| (row.name, source))),
            Err(error) => failures.push(format!("{}: {error}", row.name)),
        }
    }
    for (name, source) in &mut sources {
        if let Err(error) = source.read(&mut recorder) {
            failures.push(format!("{name}: {error}"));
        }
    }
    let tables = recorder.tables();
    let mut values = BTreeMap::new();
    for (table, row) in tables.0.iter().zip(recorder.take_rows()) {
        let of: &mut BTreeMap<String, f64> = values.entry(table.resource.key.clone()).or_default();
        for (series, value) in table.series.iter().zip(&row.0).filter(|(_, value)| !value.is_nan()) {
            let attributes: Vec<String> = series.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
            of.insert(format!("{}{{{}}}", series.metric, attributes.join(",")), *value);
        }
    }
    Read { around, own, values, resources: tables.0.into_iter().map(|table| table.resource).collect(), failures }
}

fn fixture_root(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/read").join(name)
}

/// Reads a recorded tree and compares with its `expected.txt`, which `UPDATE=1` writes anew.
#[track_caller]
fn fixture(name: &str) -> Read {
    let root = fixture_root(name);
    // Space of file systems is asked of the kernel, not of files.
    let read = read(&Roots::new(&root), &Described::default(), &["filesystems"]);
    let mut text = String::new();
    for resource in &read.resources {
        let parent = resource.parent.as_ref().map(|parent| format!(" on {parent}")).unwrap_or_default();
        writeln!(text, "{}{parent}", resource.key).unwrap();
        for (key, value) in resource.attributes.iter().filter(|(key, _)| *key != "host.arch") {
            writeln!(text, "  {key}: {value}").unwrap();
        }
        for (series, value) in read.values.get(&resource.key).into_iter().flatten() {
            writeln!(text, "  {series} = {value}").unwrap();
        }
    }
    let path = root.join("expected.txt");
    #[expect(clippy::disallowed_methods, reason = "a test has no settings; this one is of the test itself")]
    if std::env::var("UPDATE").is_ok() {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert_eq!(text, expected, "{name} does not give what is written in {}", path.display());
    assert_eq!(read.failures, [""; 0]);
    read
}

#[track_caller]
fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-6, "{a} is not {b}");
}

const MIB: f64 = 1024.0 * 1024.0;

#[test]
fn fixture_host_v2() {
    let read = fixture("host-v2");
    assert_eq!((read.around.place, read.around.measured), (Place::Host, Measured::Machine));
    assert_eq!((read.own.key.as_str(), read.own.kind), ("host:v2host", ResourceKind::Host));
    assert_eq!(read.attribute("host:v2host", "farol.cpu.limit.source"), "machine");
    assert_eq!(read.attribute("host:v2host", "farol.memory.limit.source"), "machine");
    close(read.own_value("system.memory.limit{}"), 737_564.0 * 1024.0);
    let app = "container:4f1c2b3a5d6e@v2host";
    close(read.value(app, "container.memory.limit{}"), 64.0 * MIB);
    close(read.value(app, "container.cpu.limit{}"), 0.25);
    close(read.value(app, "container.memory.oom_kills{}"), 1.0);
    assert!(read.value(app, "container.cpu.throttling.throttled_periods{}") > 0.0);
    assert!(read.value(app, "container.memory.working_set{}") > 20.0 * MIB);
    close(read.value(app, "container.network.io{network.interface.name=eth0,network.io.direction=receive}"), 92_000.0);
    let unit = "unit:nginx.service@v2host";
    close(read.value(unit, "container.memory.limit{}"), 512.0 * MIB);
    assert_eq!(read.attribute(unit, "farol.memory.limit.source"), "cgroup v2 memory.max of /system.slice");
    assert_eq!(read.resources.len(), 3);
    assert!(read.resources.iter().skip(1).all(|resource| resource.parent.as_deref() == Some("host:v2host")));
}

#[test]
fn fixture_host_hybrid() {
    let read = fixture("host-hybrid");
    assert_eq!((read.around.place, read.around.measured), (Place::Host, Measured::Machine));
    close(read.own_value("system.cpu.logical.count{}"), 2.0);
    let app = "container:9a8b7c6d5e4f@v1host";
    close(read.value(app, "container.cpu.limit{}"), 0.5);
    close(read.value(app, "container.memory.limit{}"), 64.0 * MIB);
    close(read.value(app, "container.memory.oom_kills{}"), 1.0);
    close(read.value(app, "container.disk.io{disk.io.direction=write}"), 8_400_896.0);
    close(read.value(app, "container.pressure.time{farol.pressure.kind=some,farol.pressure.resource=cpu}"), 1.173_154);
    let source = read.attribute(app, "farol.cpu.limit.source");
    assert!(source.starts_with("cgroup v1 cpu.cfs_quota_us of /docker/9a8b"), "{source}");
    assert_eq!(read.attribute(app, "container.runtime"), "docker");
}

#[test]
fn fixture_container_v1() {
    let read = fixture("container-v1");
    assert_eq!((read.around.place, read.around.measured), (Place::Container, Measured::Own));
    assert_eq!(read.own.kind, ResourceKind::Container);
    assert_eq!(read.own.key, "container:9a8b7c6d5e4f@9a8b7c6d5e4f");
    close(read.own_value("container.cpu.limit{}"), 0.5);
    close(read.own_value("container.memory.limit{}"), 64.0 * MIB);
    close(read.own_value("container.memory.oom_kills{}"), 1.0);
    assert!(read.own_value("container.cpu.time{cpu.mode=user}") > 0.0, "from cpuacct.stat of an older kernel");
}

#[test]
fn fixture_container_v2() {
    let read = fixture("container-v2");
    assert_eq!((read.around.place, read.around.measured), (Place::Container, Measured::Own));
    close(read.own_value("container.memory.limit{}"), 64.0 * MIB);
    close(read.own_value("container.cpu.limit{}"), 0.25);
    close(read.own_value("container.disk.io{disk.io.direction=write}"), 8_400_896.0);
    assert_eq!(read.attribute(&read.own.key, "farol.memory.limit.source"), "cgroup v2 memory.max of /");
    assert_eq!(read.attribute(&read.own.key, "container.runtime"), "docker");
    assert!(read.own.attributes["container.id"].starts_with("4f1c2b3a5d6e"));
}

#[test]
fn fixture_sidecar_v2_measures_the_application() {
    let read = fixture("sidecar-v2");
    assert_eq!((read.around.place, read.around.measured), (Place::Container, Measured::Application));
    close(read.own_value("container.memory.limit{}"), 64.0 * MIB);
    close(read.own_value("container.network.io{network.interface.name=eth0,network.io.direction=receive}"), 92_000.0);
    assert!(read.own.attributes["container.id"].starts_with("4f1c2b3a5d6e"), "the application's id");
}

#[test]
fn fixture_sidecar_v1_finds_the_application_in_a_mounted_tree() {
    let read = fixture("sidecar-v1");
    assert_eq!((read.around.place, read.around.measured), (Place::Container, Measured::Application));
    close(read.own_value("container.memory.limit{}"), 64.0 * MIB);
    close(read.own_value("container.memory.oom_kills{}"), 1.0);
    let source = read.attribute(&read.own.key, "farol.memory.limit.source");
    assert!(source.starts_with("cgroup v1 memory.limit_in_bytes of /docker/9a8b"), "{source}");
}

/// A sidecar that may not look into the application's files: its own tree is another container's.
#[test]
fn a_sidecar_that_may_not_look_tells_nothing_instead_of_its_own_figures() {
    const OWN: &str = "21aafb6af007f887a1c0aeab10cd7e8dfc16e960df0e4d1354df5cea0bcfc69e";
    const APP: &str = "8a475a89119ff2badaf3ed2e67aa8ef070b3c7058568d780c1a9b90ef1e5f476";
    for (own, app, kind) in [
        (format!("4:memory:/docker/{OWN}\n"), format!("4:memory:/docker/{APP}\n"), "cgroup cgroup rw,memory"),
        ("0::/\n".to_owned(), format!("0::/../docker-{APP}.scope\n"), "cgroup2 cgroup rw"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let root = if kind.starts_with("cgroup2") { "/".to_owned() } else { format!("/docker/{OWN}") };
        write("proc/self/stat", "12 (farol-agent) S 0\n");
        write("proc/self/cgroup", &own);
        write("proc/1/cgroup", &app);
        write("proc/1/comm", "python3\n");
        write("proc/self/mountinfo", &format!("1 0 0:5 {root} /sys/fs/cgroup ro - {kind}\n"));
        for file in ["memory.limit_in_bytes", "memory.max", "memory.current", "cgroup.type"] {
            write(&format!("sys/fs/cgroup/{file}"), "50331648\n");
        }
        let around = Surroundings::find(&Roots::new(dir.path()));
        assert_eq!((around.place, around.measured), (Place::Container, Measured::Application), "{own}");
        let described = Described { attributes: [("service.name".into(), "shop".into())].into(), ..Described::default() };
        let read = read(&Roots::new(dir.path()), &described, &["filesystems"]);
        assert_eq!(read.own.attributes["container.id"], APP);
        let figures = read.values.get(&read.own.key).into_iter().flatten().find(|(series, _)| series.starts_with("container."));
        assert_eq!(figures, None, "a figure that is not the application's");
        let failure = read.failures.iter().find(|text| text.starts_with("cgroup:")).expect("it says what it misses");
        assert!(failure.contains(APP) && failure.contains("user and group"), "{failure}");
        let words = around.words();
        assert!(words.iter().all(|(_, words)| !words.contains("50331648")), "{words:?}");
    }
}

#[test]
fn fixture_lxc_v2_takes_the_limit_that_lxcfs_shows() {
    let read = fixture("lxc-v2");
    assert_eq!((read.around.place, read.around.measured), (Place::Container, Measured::Application));
    close(read.own_value("container.memory.limit{}"), 64.0 * MIB);
    assert_eq!(read.attribute(&read.own.key, "farol.memory.limit.source"), "lxcfs /proc/meminfo");
    assert_eq!(read.attribute(&read.own.key, "container.runtime"), "lxc");
    let agent = read.resources.iter().find(|resource| resource.key.starts_with("unit:farol-agent.service@")).unwrap();
    close(read.value(&agent.key, "container.memory.limit{}"), 16.0 * MIB);
}

#[test]
fn fixture_no_memory_controller_falls_back_to_the_machine() {
    let read = fixture("no-memory-controller");
    close(read.own_value("container.memory.limit{}"), 737_564.0 * 1024.0);
    assert_eq!(read.attribute(&read.own.key, "farol.memory.limit.source"), "machine");
    let series = &read.values[&read.own.key];
    assert!(!series.keys().any(|name| name.starts_with("container.memory.usage")), "no memory is invented");
    assert!(series.keys().any(|name| name.starts_with("container.cpu.time")));
}

#[test]
fn this_machine_says_what_its_files_say() {
    let read = read(&Roots::new("/"), &Described { name: Some("here".to_owned()), ..Described::default() }, &[]);
    assert!(read.failures.is_empty(), "{:?}", read.failures);
    let place = read.around.place;
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let total = memory::Meminfo::parse(meminfo.as_bytes()).total.unwrap();
    let (cpus, limit) = match place {
        Place::Host => (read.own_value("system.cpu.logical.count{}"), read.own_value("system.memory.limit{}")),
        Place::Container => (read.own_value("container.cpu.limit{}"), read.own_value("container.memory.limit{}")),
    };
    assert!(cpus > 0.0);
    assert!(limit > 0.0 && limit <= total);
    if place == Place::Host {
        assert_eq!(read.own.key, "host:here");
        let used = read.own_value("system.memory.usage{system.memory.state=used}");
        assert!(used > 0.0 && used < total);
    }
}

#[test]
fn a_root_with_nothing_in_it_is_an_error_of_each_source_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let read = read(&Roots::new(dir.path()), &Described::default(), &[]);
    assert!(read.failures.iter().any(|failure| failure.starts_with("host: cannot open ")), "{:?}", read.failures);
    assert!(read.values.values().all(BTreeMap::is_empty), "{:?}", read.values);
}

#[test]
fn every_metric_of_the_catalogue_that_sources_fill_is_filled_by_some_tree() {
    let mut filled: std::collections::BTreeSet<String> = std::collections::BTreeSet::new();
    let mut add = |read: Read| {
        let names = read.values.values().flat_map(BTreeMap::keys).filter_map(|series| series.split('{').next());
        filled.extend(names.map(str::to_owned));
    };
    for name in ["host-v2", "host-hybrid", "container-v1", "container-v2"] {
        add(read(&Roots::new(fixture_root(name)), &Described::default(), &["filesystems"]));
    }
    let ours = |name: &str| ["system.", "container.", "process."].iter().any(|start| name.starts_with(start));
    let missing: Vec<&str> =
        catalog::ALL.iter().map(|metric| metric.name).filter(|name| ours(name) && !filled.contains(*name)).collect();
    assert!(missing.iter().all(|name| name.starts_with("system.filesystem.")), "{missing:?}");
}
