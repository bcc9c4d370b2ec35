//! A deletion of a hundred thousand keys: what it costs Redis, and what others notice of it meanwhile.

use std::time::{Duration, Instant};

use farol_collector::{
    access::Role,
    act::JobState,
    redis_link::{Config, Link, Target},
};
use farol_tests::redis_server::{RedisCluster, RedisServer};
use serde_json::{Value, json};

use super::{House, house::instance, is_over, keys, until};

/// Longest time that the usual run of a command may take Redis, in microseconds. Not the slowest: what another program on this
/// machine takes from Redis by the way is none of our doing, and a command that asks too much takes long each time. The benchmark
/// prints how many took longer on a quiet machine.
const COMMAND_US_MAX: f64 = 10_000.0;

/// A command, and the median and the slowest of its runs since the statistics were reset, in microseconds, as Redis measured
/// them.
struct Measured {
    name: String,
    median_us: f64,
    slowest_us: f64,
}

/// How often a command ran since the statistics were reset.
fn runs(server: &RedisServer, command: &str) -> u64 {
    let told = server.ask(&["INFO", "commandstats"]);
    let head = format!("cmdstat_{command}:calls=");
    let calls = told.lines().find_map(|line| line.trim().strip_prefix(&head)?.split_once(',')?.0.parse().ok());
    calls.unwrap_or(0)
}

/// All commands that ran, the slowest first.
fn measured(server: &RedisServer) -> Vec<Measured> {
    let told = server.ask(&["INFO", "latencystats"]);
    let line = |line: &str| {
        let (name, figures) = line.trim().strip_prefix("latency_percentiles_usec_")?.split_once(':')?;
        let (median, slowest) = figures.strip_prefix("p50=")?.split_once(",p100=")?;
        Some(Measured { name: name.to_owned(), median_us: median.parse().ok()?, slowest_us: slowest.parse().ok()? })
    };
    let mut commands: Vec<Measured> = told.lines().filter_map(line).collect();
    commands.sort_by(|a, b| b.slowest_us.total_cmp(&a.slowest_us));
    commands
}

/// What others waited for an answer, in milliseconds.
#[derive(Default)]
struct Waits(Vec<f64>);

impl Waits {
    fn note(&mut self, began: Instant) {
        self.0.push(began.elapsed().as_secs_f64() * 1e3);
    }
}

impl std::fmt::Display for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |hundredths: usize| sorted.get((sorted.len().saturating_sub(1)) * hundredths / 100).copied().unwrap_or(f64::NAN);
        write!(f, "{} answers, median {:.2} ms, P99 {:.2} ms, slowest {:.2} ms", sorted.len(), at(50), at(99), at(100))
    }
}

/// Another client of Redis, and somebody who looks at the page, until a job is over.
async fn others(house: &House, link: &Link, job: &Value) -> (Waits, Waits) {
    let (mut redis, mut page) = (Waits::default(), Waits::default());
    let path = format!("/api/v1/actions/{}", job.as_str().unwrap());
    loop {
        let began = Instant::now();
        link.run::<Option<String>>(redis::cmd("GET").arg("keep:7")).await.unwrap();
        redis.note(began);
        let began = Instant::now();
        let told = house.send("GET", &path, Some(Role::Admin), None).await;
        page.note(began);
        assert_eq!(told.status, 200, "{}", told.json);
        if told.json["state"] != "running" {
            return (redis, page);
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_keys_go_while_redis_answers_everybody_else() {
    let server = RedisServer::with(&["--slowlog-log-slower-than", "10000", "--slowlog-max-len", "1000"]);
    let house = House::of(vec![instance("cache", &server.url(), "", true)]).await;
    let link = Target::read(Some(&server.url()), &Config::default()).unwrap().connect(Duration::from_secs(20)).await.unwrap();
    server.feed(&keys("page:", 100_000));
    server.feed(&keys("keep:", 500));
    let preview = house.done(Role::Admin, "del_key", json!({"pattern": "page:*", "preview": true})).await;
    assert_eq!(preview["count"].as_u64(), Some(100_000), "{preview}");
    server.tell(&["CONFIG", "SET", "latency-tracking-info-percentiles", "50 100"]);
    server.tell(&["CONFIG", "RESETSTAT"]);
    server.tell(&["SLOWLOG", "RESET"]);
    let ask = json!({"pattern": "page:*", "expected": 100_000, "confirm": "cache"});
    let began = Instant::now();
    let begun = house.post(Role::Admin, "del_key", ask).await;
    assert_eq!((begun.status, begun.json["state"].as_str()), (202, Some("running")), "{}", begun.json);
    let (redis, page) = others(&house, &link, &begun.json["job"]).await;
    let done = until(&house, &begun.json["job"], is_over).await;
    let took = began.elapsed();
    assert_eq!((done.state, done.deleted, done.message), (JobState::Done, 100_000, None));
    assert_eq!(server.ask(&["DBSIZE"]), "500");
    assert_eq!(done.kept, 100_000, "16 MiB suffice for small keys");
    let back = house.done(Role::Admin, "undo", json!({"undo": done.undo})).await;
    assert_eq!(back["restored"].as_u64(), Some(100_000), "{back}");
    assert_eq!(server.ask(&["DBSIZE"]), "100500");
    let commands = measured(&server);
    let list: Vec<String> =
        commands.iter().map(|one| format!("{} {:.3}/{:.2} ms", one.name, one.median_us / 1e3, one.slowest_us / 1e3)).collect();
    let over = server.ask(&["SLOWLOG", "LEN"]);
    eprintln!("100,000 keys gone in {:.2} s; median/slowest run of each command: {}", took.as_secs_f64(), list.join(", "));
    eprintln!("  over 10 ms: {over}; another client of Redis: {redis}; a route of the collector: {page}");
    for ours in ["scan", "unlink", "dump", "pttl", "memory|usage", "restore"] {
        let usual = commands.iter().find(|one| one.name == ours).unwrap_or_else(|| panic!("{ours} was not measured: {list:?}"));
        assert!(usual.median_us <= COMMAND_US_MAX, "{ours} takes Redis long each time: {list:?}");
    }
    // The bound that keeps each run short, whatever the machine: so many keys at once and no more.
    assert!(runs(&server, "scan") >= 200, "a page of SCAN holds over 500 keys: {} runs", runs(&server, "scan"));
    assert!(runs(&server, "unlink") >= 1_000, "over 100 keys go at once: {} runs", runs(&server, "unlink"));
    assert!(redis.0.len() > 20 && page.0.len() > 20, "others were answered meanwhile: {redis}; {page}");
}

#[tokio::test]
async fn a_second_deletion_is_refused_while_one_is_under_way_however_far_it_is() {
    let server = RedisServer::start();
    let house = House::of(vec![instance("cache", &server.url(), "", true)]).await;
    server.feed(&keys("page:", 100_000));
    let ask = json!({"pattern": "page:*", "expected": 100_000, "confirm": "cache"});
    let begun = house.post(Role::Admin, "del_key", ask.clone()).await;
    assert_eq!(begun.status, 202, "{}", begun.json);
    // So many are gone that counting would find another number than was confirmed.
    until(&house, &begun.json["job"], |progress| progress.deleted > 15_000).await;
    let second = house.post(Role::Admin, "del_key", ask).await;
    assert_eq!((second.status, second.json["code"].as_str()), (409, Some("under_way")), "{}", second.json);
    let done = until(&house, &begun.json["job"], is_over).await;
    assert_eq!((done.state, done.deleted), (JobState::Done, 100_000));
}

#[tokio::test]
async fn a_count_that_stops_between_two_nodes_of_a_cluster_says_so() {
    let cluster = RedisCluster::start();
    let house = House::of(vec![instance("cache", &cluster.url(), "cluster = true", true)]).await;
    // All in the slots of one node, so that its end and the bound of the count come together; the others hold a few.
    let first = cluster.nodes.iter().min_by_key(|node| node.address()).unwrap();
    let tag = (0..)
        .map(|n| format!("{{t{n}}}"))
        .find(|tag| !first.ask(&["SET", &format!("page:{tag}"), "x"]).starts_with("MOVED"))
        .unwrap();
    first.feed(&keys(&format!("page:{tag}"), 100_000));
    let preview = house.done(Role::Admin, "del_key", json!({"pattern": "page:*", "preview": true})).await;
    assert!(preview["count"].as_u64().unwrap() >= 100_000, "{preview}");
    assert_eq!(preview["is_cut"], true, "two nodes were not counted: {preview}");
}
