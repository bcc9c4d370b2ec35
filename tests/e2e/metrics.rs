//! What the collector says of itself: metrics for Prometheus and its health.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use farol_tests::{
    agent,
    collector::Collector,
    wait::{now_ms, until, when},
};

#[test]
fn promtool_has_nothing_to_say_about_the_metrics() {
    let mut collector = Collector::options().var("FAROL_SELF", "true").start();
    let _agent = agent::beside(&collector, "exposed").start();
    collector.wait_resource("exposed");
    let mut api = collector.api();
    let text = until("metrics of the resource", || {
        when(api.get("/metrics").text(), |text| text.contains("exposed") && text.contains("farol_collector"))
    });
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed (Debian package prometheus)");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn health_tells_each_part_and_the_age_of_the_newest_sample() {
    let mut collector = Collector::start();
    let _agent = agent::beside(&collector, "healthy").start();
    collector.wait_resource("healthy");
    let answer = collector.wait_health("all", "ok");
    assert_eq!(answer["subsystems"]["store"]["status"], "ok", "{answer}");
    until("the age of the newest sample", || {
        let health = collector.client().json("/health");
        when(health, |health| health["subsystems"]["ingest"]["newest_sample_age_ms"].is_number())
    });
    assert_eq!(collector.api().json("/api/monitoring/health")["status"], "ok");
}

#[test]
fn the_openapi_document_names_every_route_that_answers() {
    let mut collector = Collector::start();
    let document = collector.api().json("/api/openapi.json");
    let paths = document["paths"].as_object().expect("the document has paths");
    for path in [
        "/api/auth/login",
        "/api/v1/resources",
        "/api/v1/series",
        "/api/v1/query",
        "/api/v1/completeness",
        "/api/monitoring/current",
    ] {
        assert!(paths.contains_key(path), "{path} is missing in {:?}", paths.keys().collect::<Vec<_>>());
    }
}

#[test]
fn the_collectors_own_machine_is_the_first_host_on_the_page() {
    let start = now_ms();
    let mut collector = Collector::options().var("FAROL_SELF", "true").start();
    let host = until("the own machine with figures", || {
        let all = collector.api().json("/api/v1/resources");
        let found = all["resources"].as_array().unwrap().iter().find(|one| one["kind"] == "host").cloned();
        let host = found.ok_or_else(|| all.to_string())?;
        when(host, |host| {
            let latest = &host["latest"];
            ["cpu_ratio", "memory_used", "memory_limit", "disk_ratio", "network_in", "pressure_cpu"]
                .iter()
                .all(|key| latest[key].is_number())
        })
    });
    assert_eq!(host["status"].as_str().map(|status| status != "silent"), Some(true), "{host}");
    let agent = host["agent"].as_str().unwrap().to_owned();
    until("its samples to be complete", || {
        let row = collector.completeness(&agent, start, now_ms() + 1_000);
        when(row, |row| row["stored"].as_u64() > Some(0) && row["stored"] == row["expected"])
    });
}
