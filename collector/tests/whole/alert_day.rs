//! A day is recorded into a real history, faults in it, and played second by second through rules, keeper and incidents: exactly the
//! incidents that were put in come out, each with its first cause.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
};

use farol_collector::{
    alert::{Engine, Keeper, Rules, Topology, happened::Happened, past::StorePast, select::ResourceFacts},
    live::Arrival,
    notify::{CauseKind, route::Recipients},
    state::{FILE_NAME, State, incidents::IncidentFilter},
};
use farol_shared::{
    batch::{Batch, SeriesKey, Table, Tables},
    clock::Clock,
    frame::{Frame, Row},
    metric::Kind,
    record::{Event, Records},
    resource::{Resource, ResourceKind},
    wire,
};
use farol_store::{Committed, Options, Outcome, Store};
use serde_bytes::ByteBuf;
use tempfile::TempDir;

/// Distance of the samples, in seconds: a day of every second would only take longer to record.
const EVERY_S: i64 = 5;
/// How much one batch holds, in seconds.
const BATCH_S: i64 = 600;
const DAY_S: i64 = 86_400;
/// A Wednesday, midnight in UTC.
const START_MS: i64 = 1_760_486_400_000;

#[derive(Debug)]
struct DayClock(AtomicI64);

impl Clock for DayClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One agent of the recorded house: its resource and what it measures at a second of the day; `None` while it is silent.
struct Told {
    agent: &'static str,
    resource: Resource,
    series: Vec<SeriesKey>,
    at: Box<dyn Fn(i64) -> Option<Vec<f64>>>,
    events: Vec<(i64, Event)>,
}

const fn hm(hours: i64, minutes: i64) -> i64 {
    hours * 3_600 + minutes * 60
}

fn is_between(second: i64, from: i64, to: i64) -> bool {
    (from..to).contains(&second)
}

/// Wobbles around 0, by at most 1, the same each time.
fn noise(salt: i64, second: i64) -> f64 {
    let mut mixed = (second.wrapping_mul(0x9e37_79b9) ^ salt.wrapping_mul(0x85eb_ca6b)).cast_unsigned();
    mixed ^= mixed >> 33;
    mixed = mixed.wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^= mixed >> 33;
    f64::from(u16::try_from(mixed & 0xffff).unwrap()) / 32_768.0 - 1.0
}

fn resource(key: &str, kind: ResourceKind, parent: Option<&str>, attributes: &[(&str, &str)]) -> Resource {
    let attributes: BTreeMap<String, String> = attributes.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Resource { key: key.to_owned(), kind, parent: parent.map(str::to_owned), tenant: None, attributes }
}

fn gauge(metric: &str, unit: &str, attributes: &[(&str, &str)]) -> SeriesKey {
    let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    SeriesKey { metric: metric.to_owned(), unit: unit.to_owned(), kind: Kind::Gauge, attributes }
}

/// 08:00 to 08:10: the machine web-1 is gone. 21:00 to 21:04: nobody is heard.
fn is_away(second: i64, is_web_1: bool) -> bool {
    (is_web_1 && is_between(second, hm(8, 0), hm(8, 10))) || is_between(second, hm(21, 0), hm(21, 4))
}

fn host(agent: &'static str, salt: i64) -> Told {
    Told {
        agent,
        resource: resource(&format!("host:{agent}"), ResourceKind::Host, None, &[("host.name", agent)]),
        series: vec![
            gauge("system.memory.usage", "By", &[("system.memory.state", "used")]),
            gauge("system.memory.limit", "By", &[]),
        ],
        at: Box::new(move |second| {
            // Half a minute far too full at 17:00 is no reason to wake anybody.
            let burst = if is_between(second, hm(17, 0), hm(17, 0) + 30) { 0.45 } else { 0.0 };
            (!is_away(second, agent == "web-1")).then(|| vec![(0.5 + burst + 0.02 * noise(salt, second)) * 8e9, 8e9])
        }),
        events: Vec::new(),
    }
}

fn container(agent: &'static str, host: &str, service: &str, salt: i64) -> Told {
    let names = [("container.name", service), ("service.name", service), ("host.name", host)];
    Told {
        agent,
        resource: resource(
            &format!("container:{service}@{host}"),
            ResourceKind::Container,
            Some(&format!("host:{host}")),
            &names,
        ),
        series: vec![gauge("container.memory.working_set", "By", &[]), gauge("container.memory.limit", "By", &[])],
        at: Box::new(move |second| {
            (!is_away(second, agent == "web-1")).then(|| vec![(0.6 + 0.02 * noise(salt, second)) * 1e9, 1e9])
        }),
        events: Vec::new(),
    }
}

/// 02:00 to 02:20: requests of `shop` take four times as long. 12:08 to 12:30: one of eight of them fails.
fn service(name: &'static str, salt: i64) -> Told {
    let deploy = Event {
        time_ms: START_MS + hm(12, 0) * 1_000,
        kind: "Deploy".to_owned(),
        tenant: None,
        payload: r#"{"version":"v2.41.0"}"#.to_owned(),
    };
    let is_shop = name == "shop";
    Told {
        agent: "farol-collector#services",
        resource: resource(&format!("service:{name}"), ResourceKind::Service, None, &[("service.name", name)]),
        series: vec![
            gauge("http.server.request.error_ratio", "1", &[]),
            gauge("http.server.request.duration", "s", &[("farol.statistic", "p95")]),
        ],
        at: Box::new(move |second| {
            let slow = if is_shop && is_between(second, hm(2, 0) + 7, hm(2, 20)) { 4.0 } else { 1.0 };
            let failing = if is_shop && is_between(second, hm(12, 8), hm(12, 30)) { 0.12 } else { 0.0 };
            let p95 = (0.2 + 0.02 * noise(salt, second)) * slow;
            Some(vec![0.01 + failing + 0.005 * noise(salt + 1, second), p95])
        }),
        events: if is_shop { vec![(hm(12, 0), deploy)] } else { Vec::new() },
    }
}

/// 02:00 to 02:20: Redis has reached its limit.
fn redis() -> Told {
    let names =
        [("service.name", "cache"), ("farol.integration.kind", "redis"), ("farol.integration.target", "redis 10.0.0.9:6379/0")];
    Told {
        agent: "farol-collector#redis:cache",
        resource: resource("redis:cache", ResourceKind::External, None, &names),
        series: vec![gauge("redis.memory.used", "By", &[]), gauge("redis.memory.limit", "By", &[])],
        at: Box::new(|second| {
            let share = if is_between(second, hm(2, 0), hm(2, 20)) { 0.99 } else { 0.55 };
            Some(vec![(share + 0.005 * noise(90, second)) * 1e9, 1e9])
        }),
        events: Vec::new(),
    }
}

fn house() -> Vec<Told> {
    vec![
        host("web-1", 1),
        container("web-1", "web-1", "shop", 2),
        host("web-2", 3),
        container("web-2", "web-2", "pay", 4),
        host("db-1", 5),
        host("db-2", 6),
        service("shop", 7),
        service("pay", 9),
        redis(),
    ]
}

/// Records the day, batch by batch, and answers the batches by when they begin.
fn record(store: &Store, house: &[Told], clock: &DayClock) -> Vec<(i64, Arc<Committed>)> {
    let mut recorded = Vec::new();
    let mut sequences: BTreeMap<usize, u64> = BTreeMap::new();
    for begin in (0..DAY_S).step_by(usize::try_from(BATCH_S).unwrap()) {
        clock.0.store(START_MS + (begin + BATCH_S) * 1_000, Ordering::Relaxed);
        for (index, told) in house.iter().enumerate() {
            let mut frames = Vec::new();
            for second in (begin..begin + BATCH_S).step_by(usize::try_from(EVERY_S).unwrap()) {
                let Some(values) = (told.at)(second) else { continue };
                let events: Vec<Event> =
                    told.events.iter().filter(|(at, _)| *at == second).map(|(_, event)| event.clone()).collect();
                let records =
                    if events.is_empty() { Vec::new() } else { vec![Records { resource: 0, events, ..Records::default() }] };
                frames.push(Frame { time_ms: START_MS + second * 1_000, rows: vec![Row(values)], records });
            }
            if frames.is_empty() {
                continue;
            }
            let seq = sequences.entry(index).or_default();
            *seq += 1;
            let tables = Tables(vec![Table { resource: told.resource.clone(), series: told.series.clone() }]);
            let batch = Batch {
                agent: told.agent.to_owned(),
                boot: 1 + u64::try_from(index).unwrap(),
                seq: *seq,
                interval_ms: u64::try_from(EVERY_S * 1_000).unwrap(),
                taken: 0,
                lost: Vec::new(),
                tables: ByteBuf::from(wire::encode_tables(&tables)),
                frames,
            };
            let (done, fate) = mpsc::channel();
            store.submit(batch, Box::new(move |outcome| done.send(outcome).unwrap()));
            let Ok(Outcome::Stored(committed)) = fate.recv().unwrap() else { panic!("not stored") };
            recorded.push((begin, committed));
        }
    }
    recorded
}

#[test]
fn a_recorded_day_gives_exactly_its_incidents_with_their_first_causes() {
    let dir = TempDir::new().unwrap();
    let clock = Arc::new(DayClock(AtomicI64::new(START_MS)));
    let store = Store::open(dir.path(), Options::default(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let recorded = record(&store, &house(), &clock);
    let (state, thread) = State::open(&dir.path().join(FILE_NAME), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let (mut keeper, open) = Keeper::open(state.clone(), Recipients::default()).unwrap();
    assert_eq!(open, []);

    let mut engine = Engine::new(&Rules::new(Vec::new(), &[]).unwrap().now().rules());
    let resources = store.resources();
    for info in &resources {
        engine.know(ResourceFacts { last_seen_ms: START_MS, ..ResourceFacts::from(info) });
    }
    let (mut happened, mut past) = (Happened::default(), StorePast::new(store.clone()));
    let mut waiting = recorded.into_iter().peekable();
    for second in 0..DAY_S {
        let now_ms = START_MS + second * 1_000;
        while let Some((_, committed)) = waiting.next_if(|(begin, _)| *begin <= second) {
            // Its frames wait for their seconds.
            let arrival = Arrival { now_ms: now_ms + BATCH_S * 1_000, skew_ms: 0 };
            happened.take(&committed, arrival);
            engine.take(&committed, arrival);
        }
        let changes = engine.tick(now_ms, &mut past);
        if !changes.is_empty() || second % 10 == 0 {
            keeper.take(changes, &Topology::of(&resources, now_ms), &happened.drain(), now_ms).unwrap();
        }
    }
    let wanted = IncidentFilter::default();
    let rows = state.change_blocking(move |db| db.incidents(1_000, &wanted)).unwrap();
    let mut incidents: Vec<farol_collector::alert::incident::Incident> =
        rows.iter().map(|row| serde_json::from_str(&row.body).unwrap()).collect();
    incidents.sort_by_key(|incident| incident.opened_ms);
    let found: Vec<(i64, String, Option<CauseKind>)> = incidents
        .iter()
        .map(|incident| {
            let minute = (incident.onset_ms - START_MS) / 60_000;
            (minute, incident.title.rule.clone(), incident.cause.as_ref().map(|found| found.cause.kind))
        })
        .collect();
    let told: Vec<String> = incidents.iter().map(|incident| format!("{incident:?}\n")).collect();
    let told = told.concat();
    assert_eq!(found.len(), 4, "{told}");
    assert_eq!(found[0], (hm(2, 0) / 60, "redis-memory".to_owned(), Some(CauseKind::Dependency)), "{told}");
    assert_eq!((found[1].0, found[1].1.as_str()), (hm(8, 0) / 60, "agent-silent"), "{told}");
    assert_eq!((found[2].0, found[2].2), (hm(12, 8) / 60, Some(CauseKind::Deploy)), "{told}");
    assert_eq!((found[3].0, found[3].2), (hm(21, 0) / 60, Some(CauseKind::Network)), "{told}");
    assert!(incidents.iter().all(|incident| incident.closed_ms.is_some()), "{told}");
    drop((keeper, state));
    thread.join().unwrap();
    store.close().unwrap();
}
