//! Tests of what services add up to, with a real store behind them.

use std::{collections::BTreeMap, sync::mpsc::sync_channel};

use farol_shared::{
    batch::{Batch, Table, Tables},
    frame::Frame,
    record::{ErrorSummary, LogRecord, RequestSummary},
    sketch::Sketch,
    wire,
};
use farol_store::{Options, Outcome};
use serde_bytes::ByteBuf;
use tempfile::TempDir;

use super::{feedback::Reporter, *};
use crate::clock::SystemClock;
use farol_shared::clock::Clock as _;

struct House {
    store: Store,
    services: Services,
    now_ms: i64,
    _dir: TempDir,
}

impl House {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::open(dir.path(), Options::default(), Arc::new(SystemClock)).unwrap();
        Self { store, services: Services::default(), now_ms: SystemClock.now_ms(), _dir: dir }
    }

    /// Commits a batch and takes it in, unless it is a repeat.
    fn send(&self, batch: Batch) {
        let (answer, answered) = sync_channel(1);
        self.store.submit(batch, Box::new(move |outcome| answer.send(outcome).unwrap()));
        if let Outcome::Stored(committed) = answered.recv().unwrap().unwrap() {
            self.services.take(&committed, Arrival { now_ms: self.now_ms, skew_ms: 0 });
        }
    }

    /// What is told at a moment: values by metric and attribute.
    fn told(&self, reporter: &mut Reporter, now_ms: i64) -> BTreeMap<String, f64> {
        let Some(body) = reporter.next(&self.services, &self.store, now_ms) else { return BTreeMap::new() };
        let batch = wire::decode(&body).unwrap();
        let tables = wire::decode_tables(&batch.tables).unwrap();
        wire::check_shape(&batch, &tables).unwrap();
        let mut told = BTreeMap::new();
        for (table, row) in tables.0.iter().zip(&batch.frames[0].rows) {
            assert_eq!(table.series.len(), row.0.len());
            for (key, value) in table.series.iter().zip(&row.0) {
                let attribute = key.attributes.first().map_or(String::new(), |(_, value)| format!("{{{value}}}"));
                told.insert(format!("{} {}{attribute}", table.resource.key, key.metric), *value);
            }
        }
        told
    }
}

fn resource(name: &str) -> Resource {
    Resource {
        key: format!("service:{name}"),
        kind: ResourceKind::Service,
        parent: None,
        tenant: None,
        attributes: BTreeMap::from([("service.name".to_owned(), name.to_owned())]),
    }
}

fn batch(agent: &str, seq: u64, time_ms: i64, service: &str, records: Records) -> Batch {
    let tables = Tables(vec![Table { resource: resource(service), series: Vec::new() }]);
    Batch {
        agent: agent.to_owned(),
        boot: 1,
        seq,
        interval_ms: 1_000,
        taken: seq,
        lost: Vec::new(),
        tables: ByteBuf::from(wire::encode_tables(&tables)),
        frames: vec![Frame { time_ms, rows: Vec::new(), records: vec![records] }],
    }
}

fn summary(count: u64, failed: u64, duration_s: f64) -> RequestSummary {
    let mut sketch = Sketch::new();
    sketch.record(duration_s, count);
    let mut bytes = Vec::new();
    sketch.encode(&mut bytes);
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    let sum_s = duration_s * count as f64;
    RequestSummary {
        method: "GET".to_owned(),
        route: "/".to_owned(),
        status: if failed > 0 { 500 } else { 200 },
        count,
        failed,
        sum_s,
        min_s: duration_s,
        max_s: duration_s,
        sketch: ByteBuf::from(bytes),
        ..RequestSummary::default()
    }
}

fn requests(summaries: Vec<RequestSummary>) -> Records {
    Records { requests: summaries, ..Records::default() }
}

fn events(kinds: &[&str]) -> Records {
    let event = |kind: &&str| Event { time_ms: 0, kind: (*kind).to_owned(), tenant: None, payload: "{}".to_owned() };
    Records { events: kinds.iter().map(event).collect(), ..Records::default() }
}

#[test]
fn twenty_agents_of_one_service_count_as_one_and_repeats_count_once() {
    let (house, mut reporter) = (House::new(), Reporter::new(1));
    for agent in 0..20 {
        for seq in 1..=3 {
            let records = || requests(vec![summary(4, 0, 0.1), summary(1, 1, 0.4)]);
            for _ in 0..2 {
                house.send(batch(&format!("host:{agent}"), seq, house.now_ms - 3_000, "shop", records()));
            }
        }
    }
    let figures = house.services.figures(&[], house.now_ms);
    assert_eq!((figures.count, figures.failed), (300, 60));
    let told = house.told(&mut reporter, house.now_ms);
    assert_eq!(told["service:shop http.server.request.error_ratio"], 0.2);
    assert_eq!(told["service:shop http.server.request.apdex"], 0.8);
    assert_eq!(told["service:shop http.server.request.duration{min}"], 0.1);
    assert_eq!(told["service:shop http.server.request.duration{p99}"], 0.4);
    assert_eq!(told["service:shop http.server.request.rate"], 75.0, "300 in the four seconds since they were begun");
}

#[test]
fn without_requests_the_rate_is_nothing_and_the_rest_is_not_known() {
    let (house, mut reporter) = (House::new(), Reporter::new(1));
    house.send(batch("host:a", 1, house.now_ms, "shop", requests(vec![summary(4, 0, 0.1)])));
    house.send(batch("host:a", 2, house.now_ms, "batch-jobs", events(&["JobDone"])));
    let told = house.told(&mut reporter, house.now_ms + 61_000);
    assert_eq!(told["service:shop http.server.request.rate"], 0.0);
    for missing in ["error_ratio", "apdex", "duration{p95}", "duration{mean}", "duration{max}"] {
        assert!(told[&format!("service:shop http.server.request.{missing}")].is_nan(), "{missing}");
    }
    assert!(!told.contains_key("service:batch-jobs http.server.request.rate"), "it serves nobody");
    assert_eq!(house.told(&mut reporter, house.now_ms + HEARD_FOR_MS), BTreeMap::new(), "nobody spoke of them any more");
}

#[test]
fn counters_are_told_as_zero_first_so_that_their_first_events_are_an_increase() {
    let (house, mut reporter) = (House::new(), Reporter::new(1));
    let error = ErrorSummary { kind: "ValueError".to_owned(), count: 3, ..ErrorSummary::default() };
    let mut records = events(&["MessageReceived", "MessageReceived", "OrderPlaced"]);
    records.errors = vec![error];
    records.logs = vec![LogRecord { level: Level::Error, ..LogRecord::default() }];
    records.levels.0 = [0, 7, 5, 0, 1, 0];
    house.send(batch("host:a", 1, house.now_ms, "shop", records));
    let names = [
        ("farol.service.errors", 3.0),
        ("farol.service.log.records{debug}", 7.0),
        ("farol.service.log.records{error}", 1.0),
        ("farol.service.log.records{warn}", 0.0),
        ("farol.events{MessageReceived}", 2.0),
        ("farol.events{OrderPlaced}", 1.0),
        ("farol.messages.received", 2.0),
    ];
    let first = house.told(&mut reporter, house.now_ms);
    let second = house.told(&mut reporter, house.now_ms + 1_000);
    for (name, expect) in names {
        let name = format!("service:shop {name}");
        assert_eq!((first[&name], second[&name]), (0.0, expect), "{name}");
    }
    assert!(!second.contains_key("service:shop farol.messages.sent"), "no event told of it");
}

#[test]
fn more_types_of_events_than_are_kept_apart_are_counted_together() {
    let (house, mut reporter) = (House::new(), Reporter::new(1));
    let kinds: Vec<String> = (0..200).map(|number| format!("Kind{number}")).collect();
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    house.send(batch("host:a", 1, house.now_ms, "shop", events(&kinds)));
    house.told(&mut reporter, house.now_ms);
    let told = house.told(&mut reporter, house.now_ms + 1_000);
    let of_events: Vec<f64> = told.iter().filter(|(name, _)| name.contains("farol.events{")).map(|(_, value)| *value).collect();
    assert_eq!((of_events.len(), of_events.iter().sum::<f64>()), (EVENT_TYPES_MAX, 200.0));
}

#[test]
fn a_batch_that_was_turned_away_comes_again_as_it_was() {
    let (house, mut reporter) = (House::new(), Reporter::new(1));
    house.send(batch("host:a", 1, house.now_ms, "shop", requests(vec![summary(4, 0, 0.1)])));
    let first = reporter.next(&house.services, &house.store, house.now_ms).unwrap();
    reporter.keep(first.clone());
    assert_eq!(reporter.next(&house.services, &house.store, house.now_ms + 1_000), Some(first.clone()));
    assert_ne!(reporter.next(&house.services, &house.store, house.now_ms + 2_000), Some(first));
}

#[test]
fn conversations_of_before_a_start_are_remembered_and_totals_are_not_counted_twice() {
    let house = House::new();
    let payload = r#"{"conversation_id":"a"}"#.to_owned();
    let start = Event { time_ms: house.now_ms - 60_000, kind: "ConversationStarted".to_owned(), tenant: None, payload };
    let mut records = events(&["MessageReceived"]);
    records.events.push(start);
    house.send(batch("host:a", 1, house.now_ms - 60_000, "shop", records));
    let again = Services::default();
    again.remember(&house.store, house.now_ms);
    let house = House { services: again, ..house };
    let mut reporter = Reporter::new(2);
    let told = house.told(&mut reporter, house.now_ms);
    assert_eq!(told.get("service:shop farol.conversations.active"), Some(&1.0), "{told:?}");
    assert!(!told.contains_key("service:shop farol.messages.received"), "{told:?}");
}
