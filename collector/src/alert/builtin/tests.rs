//! Tests of the built-in rules: each is valid, tells what it is for, and says nothing on a normal day.

use std::collections::HashSet;

use farol_shared::batch::SeriesKey;

use super::*;
use crate::alert::{
    Level,
    tests::{Host, key},
};

#[test]
fn every_built_in_rule_is_valid_steady_and_about_a_metric_that_there_is() {
    let mut ids = HashSet::new();
    for mut rule in all() {
        let id = rule.id.clone();
        assert_eq!(rule.complete(), Ok(()), "{id}");
        assert!(ids.insert(rule.id.clone()), "{id} is there twice");
        assert!(rule.enabled && rule.tenant.is_none() && rule.channels.is_empty());
        if let Condition::Series(series) = &rule.condition {
            let metric = catalog::find(&series.metric).unwrap_or_else(|| panic!("{id}"));
            let of_metric = |tests: &[String], metric: &Metric| {
                tests.iter().all(|test| metric.attributes.iter().any(|key| test.starts_with(key)))
            };
            assert!(of_metric(&series.attributes, metric), "{id}");
            if let Some(divisor) = &series.divided_by {
                assert!(of_metric(&divisor.attributes, catalog::find(&divisor.metric).unwrap()), "{id}");
            }
            let is_count = matches!(series.aggregate, Aggregate::Increase);
            assert!(is_count || (rule.for_s > 0 && (rule.recovery > 0.0 || rule.resolve_after_s > 0)), "{id} flaps");
        }
        assert!(rule.resolve_after_s > 0, "{id} flaps");
    }
    assert!((15..50).contains(&ids.len()), "few rules: {}", ids.len());
}

/// A series, and its value by the second.
type Told = (SeriesKey, fn(f64) -> f64);

/// Series of one resource with the value of each at a second of a normal day.
fn normal() -> Vec<Told> {
    let mount = |state| {
        [
            ("system.filesystem.mountpoint", "/"),
            ("system.device", "sda1"),
            ("system.filesystem.type", "ext4"),
            ("system.filesystem.state", state),
        ]
    };
    let image = [
        ("system.filesystem.mountpoint", "/snap"),
        ("system.device", "loop0"),
        ("system.filesystem.type", "squashfs"),
        ("system.filesystem.state", "used"),
    ];
    vec![
        (key("system.cpu.time", &[("cpu.mode", "user")]), |t| t * 1.2 + (t / 60.0).sin() * 10.0),
        (key("system.cpu.time", &[("cpu.mode", "idle")]), |t| t * 2.8),
        (key("system.cpu.limit", &[]), |_| 4.0),
        (key("container.cpu.time", &[("cpu.mode", "user")]), |t| t * 0.3),
        (key("container.cpu.limit", &[]), |_| 1.0),
        (key("system.memory.usage", &[("system.memory.state", "used")]), |t| 5e9 + (t / 300.0).sin() * 1e9),
        (key("system.memory.limit", &[]), |_| 8e9),
        (key("container.memory.working_set", &[]), |_| 3e8),
        (key("container.memory.limit", &[]), |_| 1e9),
        (key("system.filesystem.usage", &mount("used")), |t| 5e10 + t),
        (key("system.filesystem.usage", &mount("free")), |t| 5e10 - t),
        (key("system.filesystem.usage", &image), |_| 1e8),
        (key("system.linux.memory.oom_kills", &[]), |_| 3.0),
        (key("container.memory.oom_kills", &[]), |_| 0.0),
        (key("container.cpu.throttling.periods", &[]), |t| t * 10.0),
        (key("container.cpu.throttling.throttled_periods", &[]), |t| t * 0.5),
        (key("farol.agent.samples.lost", &[("farol.cause", "spool_full")]), |_| 0.0),
        (key("http.server.request.error_ratio", &[]), |t| if t % 97.0 < 5.0 { 0.2 } else { 0.004 }),
        (key("http.server.request.duration", &[("farol.statistic", "p95")]), |t| if t % 331.0 < 40.0 { 0.9 } else { 0.2 }),
        (key("farol.messages.failed", &[]), |t| (t / 100.0).floor()),
        (key("farol.events", &[("farol.event.type", "MessageSent")]), |t| t),
        (key("farol.check.state", &[("farol.check.name", "TWS"), ("farol.check.kind", "tcp")]), |t| {
            if t % 600.0 < 10.0 { 0.0 } else { 1.0 }
        }),
        (key("farol.check.tls.expiry", &[("farol.check.name", "site")]), |_| 60.0),
        (key("farol.integration.up", &[]), |t| if t % 900.0 < 60.0 { 0.0 } else { 1.0 }),
        (key("redis.hit_ratio", &[]), |t| if t % 400.0 < 60.0 { 0.5 } else { 0.97 }),
        (key("redis.memory.used", &[]), |_| 4e8),
        (key("redis.memory.limit", &[]), |_| 1e9),
        (key("redis.keys.evicted", &[]), |t| t * 2.0),
        (key("redis.connections.rejected", &[]), |_| 7.0),
        (key("redis.persistence.ok", &[]), |_| 1.0),
        (key("postgresql.replication.lag", &[("postgresql.replication.client", "b")]), |_| 0.2),
        (key("rabbitmq.alarms", &[]), |_| 0.0),
        (key("rabbitmq.node.memory.used", &[("rabbitmq.node.name", "a")]), |_| 2e8),
        (key("rabbitmq.node.memory.limit", &[("rabbitmq.node.name", "a")]), |_| 1e9),
        (
            key(
                "rabbitmq.message.current",
                &[("rabbitmq.vhost.name", "/"), ("rabbitmq.queue.name", "q"), ("rabbitmq.message.state", "ready")],
            ),
            |t| 40.0 + 40.0 * (t / 50.0).sin(),
        ),
        (key("celery.queue.length", &[("celery.queue", "celery")]), |t| 30.0 + 30.0 * (t / 70.0).sin()),
        (key("celery.workers.online", &[]), |t| if t % 1_000.0 < 30.0 { 2.0 } else { 3.0 }),
        (key("celery.tasks.stuck", &[]), |_| 0.0),
        (key("sentry.crash_free_ratio", &[("farol.window", "1h"), ("farol.subject", "users")]), |_| 0.998),
        (key("sentry.issues", &[("farol.issue.state", "new_1h")]), |_| 2.0),
        (key("sentry.transaction.failure_ratio", &[]), |_| 0.01),
        (key("hosting.deployment.ready", &[("farol.target", "web")]), |_| 1.0),
        (key("hosting.cpu.utilization", &[("farol.target", "db")]), |_| 0.4),
        (key("hosting.memory.utilization", &[("farol.target", "db")]), |_| 0.5),
        (key("hosting.disk.utilization", &[("farol.target", "db")]), |_| 0.6),
    ]
}

/// Rule, series that goes wrong, its value by the seconds since, and how grave it becomes.
type Wrong = (&'static str, &'static str, fn(f64) -> f64, Level);

const WRONG: &[Wrong] = &[
    ("host-cpu", "system.cpu.time", |t| 4_320.0 + t * 3.9, Level::Critical),
    ("container-cpu", "container.cpu.time", |t| 1_080.0 + t * 0.9, Level::Warning),
    ("host-memory", "system.memory.usage", |_| 7e9, Level::Warning),
    ("container-memory", "container.memory.working_set", |_| 9.9e8, Level::Critical),
    ("disk-space", "system.filesystem.usage", |_| 3e11, Level::Warning),
    ("disk-filling", "system.filesystem.usage", |t| 5e10 + 3_600.0 + t * 2e6, Level::Warning),
    ("host-oom", "system.linux.memory.oom_kills", |_| 4.0, Level::Warning),
    ("container-oom", "container.memory.oom_kills", |_| 1.0, Level::Warning),
    ("container-throttled", "container.cpu.throttling.throttled_periods", |t| 1_800.0 + t * 5.0, Level::Warning),
    ("samples-lost", "farol.agent.samples.lost", |_| 500.0, Level::Warning),
    ("service-errors", "http.server.request.error_ratio", |_| 0.12, Level::Critical),
    ("service-latency", "http.server.request.duration", |_| 0.7, Level::Warning),
    ("message-failures", "farol.messages.failed", |t| 36.0 + t * 0.1, Level::Warning),
    ("check-offline", "farol.check.state", |_| 0.0, Level::Critical),
    ("certificate", "farol.check.tls.expiry", |_| 13.0, Level::Warning),
    ("integration-failing", "farol.integration.up", |_| 0.0, Level::Warning),
    ("cache-hit-ratio", "redis.hit_ratio", |_| 0.6, Level::Warning),
    ("redis-memory", "redis.memory.used", |_| 9.8e8, Level::Critical),
    ("redis-evictions", "redis.keys.evicted", |t| 7_200.0 + t * 100.0, Level::Warning),
    ("redis-rejected", "redis.connections.rejected", |_| 8.0, Level::Warning),
    ("redis-persistence", "redis.persistence.ok", |_| 0.0, Level::Warning),
    ("postgres-replica", "postgresql.replication.lag", |_| 700.0, Level::Critical),
    ("rabbitmq-alarm", "rabbitmq.alarms", |_| 1.0, Level::Critical),
    ("rabbitmq-memory", "rabbitmq.node.memory.used", |_| 9e8, Level::Warning),
    ("rabbitmq-queue", "rabbitmq.message.current", |t| 100.0 + t, Level::Warning),
    ("celery-queue", "celery.queue.length", |t| 100.0 + t * 5.0, Level::Critical),
    ("celery-worker", "celery.workers.online", |_| 2.0, Level::Warning),
    ("celery-no-worker", "celery.workers.online", |_| 0.0, Level::Critical),
    ("celery-stuck", "celery.tasks.stuck", |_| 2.0, Level::Warning),
    ("sentry-crash-free", "sentry.crash_free_ratio", |_| 0.97, Level::Warning),
    ("sentry-new-issues", "sentry.issues", |_| 80.0, Level::Critical),
    ("sentry-failures", "sentry.transaction.failure_ratio", |_| 0.07, Level::Warning),
    ("deploy-failed", "hosting.deployment.ready", |_| 0.0, Level::Warning),
    ("hosting-cpu", "hosting.cpu.utilization", |_| 0.9, Level::Warning),
    ("hosting-memory", "hosting.memory.utilization", |_| 0.97, Level::Critical),
    ("hosting-disk", "hosting.disk.utilization", |_| 0.85, Level::Warning),
];

/// An hour of a normal day, then two in which some series go wrong; what was told in each.
fn told(rules: Vec<Rule>, wrong: Option<&Wrong>) -> (Vec<String>, Vec<(String, Level)>) {
    let normal = normal();
    let mut host = Host::new(rules, normal.iter().map(|(key, _)| key.clone()).collect());
    let values = |host: &mut Host, t: f64, wrong: Option<(&Wrong, f64)>| {
        let mut broken = wrong;
        let row: Vec<f64> = normal
            .iter()
            .map(|(key, of)| match broken {
                // Only the first series of the metric.
                Some((wrong, since)) if key.metric == wrong.1 => {
                    broken = None;
                    (wrong.2)(since)
                }
                _ => of(t),
            })
            .collect();
        host.tell(&row)
    };
    let mut calm = Vec::new();
    for second in 0..3_600 {
        calm.extend(values(&mut host, f64::from(second), None).into_iter().map(|change| change.rule.id.clone()));
    }
    let mut storm = Vec::new();
    if let Some(wrong) = wrong {
        for second in 0..if wrong.0 == "disk-filling" { 4 * 3_600 } else { 3_600 } {
            let changes = values(&mut host, f64::from(3_600 + second), Some((wrong, f64::from(second))));
            storm.extend(changes.into_iter().map(|change| (change.rule.id.clone(), change.to)));
        }
    }
    (calm, storm)
}

#[test]
fn on_a_normal_day_no_built_in_rule_says_a_word() {
    let (calm, _) = told(all().collect(), None);
    assert_eq!(calm, [""; 0]);
}

#[test]
fn every_built_in_rule_tells_what_it_is_for() {
    let mut seen: HashSet<&str> = HashSet::from(["agent-silent"]);
    for wrong in WRONG {
        let rule: Vec<Rule> = all().filter(|rule| rule.id == wrong.0).collect();
        let (calm, storm) = told(rule, Some(wrong));
        assert!(calm.is_empty(), "{}: {calm:?}", wrong.0);
        let worst = storm.iter().map(|(_, level)| *level).max();
        assert_eq!(worst, Some(wrong.3), "{}: {storm:?}", wrong.0);
        seen.insert(wrong.0);
    }
    let all: HashSet<String> = all().map(|rule| rule.id).collect();
    assert_eq!(all, seen.into_iter().map(str::to_owned).collect::<HashSet<_>>());
}

#[test]
fn an_agent_that_falls_silent_is_told_within_a_minute_and_its_return_too() {
    let silent: Vec<Rule> = all().filter(|rule| rule.id == "agent-silent").collect();
    let mut host = Host::new(silent, vec![key("load", &[])]);
    assert_eq!(host.tell_for(10, &[1.0]), []);
    let changes = host.wait(70);
    assert_eq!(changes.iter().map(|change| change.to).collect::<Vec<_>>(), [Level::Critical]);
    let changes = host.tell_for(10, &[1.0]);
    assert_eq!(changes.iter().map(|change| change.to).collect::<Vec<_>>(), [Level::Ok]);
}
