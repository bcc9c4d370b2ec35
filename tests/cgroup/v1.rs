//! Version 1 on this machine; needs root.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Command, ExitStatus},
    thread,
    time::Duration,
};

use farol_tests::{
    agent,
    collector::Collector,
    process::Process,
    wait::{now_ms, until, when},
};
use serde_json::Value;

const CONTROLLERS: &[&str] = &["cpu", "cpuacct", "memory", "blkio", "pids"];
const MIB: f64 = 1_048_576.0;

/// A group of every controller, removed with all that is in it when dropped.
struct Group {
    path: String,
}

impl Group {
    /// A group at this path below each controller's mount.
    fn new(path: &str) -> Self {
        for controller in CONTROLLERS {
            fs::create_dir_all(dir(controller, path)).unwrap_or_else(|error| panic!("{controller} (needs root): {error}"));
        }
        Self { path: path.to_owned() }
    }

    fn set(&self, controller: &str, file: &str, value: &str) {
        fs::write(dir(controller, &self.path).join(file), value).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    fn text(&self, controller: &str, file: &str) -> String {
        fs::read_to_string(dir(controller, &self.path).join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The number of a file that holds one, or behind a key of a file of keys.
    fn number(&self, controller: &str, file: &str, key: &str) -> f64 {
        let text = self.text(controller, file);
        let number = if key.is_empty() { text.trim() } else { value_of(&text, key) };
        number.parse().unwrap_or_else(|_| panic!("{file} {key}: {text}"))
    }

    /// The words that start a command inside the group.
    fn inside(&self) -> Vec<String> {
        let enter: String =
            CONTROLLERS.iter().map(|name| format!("echo $$ >{}/cgroup.procs;", dir(name, &self.path).display())).collect();
        ["/bin/bash", "-c", &format!("{enter} exec \"$@\""), "inside"].map(str::to_owned).to_vec()
    }

    fn burn(&self, words: &[&str]) -> Command {
        let inside = self.inside();
        let mut command = Process::command(&inside[0]);
        command.args(&inside[1..]).arg(env!("CARGO_BIN_EXE_burner")).args(words);
        command
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let groups = CONTROLLERS.iter().map(|controller| dir(controller, &self.path));
        for group in groups {
            for pid in fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default().lines() {
                drop(Command::new("kill").args(["-9", pid]).status());
            }
            // A killed process leaves its group a moment later.
            for _ in 0..100 {
                if fs::remove_dir(&group).is_ok() {
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
            for above in group.ancestors().skip(1).take(2) {
                drop(fs::remove_dir(above));
            }
        }
    }
}

fn dir(controller: &str, path: &str) -> PathBuf {
    Path::new("/sys/fs/cgroup").join(controller).join(path)
}

fn value_of<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {key} in {text}"))
}

/// A path that looks like a container's, with an id that no other test run has.
fn container(letter: char) -> (String, String) {
    let id = format!("{letter}{:063x}", process::id());
    (format!("farol-{}-{letter}/docker/{id}", process::id()), id)
}

fn wait_container(collector: &mut Collector, id: &str) -> Value {
    let mut api = collector.api();
    until("the container to be seen", || {
        let all = api.json("/api/v1/resources");
        let found = all["resources"].as_array().unwrap().iter().find(|one| one["attributes"]["container.id"] == id).cloned();
        found.ok_or_else(|| all.to_string())
    })
}

/// The newest raw value of a series at or after a time, if one has come.
fn newest(collector: &mut Collector, resource: u64, metric: &str, attribute: &str, from_ms: i64) -> Result<f64, String> {
    let path = format!("/api/v1/query?metric={metric}&resource={resource}&from={from_ms}&to={}&aggregate=raw", now_ms() + 1_000);
    let answer = collector.api().json(&path);
    let series = answer["series"].as_array().unwrap().iter().find(|one| {
        let mut values = one["attributes"].as_object().unwrap().values();
        attribute.is_empty() || values.any(|value| value == attribute)
    });
    let last = series.and_then(|series| series["points"].as_array()?.last()?.get(1)?.as_f64());
    last.ok_or_else(|| answer.to_string())
}

/// A figure read between two looks at the kernel's file lies between what they saw, give or take `slack`.
fn check_between(collector: &mut Collector, resource: u64, metric: &str, attribute: &str, slack: f64, kernel: impl Fn() -> f64) {
    let before = kernel();
    let from = now_ms();
    let figure = until(metric, || newest(collector, resource, metric, attribute, from));
    let after = kernel();
    // The API gives nine significant digits, so a figure may be off by half a unit of the ninth.
    let slack = slack + figure.abs() * 5e-9;
    let (low, high) = (before.min(after) - slack, before.max(after) + slack);
    assert!((low..=high).contains(&figure), "{metric} {attribute}: {figure}, the kernel had {before} and then {after}");
    eprintln!("{metric} {attribute}: {figure} between {before} and {after}");
}

fn run(mut command: Command) -> ExitStatus {
    command.status().unwrap()
}

#[test]
fn v1_figures_of_a_limited_container_are_the_kernels() {
    let (path, id) = container('a');
    let group = Group::new(&path);
    group.set("cpu", "cpu.cfs_period_us", "100000");
    group.set("cpu", "cpu.cfs_quota_us", "25000");
    group.set("memory", "memory.limit_in_bytes", "67108864");
    group.set("pids", "pids.max", "32");
    let mut collector = Collector::start();
    let _agent = agent::beside(&collector, "overseer").start();
    let resource = wait_container(&mut collector, &id)["id"].as_u64().unwrap();

    assert!(run(group.burn(&["cpu", "2", "2"])).success());
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(run(group.burn(&["memory", "128", "1"])).signal(), Some(9), "the kernel kills what is beyond the limit");
    let _holder = Process::start("burner", group.burn(&["memory", "40", "600"]));
    until("forty mebibytes to be held", || {
        when(group.number("memory", "memory.usage_in_bytes", ""), |bytes| *bytes > 40.0 * MIB)
    });

    assert!(group.number("cpu", "cpu.stat", "nr_throttled") > 0.0, "the burner was not held back");
    assert!(group.number("memory", "memory.oom_control", "oom_kill") >= 1.0, "nothing was killed");
    let mut check = |metric: &str, attribute: &str, slack: f64, kernel: &dyn Fn() -> f64| {
        check_between(&mut collector, resource, metric, attribute, slack, kernel);
    };
    // Nanoseconds divided into seconds may differ in the last bit.
    check("container.cpu.time", "user", 1e-9, &|| group.number("cpuacct", "cpuacct.usage_user", "") / 1e9);
    check("container.cpu.time", "system", 1e-9, &|| group.number("cpuacct", "cpuacct.usage_sys", "") / 1e9);
    check("container.cpu.limit", "", 0.0, &|| 0.25);
    check("container.cpu.throttling.periods", "", 0.0, &|| group.number("cpu", "cpu.stat", "nr_periods"));
    check("container.cpu.throttling.throttled_periods", "", 0.0, &|| group.number("cpu", "cpu.stat", "nr_throttled"));
    check("container.cpu.throttling.throttled_time", "", 1e-9, &|| group.number("cpu", "cpu.stat", "throttled_time") / 1e9);
    check("container.memory.usage", "", 0.5 * MIB, &|| group.number("memory", "memory.usage_in_bytes", ""));
    check("container.memory.rss", "", 0.5 * MIB, &|| group.number("memory", "memory.stat", "total_rss"));
    check("container.memory.limit", "", 0.0, &|| 64.0 * MIB);
    check("container.memory.oom_kills", "", 0.0, &|| group.number("memory", "memory.oom_control", "oom_kill"));
    check("container.pids.count", "", 0.0, &|| group.number("pids", "pids.current", ""));
    check("container.pids.limit", "", 0.0, &|| 32.0);
    let latest = wait_container(&mut collector, &id)["latest"].clone();
    assert_eq!(latest["memory_limit"].as_f64(), Some(64.0 * MIB), "{latest}");
    assert_eq!(latest["cpu_limit"].as_f64(), Some(0.25), "{latest}");
    assert!(latest["oom_kills"].as_f64() >= Some(1.0), "{latest}");
}

#[test]
fn v1_an_agent_inside_a_container_sees_its_own_limits() {
    let (path, id) = container('b');
    let group = Group::new(&path);
    let above = path.rsplit_once('/').unwrap().0;
    group.set("memory", "memory.limit_in_bytes", "536870912");
    fs::write(dir("memory", above).join("memory.limit_in_bytes"), "268435456").unwrap();
    group.set("cpu", "cpu.cfs_quota_us", "50000");
    let mut collector = Collector::start();
    // As a runtime shows it: an own process namespace, and of each controller only the container's own group.
    let binds: String =
        CONTROLLERS.iter().map(|name| format!("mount --bind {} /sys/fs/cgroup/{name};", dir(name, &path).display())).collect();
    let mut words = group.inside();
    words.extend(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/bash", "-c"].map(str::to_owned));
    words.extend([format!("set -e; {binds} exec \"$@\""), "contained".to_owned()]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let _agent = agent::beside(&collector, "boxed").through(&words).start();
    let resource = wait_container(&mut collector, &id);
    assert_eq!((&resource["kind"], &resource["name"]), (&"container".into(), &"boxed".into()), "{resource}");
    let number = resource["id"].as_u64().unwrap();
    // The group above cannot be seen, but version 1 tells its limit all the same.
    check_between(&mut collector, number, "container.memory.limit", "", 0.0, || 256.0 * MIB);
    check_between(&mut collector, number, "container.cpu.limit", "", 0.0, || 0.5);
    let attributes = wait_container(&mut collector, &id)["attributes"].clone();
    let source = attributes["farol.memory.limit.source"].as_str().unwrap_or_default();
    assert!(source.contains("hierarchical_memory_limit"), "{attributes}");
    check_between(&mut collector, number, "container.cpu.time", "user", 1e-9, || {
        group.number("cpuacct", "cpuacct.usage_user", "") / 1e9
    });
    check_between(&mut collector, number, "container.memory.usage", "", MIB, || {
        group.number("memory", "memory.usage_in_bytes", "")
    });
}

#[test]
fn v1_the_tightest_limit_above_a_container_is_its_limit() {
    let (path, id) = container('c');
    let group = Group::new(&path);
    let above = path.rsplit_once('/').unwrap().0;
    group.set("memory", "memory.limit_in_bytes", "536870912");
    fs::write(dir("memory", above).join("memory.limit_in_bytes"), "268435456").unwrap();
    fs::write(dir("cpu", above).join("cpu.cfs_quota_us"), "30000").unwrap();
    let mut collector = Collector::start();
    let _agent = agent::beside(&collector, "overseer").start();
    let number = wait_container(&mut collector, &id)["id"].as_u64().unwrap();
    check_between(&mut collector, number, "container.memory.limit", "", 0.0, || 256.0 * MIB);
    check_between(&mut collector, number, "container.cpu.limit", "", 0.0, || 0.3);
    let attributes = wait_container(&mut collector, &id)["attributes"].clone();
    let source = attributes["farol.memory.limit.source"].as_str().unwrap_or_default();
    assert!(source.contains("memory.limit_in_bytes") && source.contains("docker"), "{attributes}");
}
