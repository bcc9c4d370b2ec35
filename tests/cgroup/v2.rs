//! Version 2 with every controller, in a small guest that qemu boots; see `tests/guest`.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use farol_tests::process::{agent_program, collector_program, project, setting};
use serde_json::Value;

const MIB: f64 = 1_048_576.0;
const WATCHED: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const NESTED: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// What the guest wrote.
struct Results {
    /// (when, file, key of the line) to the rest of the line.
    kernel: BTreeMap<(String, String, String), String>,
    api: BTreeMap<String, Value>,
}

impl Results {
    fn parse(text: &str) -> Self {
        let mut results = Self { kernel: BTreeMap::new(), api: BTreeMap::new() };
        for line in text.lines().map(str::trim_end) {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["kernel", when, file, key, rest @ ..] => {
                    results.kernel.insert(((*when).into(), (*file).into(), (*key).into()), rest.join(" "));
                }
                ["api", what, ..] => {
                    let json = line.splitn(3, ' ').nth(2).unwrap_or_default();
                    let value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{what}: {error}: {json}"));
                    results.api.insert((*what).to_owned(), value);
                }
                _ => {}
            }
        }
        results
    }

    /// A number of a kernel's file before and after: behind a key, or, without one, the file's only word.
    fn kernel(&self, file: &str, key: &str) -> [f64; 2] {
        ["before", "after"].map(|when| {
            let mut lines = self.kernel.iter().filter(|((at, name, _), _)| at == when && name == file);
            let found = if key.is_empty() {
                lines.next().map(|((_, _, word), _)| word.clone())
            } else {
                lines.find(|((_, _, first), _)| first == key).map(|(_, rest)| rest.clone())
            };
            let text = found.unwrap_or_else(|| panic!("no {key} of {file} {when}"));
            // Pressure files have `some avg10=... total=N`.
            let text = text.rsplit("total=").next().unwrap_or_default().to_owned();
            text.parse().unwrap_or_else(|_| panic!("{file} {key}: {text}"))
        })
    }

    fn resource(&self, container: &str) -> &Value {
        let all = self.api["resources"]["resources"].as_array().unwrap();
        let is_seen = |one: &&Value| one["attributes"]["container.id"] == container && one["name"] != "inside";
        let found = all.iter().find(is_seen);
        found.unwrap_or_else(|| panic!("{container} is not in {}", self.api["resources"]))
    }

    /// The newest value of a metric of a resource.
    fn figure(&self, id: &Value, metric: &str, attributes: &[&str]) -> f64 {
        let series = self.api[metric]["series"].as_array().unwrap().iter().find(|one| {
            let own: Vec<&Value> = one["attributes"].as_object().unwrap().values().collect();
            one["resource"] == *id && attributes.iter().all(|wanted| own.iter().any(|value| *value == wanted))
        });
        let point = series.and_then(|series| series["points"].as_array()?.last()?.get(1)?.as_f64());
        point.unwrap_or_else(|| panic!("no {metric} {attributes:?} of {id} in {}", self.api[metric]))
    }

    fn check(&self, metric: &str, attributes: &[&str], kernel: [f64; 2], slack: f64) {
        let figure = self.figure(&self.resource(WATCHED)["id"], metric, attributes);
        // The API gives nine significant digits, so a figure may be off by half a unit of the ninth.
        let slack = slack + figure.abs() * 5e-9;
        let (low, high) = (kernel[0].min(kernel[1]) - slack, kernel[0].max(kernel[1]) + slack);
        assert!((low..=high).contains(&figure), "{metric} {attributes:?}: {figure}, the kernel had {kernel:?}");
        eprintln!("{metric} {attributes:?}: {figure}, kernel {kernel:?}");
    }
}

#[test]
fn v2_figures_in_a_guest_with_every_controller_are_the_kernels() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results");
    let target = setting("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), Into::into);
    let output = Command::new(project().join("tests/guest/run"))
        .arg(&file)
        .arg(project().join("tests/guest/limits.sh"))
        .args([collector_program(), agent_program(), target.join("guest/burner")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let console = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the guest ended with {}:\n{console}", output.status);
    let results = Results::parse(&std::fs::read_to_string(&file).unwrap());

    let us = |[a, b]: [f64; 2]| [a / 1e6, b / 1e6];
    let kernel = |file: &str, key: &str| results.kernel(file, key);
    assert!(kernel("cpu.stat", "nr_throttled")[0] > 0.0, "the burner was not held back");
    assert!(kernel("memory.events", "oom_kill")[0] >= 1.0, "nothing was killed");
    results.check("container.cpu.time", &["user"], us(kernel("cpu.stat", "user_usec")), 1e-6);
    results.check("container.cpu.time", &["system"], us(kernel("cpu.stat", "system_usec")), 1e-6);
    results.check("container.cpu.throttling.periods", &[], kernel("cpu.stat", "nr_periods"), 0.0);
    results.check("container.cpu.throttling.throttled_periods", &[], kernel("cpu.stat", "nr_throttled"), 0.0);
    results.check("container.cpu.throttling.throttled_time", &[], us(kernel("cpu.stat", "throttled_usec")), 1e-6);
    results.check("container.cpu.limit", &[], [0.25; 2], 0.0);
    results.check("container.memory.usage", &[], kernel("memory.current", ""), MIB);
    results.check("container.memory.rss", &[], kernel("memory.stat", "anon"), MIB);
    results.check("container.memory.limit", &[], [64.0 * MIB; 2], 0.0);
    results.check("container.memory.oom_kills", &[], kernel("memory.events", "oom_kill"), 0.0);
    results.check("container.pids.count", &[], kernel("pids.current", ""), 0.0);
    results.check("container.pids.limit", &[], [32.0; 2], 0.0);
    results.check("container.pressure.time", &["cpu", "some"], us(kernel("cpu.pressure", "some")), 1e-6);

    // The agent inside a container of its own sees its own limits; from outside, the tighter one above is known.
    let inside = results.api["resources"]["resources"].as_array().unwrap().iter().find(|one| one["name"] == "inside");
    let inside = inside.unwrap_or_else(|| panic!("no agent inside: {}", results.api["resources"]));
    assert_eq!(inside["kind"], "container", "{inside}");
    assert_eq!(results.figure(&inside["id"], "container.memory.limit", &[]).to_bits(), (512.0 * MIB).to_bits());
    assert_eq!(results.figure(&inside["id"], "container.cpu.limit", &[]).to_bits(), 0.8_f64.to_bits());
    let seen = &results.resource(NESTED)["id"];
    assert_eq!(results.figure(seen, "container.memory.limit", &[]).to_bits(), (256.0 * MIB).to_bits());
}
