//! Alerts through `kill -9`: whatever fires is kept and told, each notice under one key, however often the collector dies on the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use farol_shared::{
    batch::{Batch, SeriesKey, Table, Tables},
    frame::{Frame, Row},
    metric::Kind,
    wire,
};
use farol_tests::{
    batches::resource,
    collector::{AGENT_TOKEN, Collector},
    fake::channels::{Channels, Turn},
    http::Client,
    random::Random,
    wait::{now_ms, until, when},
};
use serde_json::Value;

/// Queues that grow and shrink again, each on a machine of its own: each is an incident of its own.
const QUEUES: usize = 5;

/// How often the collector is killed on the way up, and on the way down.
const KILLS: usize = 6;

/// An agent that tells of all queues, four times a second, until it is dropped.
struct Feeder {
    lengths: Arc<Mutex<[f64; QUEUES]>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Feeder {
    fn start(collector: SocketAddr) -> Self {
        let (lengths, stop) = (Arc::new(Mutex::new([0.0; QUEUES])), Arc::new(AtomicBool::new(false)));
        let (told, ended) = (Arc::clone(&lengths), Arc::clone(&stop));
        let thread = Some(thread::spawn(move || feed(collector, &told, &ended)));
        Self { lengths, stop, thread }
    }

    fn set(&self, queue: usize, length: f64) {
        self.lengths.lock().unwrap()[queue] = length;
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn feed(collector: SocketAddr, lengths: &Mutex<[f64; QUEUES]>, stop: &AtomicBool) {
    let mut client = Client::new(collector).bearer(AGENT_TOKEN).with("Content-Type", wire::CONTENT_TYPE);
    let table = |queue: usize| Table {
        resource: resource(&format!("queue-{queue}")),
        series: vec![SeriesKey {
            metric: "test.queue.length".to_owned(),
            unit: "{message}".to_owned(),
            kind: Kind::Gauge,
            attributes: Vec::new(),
        }],
    };
    let tables = wire::encode_tables(&Tables((0..QUEUES).map(table).collect()));
    let mut seq = 0;
    while !stop.load(Ordering::Relaxed) {
        seq += 1;
        let rows = lengths.lock().unwrap().iter().map(|length| Row(vec![*length])).collect();
        let batch = Batch {
            agent: "queues".to_owned(),
            boot: 1,
            seq,
            interval_ms: 250,
            taken: seq * u64::try_from(QUEUES).unwrap(),
            lost: Vec::new(),
            tables: tables.clone().into(),
            frames: vec![Frame { time_ms: now_ms(), rows, records: Vec::new() }],
        };
        let body = wire::encode(&batch);
        // As an agent does: again until it is on disk.
        while !client.send("POST", wire::PATH, &[], &body).is_ok_and(|answer| answer.status == 200) {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_millis(250));
    }
}

fn kill(collector: &mut Collector, random: &mut Random) {
    // Anywhere on the way from a sample to a told channel: judging, gathering, writing, sending.
    thread::sleep(Duration::from_millis(random.between(0, 3_000)));
    collector.kill();
    collector.spawn();
    collector.wait_ready();
}

/// The queue rule's alerts by the name of their resource: how many there were, and how many fire.
fn alerts(collector: &mut Collector) -> BTreeMap<String, (usize, usize)> {
    let answer = collector.api().json("/api/v1/alerts?state=all&limit=500");
    let mut found: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for alert in answer["alerts"].as_array().unwrap().iter().filter(|alert| alert["rule"] == "queue") {
        let counts = found.entry(alert["resource_name"].as_str().unwrap().to_owned()).or_default();
        counts.0 += 1;
        counts.1 += usize::from(alert["state"] == "firing");
    }
    found
}

fn incidents(collector: &mut Collector) -> Vec<Value> {
    let answer = collector.api().json("/api/v1/incidents?limit=200");
    let of_queue = |incident: &&Value| incident["title"]["rule"] == "queue";
    answer["incidents"].as_array().unwrap().iter().filter(of_queue).cloned().collect()
}

#[test]
fn no_alert_is_lost_or_told_under_two_keys_however_often_the_collector_is_killed() {
    let seed = Random::seed_of_run();
    eprintln!("FAROL_SEED={seed}");
    let mut random = Random::seeded(seed);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let hook = runtime.block_on(Channels::start());
    // It fails in turn, so that some messages are under way for longer.
    hook.next([Turn::Status(500, String::new()), Turn::Fine, Turn::Cut, Turn::Fine, Turn::Status(503, String::new())]);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("farol.toml");
    let rule = "[[rule]]\nid = \"queue\"\nname = \"Queue\"\ncritical = 10\nfor_s = 1\nresolve_after_s = 1\n\
         condition = { type = \"series\", metric = \"test.queue.length\", aggregate = \"last\", window_s = 30 }\n";
    let channel = format!("[[channel]]\nid = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\n", hook.url("/hook"));
    fs::write(&config, format!("{rule}{channel}")).unwrap();
    let mut collector = Collector::options().var("FAROL_CONFIG", config.to_str().unwrap()).start();
    let feeder = Feeder::start(collector.address());

    for round in 0..KILLS {
        if round < QUEUES {
            feeder.set(round, 100.0);
        }
        kill(&mut collector, &mut random);
    }
    until("every queue to fire", || {
        when(alerts(&mut collector), |found| found.len() == QUEUES && found.values().all(|(_, firing)| *firing == 1))
    });
    // What is over before anybody was told is told to nobody, so none may end before.
    until("every incident to be told", || {
        let told = hook.told();
        let is_told = |incident: &&Value| told.iter().any(|told| told.body["incident"]["id"] == incident["id"]);
        when(incidents(&mut collector), |all| all.iter().filter(is_told).count() == all.len())
    });
    for round in 0..KILLS {
        if round < QUEUES {
            feeder.set(round, 0.0);
        }
        kill(&mut collector, &mut random);
    }
    until("every incident to be over and told", || {
        let open = incidents(&mut collector).iter().filter(|incident| incident["state"] == "open").count();
        let answer = collector.api().json("/api/v1/deliveries?limit=500");
        let waiting = answer["deliveries"].as_array().unwrap().iter().filter(|row| row["state"] == "waiting").count();
        when((open, waiting), |left| *left == (0, 0))
    });

    let found = alerts(&mut collector);
    assert_eq!(found.len(), QUEUES, "{found:?}");
    assert!(found.values().all(|counts| *counts == (1, 0)), "each fired once: {found:?}");
    let ids: BTreeSet<i64> = incidents(&mut collector).iter().map(|incident| incident["id"].as_i64().unwrap()).collect();
    // What was taken, by key: of a message that came twice the channel knows that it is one.
    let mut taken: BTreeMap<String, Value> = BTreeMap::new();
    for told in hook.told().into_iter().filter(|told| matches!(told.turn, Turn::Fine | Turn::Cut)) {
        let key = told.key.expect("every message has its key");
        if let Some(known) = taken.get(&key) {
            assert_eq!(*known, told.body, "one key, one message");
        }
        taken.insert(key, told.body);
    }
    for id in ids {
        let reasons: Vec<&str> =
            taken.values().filter(|body| body["incident"]["id"] == id).map(|body| body["event"].as_str().unwrap()).collect();
        let count = |reason: &str| reasons.iter().filter(|told| **told == reason).count();
        assert_eq!((count("opened"), count("resolved")), (1, 1), "incident {id}: {reasons:?}");
    }
}
