//! Tests of the exposition, with promtool as the judge where it is installed.

use std::{
    collections::BTreeMap,
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
};

use farol_shared::resource::{Resource, ResourceKind};

use super::*;

fn info(id: ResourceId, key: &str, tenant: Option<&str>) -> ResourceInfo {
    let resource = Resource {
        key: key.to_owned(),
        kind: ResourceKind::Container,
        parent: None,
        tenant: tenant.map(str::to_owned),
        attributes: BTreeMap::new(),
    };
    ResourceInfo { id, resource: Arc::new(resource), agent: "a".into(), first_seen_ms: 0, last_seen_ms: 0, interval_ms: 1_000 }
}

fn current(resource: ResourceId, metric: &str, unit: &str, kind: Kind, attributes: &[(&str, &str)], value: f64) -> Current {
    let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let key = Arc::new(SeriesKey { metric: metric.to_owned(), unit: unit.to_owned(), kind, attributes });
    Current { resource, key, value }
}

/// What promtool has to say; nothing where it is not installed.
fn promtool(text: &str) -> String {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else { return String::new() };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn families_stand_together_with_help_and_type_once() {
    let resources = [info(1, "container:a", None), info(2, "container:\"b\"\\\n", Some("acme"))];
    let values = [
        current(1, "container.cpu.time", "s", Kind::Counter, &[("cpu.mode", "user")], 1.5),
        current(1, "container.memory.usage", "By", Kind::Gauge, &[], 1e9),
        current(2, "container.cpu.time", "s", Kind::Counter, &[("cpu.mode", "user")], 2.5),
        current(3, "container.cpu.time", "s", Kind::Counter, &[], 9.0),
    ];
    let text = text(&resources, &values, &[]);
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
    assert_eq!(
        lines,
        [
            "# TYPE container_cpu_time_seconds_total counter",
            r#"container_cpu_time_seconds_total{kind="container",name="container:\"b\"\\\n",resource="container:\"b\"\\\n",tenant="acme",cpu_mode="user"} 2.5"#,
            r#"container_cpu_time_seconds_total{kind="container",name="container:a",resource="container:a",cpu_mode="user"} 1.5"#,
            "# TYPE container_memory_usage_bytes gauge",
            r#"container_memory_usage_bytes{kind="container",name="container:a",resource="container:a"} 1000000000"#,
        ]
    );
    assert_eq!(promtool(&text), "");
}

#[test]
fn promtool_has_nothing_to_say_about_the_whole_catalogue() {
    let resources = [info(1, "container:a", None)];
    let values: Vec<Current> = catalog::ALL
        .iter()
        .map(|row| {
            let attributes: Vec<(&str, &str)> = row.attributes.iter().map(|key| (*key, "x")).collect();
            current(1, row.name, row.unit, row.kind, &attributes, 1.0)
        })
        .collect();
    let own: Vec<OwnValue> = catalog::ALL
        .iter()
        .filter(|row| row.name.starts_with(OWN_PREFIX))
        .map(|metric| OwnValue { metric, attributes: metric.attributes.iter().map(|key| (*key, "x")).collect(), value: 2.0 })
        .collect();
    let text = text(&resources, &values, &own);
    assert_eq!(promtool(&text), "");
    let families = text.lines().filter(|line| line.starts_with("# TYPE")).count();
    assert_eq!(families, catalog::ALL.len(), "no two metrics of the catalogue share a family");
}

#[test]
fn hostile_names_make_no_broken_lines() {
    let resources = [info(1, "container:a", None)];
    let values = [
        current(1, "evil\n# TYPE x", "{x}", Kind::Gauge, &[("a b", "c\nd"), ("a.b", "e")], 1.0),
        current(1, "", "By", Kind::Counter, &[], f64::INFINITY),
    ];
    let text = text(&resources, &values, &[]);
    assert_eq!(text.lines().count(), 3);
    assert!(text.contains(r#"a_b="c\nd;e""#));
}

#[test]
fn names_of_applications_are_written_as_promtool_wants_them() {
    let resources = [info(1, "container:a", None)];
    let names = [
        "tws_latency_ms",
        "messagesSent",
        "queue:depth",
        "queue_gauge",
        "jobs_counter",
        "x_percent",
        "x_milliseconds",
        "x_kb_free",
        "cache_hits_count",
        "foo_sum",
        "foo_bucket",
        "my_histogram",
        "duration_minutes",
        "size_megabytes",
        "a__b",
        "foo_m",
        "foo_info",
        "is_s_thing",
        "_2nd",
        "foo_bit_rate",
        "foo_hours_left",
        "ratio_percent",
        "foo_created",
        "days",
        "gauge",
        "total",
        "_total",
        "",
        "_",
        "count",
        "a.total.count",
        "http.server.duration",
        "S",
        "x_S",
        "x_MS",
        "camelCaseKb",
        "summary_histogram",
        "cache_hits",
    ];
    let kinds = [Kind::Gauge, Kind::Counter];
    let values: Vec<Current> = (names.iter())
        .flat_map(|name| kinds.map(|kind| current(1, name, "", kind, &[("tenantId", "x"), ("le", "1")], 1.0)))
        .collect();
    let text = text(&resources, &values, &[]);
    assert_eq!(promtool(&text), "");
    let lines = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(lines, values.len(), "none is lost: {text}");
}

#[test]
fn metrics_whose_names_become_one_are_told_apart_by_a_label() {
    let resources = [info(1, "container:a", None)];
    let values = [
        current(1, "cache_hits", "", Kind::Gauge, &[], 1.0),
        current(1, "cache.hits", "", Kind::Gauge, &[], 2.0),
        current(1, "cache.hits.total", "", Kind::Gauge, &[], 3.0),
        current(1, "cache.hits", "", Kind::Counter, &[], 4.0),
    ];
    let text = text(&resources, &values, &[]);
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
    let labels = r#"kind="container",name="container:a",resource="container:a""#;
    assert_eq!(
        lines,
        [
            "# TYPE cache_hits gauge".to_owned(),
            format!("cache_hits{{{labels}}} 2"),
            format!(r#"cache_hits{{{labels},metric="cache.hits.total"}} 3"#),
            format!(r#"cache_hits{{{labels},metric="cache_hits"}} 1"#),
            "# TYPE cache_hits_total counter".to_owned(),
            format!("cache_hits_total{{{labels}}} 4"),
        ]
    );
    assert_eq!(promtool(&text), "");
}
