//! Records against a model that keeps them all in a list: whatever happens, every answer is what the list says.

#![expect(clippy::cast_possible_truncation, reason = "made-up numbers are small")]

use std::{collections::HashMap, sync::Arc};

use farol_shared::{
    batch::{Batch, Table, Tables},
    frame::{Frame, Row},
    record::{CheckResult, ErrorSummary, Event, Level, Levels, LogRecord, Records, Request, RequestSummary},
    resource::{Resource, ResourceKind},
    sketch::Sketch,
    wire,
};
use farol_store::{Outcome, RecordRange, Store};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::{
    harness::{HOUR_MS, TestClock, open, submit},
    model::{copy_files, next},
    record_model::Model,
};

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// A service without series of its own.
pub(crate) fn service(name: &str) -> Table {
    let resource = Resource {
        key: format!("service:{name}"),
        kind: ResourceKind::Service,
        parent: None,
        tenant: None,
        attributes: [("service.name".to_owned(), name.to_owned())].into(),
    };
    Table { resource, series: Vec::new() }
}

/// A batch that carries records only: one frame of one service.
pub(crate) fn told(agent: &str, seq: u64, taken: u64, service_name: &str, time_ms: i64, records: Records) -> Batch {
    Batch {
        agent: agent.to_owned(),
        boot: 7,
        seq,
        interval_ms: 1_000,
        taken,
        lost: Vec::new(),
        tables: wire::encode_tables(&Tables(vec![service(service_name)])).into(),
        frames: vec![Frame { time_ms, rows: vec![Row::default()], records: vec![records] }],
    }
}

pub(crate) fn summary(method: &str, route: &str, status: u16, tenant: Option<&str>, durations: &[f64]) -> RequestSummary {
    let mut sketch = Sketch::new();
    durations.iter().for_each(|seconds| sketch.record(*seconds, 1));
    let mut bytes = Vec::new();
    sketch.encode(&mut bytes);
    RequestSummary {
        method: method.to_owned(),
        route: route.to_owned(),
        status,
        tenant: tenant.map(str::to_owned),
        count: durations.len() as u64,
        failed: if status >= 500 { durations.len() as u64 } else { 0 },
        sum_s: durations.iter().sum(),
        min_s: durations.iter().copied().fold(f64::INFINITY, f64::min),
        max_s: durations.iter().copied().fold(0.0, f64::max),
        slow_s: durations.iter().filter(|seconds| **seconds > 1.0).sum(),
        sketch: bytes.into(),
    }
}

pub(crate) fn all(from_ms: i64, to_ms: i64) -> RecordRange {
    RecordRange { from_ms, to_ms, ..RecordRange::default() }
}

/// Everything that was acknowledged: service, time of the frame, records.
type Told = Vec<(usize, i64, Records)>;

const TENANTS: [Option<&str>; 4] = [None, Some("acme"), Some("globex"), Some("initech")];

/// Records made of a seed; the number makes texts tell them apart.
fn made(seed: &mut u64, number: u64, now_ms: i64) -> Records {
    let mut records = Records::default();
    let mut pick = |of: u64| next(seed) % of;
    let tenants = if pick(3) == 0 { 4 } else { 1 };
    for _ in 0..pick(4) {
        let durations: Vec<f64> = (0..=pick(4)).map(|_| (pick(3_000) + 1) as f64 / 1_000.0).collect();
        let route = format!("/r/{}", pick(4));
        let tenant = TENANTS[pick(tenants) as usize];
        let status = [200, 404, 500][pick(3) as usize];
        records.requests.push(summary(["GET", "POST"][pick(2) as usize], &route, status, tenant, &durations));
    }
    let mut request = |slow: bool| Request {
        time_ms: now_ms - pick(70_000) as i64,
        method: "GET".to_owned(),
        route: "/r".to_owned(),
        path: format!("/r/{number}"),
        status: 200,
        duration_s: if slow { (pick(4_000) + 1_000) as f64 / 1_000.0 } else { 0.01 },
        tenant: TENANTS[pick(4) as usize].map(str::to_owned),
        ..Request::default()
    };
    records.recent = vec![request(false), request(false)];
    records.slow = vec![request(true)];
    for _ in 0..pick(3) {
        records.errors.push(ErrorSummary {
            kind: format!("E{}", pick(3)),
            origin: ["request", "log"][pick(2) as usize].to_owned(),
            tenant: TENANTS[pick(4) as usize].map(str::to_owned),
            count: pick(5) + 1,
            // No two at the same time: which of them is the newest would be anybody's guess.
            time_ms: now_ms - pick(1_000) as i64 * 1_000 + (number % 1_000) as i64,
            message: format!("message {number}"),
            ..ErrorSummary::default()
        });
    }
    let mut levels = Levels::default();
    for index in 0..pick(5) {
        let level = Level::ALL[3 + pick(3) as usize];
        levels.add(level);
        records.logs.push(LogRecord {
            time_ms: now_ms - pick(120_000) as i64,
            level,
            message: format!("took {} of it-{number} at {index}", ["long", "longer", "Été"][pick(3) as usize]),
            source: "app.log".to_owned(),
            tenant: TENANTS[pick(4) as usize].map(str::to_owned),
            ..LogRecord::default()
        });
    }
    levels.add(Level::Info);
    records.levels = levels;
    for _ in 0..pick(4) {
        records.events.push(Event {
            time_ms: now_ms - pick(120_000) as i64,
            kind: format!("Event{}", pick(3)),
            tenant: TENANTS[pick(4) as usize].map(str::to_owned),
            payload: format!("{{\"n\":{number}}}"),
        });
    }
    for name in 0..pick(3) {
        records.checks.push(CheckResult {
            time_ms: now_ms - pick(60) as i64 * 1_000 + (number % 1_000) as i64,
            name: format!("check-{name}"),
            kind: "http".to_owned(),
            target: "http://x".to_owned(),
            is_success: pick(4) > 0,
            latency_s: (pick(2) > 0).then_some(0.25),
            detail: format!("{number}"),
            ..CheckResult::default()
        });
    }
    records
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Commit { agent: usize, service: usize, back_ms: i64, seed: u64 },
    Repeat { agent: usize },
    Wait { ms: i64 },
    Tidy { seal: bool },
    Reopen,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let back = prop_oneof![6 => Just(0_i64), 1 => 0_i64..HOUR_MS, 1 => 0_i64..20 * HOUR_MS];
    prop_oneof![
        16 => (0..2_usize, 0..2_usize, back, any::<u64>())
            .prop_map(|(agent, service, back_ms, seed)| Step::Commit { agent, service, back_ms, seed }),
        2 => (0..2_usize).prop_map(|agent| Step::Repeat { agent }),
        5 => prop_oneof![1_i64..10_000, 10_000_i64..10 * MINUTE_MS, 10 * MINUTE_MS..HOUR_MS].prop_map(|ms| Step::Wait { ms }),
        6 => any::<bool>().prop_map(|seal| Step::Tidy { seal }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

struct Machine {
    clock: Arc<TestClock>,
    dir: TempDir,
    store: Option<Store>,
    told: Told,
    last: [Option<Batch>; 2],
    taken: [u64; 2],
    seq: [u64; 2],
    number: u64,
}

impl Machine {
    fn new() -> Self {
        let (clock, dir) = (TestClock::new(), TempDir::new().unwrap());
        let store = Some(open(dir.path(), &clock));
        Self { clock, dir, store, told: Vec::new(), last: [None, None], taken: [0; 2], seq: [0; 2], number: 0 }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn now(&self) -> i64 {
        farol_shared::clock::Clock::now_ms(&*self.clock)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Commit { agent, service, back_ms, mut seed } => {
                self.number += 1;
                let time_ms = self.now() - back_ms;
                let records = made(&mut seed, self.number, time_ms);
                self.seq[agent] += 1;
                self.taken[agent] += records.count() as u64;
                let name = format!("agent-{agent}");
                let batch = told(&name, self.seq[agent], self.taken[agent], &format!("s{service}"), time_ms, records.clone());
                self.last[agent] = Some(batch.clone());
                let Outcome::Stored(committed) = submit(self.store(), batch).unwrap() else { panic!("a new batch is stored") };
                if !records.is_empty() {
                    assert_eq!(committed.records.len(), 1);
                    assert_eq!((committed.records[0].1, &committed.records[0].2), (time_ms, &records));
                }
                self.told.push((service, time_ms, records));
                self.clock.advance(1);
            }
            Step::Repeat { agent } => {
                if let Some(batch) = self.last[agent].clone() {
                    assert!(matches!(submit(self.store(), batch).unwrap(), Outcome::Repeated { .. }));
                }
            }
            Step::Wait { ms } => self.clock.advance(ms),
            Step::Tidy { seal } => self.store().tidy(seal).unwrap(),
            Step::Reopen => {
                self.store.take().unwrap().close().unwrap();
                self.store = Some(open(self.dir.path(), &self.clock));
            }
            Step::Crash => {
                let copy = TempDir::new().unwrap();
                copy_files(self.dir.path(), copy.path());
                drop(self.store.take());
                self.dir = copy;
                self.store = Some(open(self.dir.path(), &self.clock));
            }
        }
    }

    fn check(&self) {
        let now = self.now();
        let ids: HashMap<String, u32> =
            self.store().resources().into_iter().map(|info| (info.resource.key.clone(), info.id)).collect();
        for (service, time_ms, _) in &self.told {
            let info = self.store().resources().into_iter().find(|info| info.id == ids[&format!("service:s{service}")]).unwrap();
            assert!(info.last_seen_ms >= *time_ms, "a service with nothing but records is seen");
        }
        for (from_ms, to_ms) in
            [(now - 2 * DAY_MS, now + HOUR_MS), (now - 3 * HOUR_MS - 77, now - HOUR_MS), (now - 90_000, now + 1)]
        {
            for tenant in [None, Some("acme"), Some("nobody")] {
                for service in [None, Some(1)] {
                    let resources: Vec<u32> =
                        service.iter().filter_map(|one| ids.get(&format!("service:s{one}")).copied()).collect();
                    if service.is_some() && resources.is_empty() {
                        continue;
                    }
                    let range = RecordRange { from_ms, to_ms, resources, tenant: tenant.map(str::to_owned) };
                    let told = self.told.iter().filter(|(of, ..)| service.is_none_or(|one| one == *of));
                    let told: Vec<_> =
                        told.map(|(of, time_ms, records)| (ids[&format!("service:s{of}")], *time_ms, records)).collect();
                    let model = Model { range: &range, told: &told };
                    model.check_requests(self.store());
                    model.check_kept(self.store());
                    model.check_lists(self.store());
                    model.check_errors(self.store());
                    model.check_checks(self.store());
                }
            }
        }
        for agent in 0..2 {
            let books = self.store().completeness(Some(&format!("agent-{agent}")), 0, now + HOUR_MS).unwrap();
            assert!(books.iter().all(|books| books.stored == self.taken[agent] && books.expected == self.taken[agent]));
        }
    }
}

/// Lets it happen, and checks every answer then, after a crash, sealed, two hours later and opened anew.
fn happen(steps: Vec<Step>) {
    let mut machine = Machine::new();
    for step in steps {
        machine.step(step);
    }
    machine.check();
    machine.step(Step::Crash);
    machine.check();
    machine.step(Step::Tidy { seal: true });
    machine.check();
    machine.step(Step::Wait { ms: 2 * HOUR_MS });
    machine.step(Step::Tidy { seal: false });
    machine.check();
    machine.step(Step::Reopen);
    machine.check();
}

#[test]
fn a_result_that_is_counted_in_a_range_and_lies_a_moment_behind_it_is_the_latest() {
    happen(vec![Step::Commit { agent: 0, service: 0, back_ms: 3_540_001, seed: 86_536_314_568_883_888 }]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_every_acknowledged_record_is_told_once(steps in prop::collection::vec(step(), 1..40)) {
        happen(steps);
    }
}
