//! Prints what judging costs: 1,000 rules over 10,000 series, every second, beside the budget of a tenth of a core.
//!
//! `cargo run --release -p farol-collector --example alert_bench [SECONDS]`. A hundred hosts tell a hundred series each second, through
//! the very way of committed batches; ten rules watch each metric on all hosts, with different windows, aggregates and thresholds. Some
//! rules fire and end all the time. Printed is the processor's time of the thread by second of the samples.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{sync::Arc, time::Instant};

use farol_collector::{
    alert::{Engine, ResourceFacts, Rule, past::NoPast},
    live::Arrival,
};
use farol_shared::{
    batch::SeriesKey,
    frame::{Frame, Row},
    metric::Kind,
    resource::ResourceKind,
};
use farol_store::{Committed, TableIds};

const HOSTS: u32 = 100;
const SERIES: u32 = 100;
const RULES: u32 = 1_000;
const BUDGET: f64 = 0.10;
const START_MS: i64 = 1_760_000_400_000;
/// Windows are full after so many seconds; measured is what comes then.
const WARM_S: i64 = 310;

fn rule(number: u32) -> Rule {
    let (metric, sort) = (number % SERIES, number / SERIES);
    let (aggregate, window_s) = [
        ("mean", 60),
        ("last", 60),
        ("max", 60),
        ("rate", 60),
        ("min", 60),
        ("mean", 300),
        ("sum", 60),
        ("increase", 60),
        ("count", 60),
        ("mean", 60),
    ][usize::try_from(sort).unwrap_or(0) % 10];
    let text = format!(
        r#"{{"id":"r{number}","name":"Rule {number}","warning":{},"critical":{},"for_s":30,"recovery":1,"resolve_after_s":10,
            "condition":{{"type":"series","metric":"bench.m{metric}","aggregate":"{aggregate}","window_s":{window_s}}}}}"#,
        80 + sort,
        95 + sort,
    );
    serde_json::from_str(&text).expect("a rule as the page writes it")
}

fn host(id: u32) -> (ResourceFacts, Arc<TableIds>) {
    let name: Arc<str> = format!("host-{id}").into();
    let facts = ResourceFacts {
        id,
        key: format!("host:{name}").into(),
        parent: None,
        kind: ResourceKind::Host,
        name: Arc::clone(&name),
        service: None,
        tenant: None,
        environment: None,
        agent: name,
        interval_ms: 1_000,
        last_seen_ms: START_MS,
    };
    let key = |metric: u32| {
        let kind = if metric.is_multiple_of(4) { Kind::Counter } else { Kind::Gauge };
        Arc::new(SeriesKey { metric: format!("bench.m{metric}"), unit: "1".to_owned(), kind, attributes: Vec::new() })
    };
    let series = (0..SERIES).map(|metric| id * SERIES + metric).collect();
    (facts, Arc::new(TableIds { resource: id, series, keys: (0..SERIES).map(key).collect() }))
}

fn batch(facts: &ResourceFacts, table: &Arc<TableIds>, second: i64) -> Arc<Committed> {
    let time_ms = START_MS + second * 1_000 - 500;
    let value = |metric: u32| {
        let wave = f64::from(u32::try_from(second).unwrap_or(0) + metric * 7 + facts.id * 13);
        70.0 + 30.0 * (wave / 40.0).sin()
    };
    let row = Row((0..SERIES).map(value).collect());
    let frames = vec![Frame { time_ms, rows: vec![row], records: Vec::new() }];
    Arc::new(Committed {
        agent: Arc::clone(&facts.agent),
        boot: 1,
        seq: u64::try_from(second).unwrap_or(0),
        interval_ms: 1_000,
        resources: vec![Arc::clone(table)],
        frames,
        records: Vec::new(),
    })
}

fn main() {
    let seconds: i64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(300);
    let rules: Vec<Arc<Rule>> = (0..RULES).map(|number| Arc::new(rule(number))).collect();
    let hosts: Vec<_> = (1..=HOSTS).map(host).collect();
    let mut engine = Engine::new(&rules);
    hosts.iter().for_each(|(facts, _)| engine.know(facts.clone()));
    let (mut spent, mut worst, mut changes) = (0.0, 0.0_f64, 0);
    for second in 1..=WARM_S + seconds {
        let batches: Vec<Arc<Committed>> = hosts.iter().map(|(facts, table)| batch(facts, table, second)).collect();
        let now_ms = START_MS + second * 1_000;
        let began = Instant::now();
        for batch in &batches {
            engine.take(batch, Arrival { now_ms, skew_ms: 0 });
        }
        let told = engine.tick(now_ms + 2_000, &mut NoPast).len();
        let took = began.elapsed().as_secs_f64();
        if second > WARM_S {
            spent += took;
            worst = worst.max(took);
            changes += told;
        }
    }
    let share = spent / f64::from(u32::try_from(seconds).unwrap_or(1));
    println!("rules {RULES}, series {}, subjects {}, changes {changes} in {seconds} s", HOSTS * SERIES, engine.subjects());
    println!("judging a second takes {:.2} ms, at most {:.2} ms", share * 1_000.0, worst * 1_000.0);
    println!(
        "share of a core {:.2} % (budget {:.0} %): {}",
        share * 100.0,
        BUDGET * 100.0,
        if share < BUDGET { "within" } else { "MISSED" }
    );
}
