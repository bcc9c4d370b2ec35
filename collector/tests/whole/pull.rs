//! Integrations from the poll to the answers of the API: state, history, staleness, and that none delays another.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use farol_collector::pull::{At, Declared, Given, Group, Integration, Kind, PollError, Polling, Reading};
use farol_shared::catalog;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    harness::{Collector, settings},
    records::until,
};

/// A kind that does what its instances' names say.
const SCRIPTED: Kind = Kind {
    name: "redis",
    title: "Redis",
    group: Group::Cache,
    interval: Duration::from_secs(1),
    floor: Duration::from_secs(1),
    timeout: Duration::from_millis(300),
    secrets: &[],
    options: &[],
    snippet: "[[redis]]\n",
    open: |given| match given.name.as_str() {
        "closed" => Err("ca_file: cannot be read".to_owned()),
        _ => Ok(Box::new(Scripted(given.name))),
    },
};

struct Scripted(String);

/// How often the instance "halting" was asked.
static HALTING: AtomicU32 = AtomicU32::new(0);

/// Whether the instance "away" answers.
static AWAY: AtomicU32 = AtomicU32::new(0);

fn reading(at: &At, hits: f64) -> Reading {
    let mut reading = Reading::default();
    reading.set(&catalog::REDIS_KEYSPACE_HITS, &[], hits);
    reading.set(&catalog::REDIS_HIT_RATIO, &[], 0.75);
    if at.since_ms.is_none() {
        reading.set_at(at.now_ms - 60_000, &catalog::REDIS_KEYSPACE_HITS, &[], hits - 1.0);
    }
    reading.snapshot("metrics", &json!({ "keyspace_hits": hits, "maxmemory": null, "configured": "never" }));
    reading.describe("db.system.name", "redis");
    reading
}

fn only(name: &'static str, body: &Value) -> Reading {
    let mut reading = Reading::default();
    reading.set(&catalog::CHECK_STATE, &[("farol.check.name", "cache"), ("farol.check.kind", "redis")], 1.0);
    reading.snapshot(name, body);
    reading
}

const BROKER: Kind = Kind { name: "rabbitmq", ..SCRIPTED };
const TASKS: Kind = Kind { name: "celery", ..SCRIPTED };
const DATABASE: Kind = Kind { name: "postgres", ..SCRIPTED };

/// A broker with messages, task queues without a worker, a database that does not answer, and a check of a Redis that does.
pub(crate) fn house() -> Vec<Declared> {
    let of = |kind, name| Declared { kind, ..declared(name) };
    vec![of(&BROKER, "broker"), of(&TASKS, "tasks"), of(&DATABASE, "hangs")]
}

impl Integration for Scripted {
    fn poll<'a>(&'a mut self, at: &'a At) -> Polling<'a> {
        Box::pin(async move {
            match self.0.as_str() {
                "hangs" => std::future::pending().await,
                "breaks" => panic!("a bug"),
                "refused" => Err(PollError::auth("token lacks project:read").with_status(401)),
                "away" if AWAY.load(Ordering::Relaxed) == 0 => Err(PollError::unreachable("no connection")),
                "partly" => {
                    let mut reading = reading(at, 1.0);
                    reading.missing("slow log", PollError::auth("may not run SLOWLOG"));
                    Ok(reading)
                }
                "halting" if HALTING.fetch_add(1, Ordering::Relaxed) > 0 => {
                    let mut reading = Reading::default();
                    reading.missing("metrics", PollError::unreachable("no answer to INFO"));
                    Ok(reading)
                }
                "broker" => Ok(only("queues", &json!({ "totals": { "total": 12 } }))),
                "tasks" => Ok(only("celery", &json!({ "queued": 3, "workers_online": 0 }))),
                _ => Ok(reading(at, 42.0)),
            }
        })
    }

    fn target(&self) -> String {
        format!("{}.example:6379", self.0)
    }
}

fn declared(name: &str) -> Declared {
    let given = Given {
        name: name.to_owned(),
        url: None,
        timeout: SCRIPTED.timeout,
        interval: SCRIPTED.interval,
        table: toml::Table::new(),
    };
    Declared { kind: &SCRIPTED, given }
}

async fn with(names: &[&str], dir: &TempDir) -> Collector {
    let mut settings = settings(dir.path());
    settings.pull = names.iter().map(|name| declared(name)).collect();
    Collector::start(settings).await
}

fn of<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    let kinds = list["kinds"].as_array()?;
    kinds.iter().flat_map(|kind| kind["instances"].as_array().unwrap()).find(|instance| instance["name"] == name)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_breaks_or_is_refused_delays_no_other() {
    let dir = TempDir::new().unwrap();
    let collector = with(&["hangs", "breaks", "closed", "refused", "well", "partly"], &dir).await;
    let token = collector.sign_in().await;
    let states = until(&collector, &token, "/api/v1/integrations", |list| {
        let state =
            |name| of(list, name).and_then(|instance| instance["status"]["state"].as_str()).unwrap_or_default().to_owned();
        let all = ["hangs", "breaks", "closed", "refused", "well", "partly"].map(state);
        (all == ["unreachable", "bad_answer", "bad_answer", "auth_error", "ok", "partial"]).then(|| list.clone())
    });
    let list = states.await;
    let closed = of(&list, "closed").unwrap()["status"]["text"].as_str().unwrap();
    assert!(closed.contains("cannot be opened: ca_file"), "{closed}");
    let refused = of(&list, "refused").unwrap();
    assert_eq!(refused["target"], "refused.example:6379");
    assert_eq!(refused["status"]["last_error"]["http_status"], 401, "{refused}");
    assert!(refused["status"]["text"].as_str().unwrap().ends_with("401, token lacks project:read"), "{refused}");
    assert_eq!(of(&list, "partly").unwrap()["status"]["missing"][0]["part"], "slow log", "{list}");
    // What does not answer is a warning, and no machine that went silent.
    let resources = until(&collector, &token, "/api/v1/resources", |list| {
        let entry = |name: &str| list["resources"].as_array()?.iter().find(|entry| entry["name"] == name).cloned();
        let (hangs, well) = (entry("hangs")?, entry("well")?);
        (hangs["status"] == "warning" && well["status"] == "ok").then_some((hangs, well))
    });
    let (hangs, well) = resources.await;
    assert_eq!((hangs["kind"].as_str(), hangs["reasons"][0]["code"].as_str()), (Some("external"), Some("no_answer")), "{hangs}");
    assert_eq!(well["attributes"]["db.system.name"], "redis", "{well}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_polled_is_an_answer_a_series_and_a_figure_by_name() {
    let dir = TempDir::new().unwrap();
    let collector = with(&["well"], &dir).await;
    let token = collector.sign_in().await;
    let path = "/api/dashboard/redis/metrics";
    let answer = until(&collector, &token, path, |answer| answer["keyspace_hits"].is_number().then(|| answer.clone())).await;
    assert_eq!((&answer["configured"], &answer["instance"], &answer["stale"]), (&json!(true), &json!("well"), &json!(false)));
    assert_eq!((&answer["keyspace_hits"], &answer["maxmemory"]), (&json!(42.0), &json!(null)), "unknown is no zero: {answer}");
    assert_eq!(answer["status"]["state"], "ok");
    let id = until(&collector, &token, "/api/v1/integrations", |list| of(list, "well")?["resource"].as_i64()).await;
    let from = answer["as_of"].as_i64().unwrap() - 120_000;
    let query = format!("/api/v1/query?metric=redis.keyspace.hits&resource={id}&aggregate=raw&from={from}");
    let points = until(&collector, &token, &query, |answer| {
        let points = answer["series"][0]["points"].as_array()?.clone();
        (points.len() >= 3).then_some(points)
    });
    assert_eq!(points.await[0][1], 41.0, "the first poll filled the past in, and only it did");
    let current = collector.json(&token, "/api/monitoring/current").await;
    assert_eq!(
        (&current["metrics"]["cache_hits"], &current["metrics"]["cache_hit_ratio"]),
        (&json!(42.0), &json!(75.0)),
        "{current}"
    );
    let history = collector.json(&token, "/api/monitoring/history?minutes=10").await;
    assert_eq!(history["metrics"]["cache_hit_ratio"].as_array().unwrap().last().unwrap()[1], 75.0, "{history}");
    let unknown =
        collector.ask("GET", &format!("{path}?instance=other"), &[("authorization", &format!("Bearer {token}"))], b"").await;
    assert!(unknown.status == 404 && unknown.text().contains("there are: well"), "{unknown:?}");
    // Two kinds that share an address may each have one of a name: the key tells them apart.
    for name in ["well", "redis:well"] {
        assert_eq!(collector.json(&token, &format!("{path}?instance={name}")).await["instance"], "well", "{name}");
    }
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_answer_is_told_as_old_after_a_restart_and_recovery_is_seen() {
    let dir = TempDir::new().unwrap();
    AWAY.store(1, Ordering::Relaxed);
    let collector = with(&["away"], &dir).await;
    let token = collector.sign_in().await;
    let path = "/api/dashboard/redis/metrics";
    until(&collector, &token, path, |answer| answer["keyspace_hits"].is_number().then_some(())).await;
    collector.stop().await;
    AWAY.store(0, Ordering::Relaxed);
    let collector = with(&["away"], &dir).await;
    let token = collector.sign_in().await;
    let stale = until(&collector, &token, path, |answer| {
        (answer["stale"] == true && answer["status"]["state"] == "unreachable").then(|| answer.clone())
    })
    .await;
    assert_eq!(stale["keyspace_hits"], 42.0, "the last value, and how old it is: {stale}");
    AWAY.store(1, Ordering::Relaxed);
    until(&collector, &token, path, |answer| (answer["stale"] == false && answer["status"]["state"] == "ok").then_some(())).await;
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_stopped_coming_is_old_while_the_rest_is_fresh() {
    let dir = TempDir::new().unwrap();
    let collector = with(&["halting"], &dir).await;
    let token = collector.sign_in().await;
    let path = "/api/dashboard/redis/metrics";
    let fresh = until(&collector, &token, path, |answer| answer["keyspace_hits"].is_number().then(|| answer.clone())).await;
    assert_eq!(fresh["stale"], false);
    let old = until(&collector, &token, path, |answer| (answer["stale"] == true).then(|| answer.clone())).await;
    assert_eq!((&old["status"]["state"], &old["keyspace_hits"]), (&json!("partial"), &json!(42.0)), "{old}");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_configured_says_what_to_write() {
    let (collector, _dir) = Collector::fresh().await;
    let token = collector.sign_in().await;
    for path in [
        "/api/dashboard/sentry/health",
        "/api/dashboard/sentry/performance",
        "/api/dashboard/redis/metrics",
        "/api/dashboard/infra/metrics",
        "/api/dashboard/uptime/status",
        "/api/dashboard/users/online",
        "/api/v1/queues",
        "/api/v1/celery",
        "/api/v1/postgres",
        // The address of a page that was kept from when there was one.
        "/api/dashboard/redis/metrics?instance=cache",
        "/api/dashboard/uptime/status?instance=site",
        "/api/v1/celery?instance=jobs",
    ] {
        let answer = collector.json(&token, path).await;
        assert_eq!(answer["configured"], false, "{path}: {answer}");
        assert!(answer["hint"].as_str().unwrap().contains("[["), "{path}: {answer}");
        assert!(answer["snippet"].as_str().unwrap().starts_with("[["), "{path}: {answer}");
    }
    let list = collector.json(&token, "/api/v1/integrations").await;
    assert!(list["kinds"].as_array().unwrap().iter().all(|kind| kind["instances"] == json!([])), "{list}");
    collector.stop().await;
}
