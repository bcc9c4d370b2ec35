//! What tests of alerts share: rules of few words, batches that never saw a disk, and a history with a clock that is set by hand.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
};

use farol_shared::{
    batch::{Batch, SeriesKey, Table, Tables},
    catalog,
    clock::Clock,
    frame::{Frame, Row},
    metric::Kind,
    record::Records,
    resource::{Resource, ResourceKind},
    wire,
};
use farol_store::{Committed, Options, Outcome, ResourceId, SeriesId, Store, TableIds};

use super::{
    Change, Engine, Level, ResourceFacts, Rule,
    past::NoPast,
    rule::{Aggregate, Condition},
};
use crate::live::Arrival;

/// Noon of some day, on the hour.
pub(super) const START_MS: i64 = 1_760_000_400_000;

/// A rule over a gauge or counter called `metric`, above 80 a warning and above 95 critical.
pub(super) fn rule(metric: &str, aggregate: Aggregate, window_s: u32) -> Rule {
    let text = format!(
        r#"{{"id":"r","name":"R","warning":80,"critical":95,
            "condition":{{"type":"series","metric":"{metric}","aggregate":"mean","window_s":{window_s}}}}}"#
    );
    let mut rule: Rule = serde_json::from_str(&text).unwrap();
    series_of(&mut rule).aggregate = aggregate;
    rule
}

pub(super) fn series_of(rule: &mut Rule) -> &mut super::rule::SeriesCondition {
    match &mut rule.condition {
        Condition::Series(series) => series,
        other => panic!("{other:?} is not about series"),
    }
}

/// What is known of a host that an agent of its own tells of.
pub(super) fn host(id: ResourceId, name: &str) -> ResourceFacts {
    ResourceFacts {
        id,
        key: format!("host:{name}").into(),
        parent: None,
        kind: ResourceKind::Host,
        name: name.into(),
        service: None,
        tenant: None,
        environment: None,
        agent: name.into(),
        interval_ms: 1_000,
        last_seen_ms: START_MS,
    }
}

/// A series; unit and kind of the catalogue's, a gauge of unit 1 when it is not in it.
pub(super) fn key(metric: &str, attributes: &[(&str, &str)]) -> SeriesKey {
    let known = catalog::find(metric);
    let mut attributes: Vec<(String, String)> =
        attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    attributes.sort();
    SeriesKey {
        metric: metric.to_owned(),
        unit: known.map_or("1", |metric| metric.unit).to_owned(),
        kind: known.map_or(Kind::Gauge, |metric| metric.kind),
        attributes,
    }
}

/// The table of a resource, its series numbered from `first`.
pub(super) fn table(resource: ResourceId, first: SeriesId, keys: Vec<SeriesKey>) -> Arc<TableIds> {
    let series = (first..).take(keys.len()).collect();
    Arc::new(TableIds { resource, series, keys: keys.into_iter().map(Arc::new).collect() })
}

/// A batch of one frame.
pub(super) fn frame(agent: &str, time_ms: i64, tables: &[Arc<TableIds>], rows: Vec<Vec<f64>>) -> Arc<Committed> {
    let frames = vec![Frame { time_ms, rows: rows.into_iter().map(Row).collect(), records: Vec::new() }];
    let records = Vec::new();
    Arc::new(Committed { agent: agent.into(), boot: 1, seq: 1, interval_ms: 1_000, resources: tables.to_vec(), frames, records })
}

/// A batch of records.
pub(super) fn told(agent: &str, resource: ResourceId, time_ms: i64, records: Records) -> Arc<Committed> {
    let records = vec![(resource, time_ms, records)];
    Arc::new(Committed {
        agent: agent.into(),
        boot: 1,
        seq: 1,
        interval_ms: 1_000,
        resources: Vec::new(),
        frames: Vec::new(),
        records,
    })
}

/// It arrived a moment after it was read, by a clock that is right.
pub(super) fn arrival(time_ms: i64) -> Arrival {
    Arrival { now_ms: time_ms + 300, skew_ms: 0 }
}

/// What changed, in few words: second since [`START_MS`], rule, resource, level.
pub(super) fn words(changes: &[Change]) -> Vec<(i64, String, ResourceId, Level)> {
    let word = |change: &Change| ((change.at_ms - START_MS) / 1_000, change.rule.id.clone(), change.subject.resource, change.to);
    changes.iter().map(word).collect()
}

/// One host `web-1` whose values are told second by second.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) engine: Engine,
    pub(super) table: Arc<TableIds>,
    pub(super) second: i64,
}

impl Host {
    pub(super) fn new(rules: Vec<Rule>, keys: Vec<SeriesKey>) -> Self {
        let rules: Vec<Arc<Rule>> = rules.into_iter().map(Arc::new).collect();
        let mut engine = Engine::new(&rules);
        engine.know(host(1, "web-1"));
        Self { engine, table: table(1, 1, keys), second: 0 }
    }

    /// Tells the values of the next second, and judges it.
    pub(super) fn tell(&mut self, values: &[f64]) -> Vec<Change> {
        self.second += 1;
        let time_ms = START_MS + self.second * 1_000;
        self.engine.take(&frame("web-1", time_ms - 400, &[Arc::clone(&self.table)], vec![values.to_vec()]), arrival(time_ms));
        self.engine.tick(time_ms + super::engine::EVALUATION_DELAY_MS, &mut NoPast)
    }

    /// The same for some seconds.
    pub(super) fn tell_for(&mut self, seconds: i64, values: &[f64]) -> Vec<Change> {
        (0..seconds).flat_map(|_| self.tell(values)).collect()
    }

    /// Nothing comes for some seconds.
    pub(super) fn wait(&mut self, seconds: i64) -> Vec<Change> {
        let from = self.second;
        self.second += seconds;
        let at = |second: i64| START_MS + second * 1_000 + super::engine::EVALUATION_DELAY_MS;
        (from + 1..=from + seconds).flat_map(|second| self.engine.tick(at(second), &mut NoPast)).collect()
    }
}

/// A clock that is set by hand.
#[derive(Debug)]
pub(super) struct Hand(pub(super) AtomicI64);

impl Clock for Hand {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A history, and what was committed to it.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) store: Store,
    pub(super) clock: Arc<Hand>,
    seq: u64,
    taken: u64,
}

impl Recorder {
    pub(super) fn open(dir: &Path) -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(START_MS)));
        let shared: Arc<dyn Clock> = Arc::<Hand>::clone(&clock);
        Self { store: Store::open(dir, Options::default(), shared).unwrap(), clock, seq: 0, taken: 0 }
    }

    /// Puts one frame of the host `web-1` on disk and sets the clock to a little after it.
    pub(super) fn record(&mut self, time_ms: i64, keys: &[SeriesKey], values: Vec<f64>, records: Vec<Records>) -> Arc<Committed> {
        let resource = Resource {
            key: "host:web-1".to_owned(),
            kind: ResourceKind::Host,
            parent: None,
            tenant: Some("acme".to_owned()),
            attributes: BTreeMap::from([("host.name".to_owned(), "web-1".to_owned())]),
        };
        let tables = Tables(vec![Table { resource, series: keys.to_vec() }]);
        let frame = Frame { time_ms, rows: vec![Row(values)], records };
        self.clock.0.store(time_ms + 300, Ordering::SeqCst);
        self.seq += 1;
        self.taken += frame.samples() as u64;
        let batch = Batch {
            agent: "web-1".to_owned(),
            boot: 7,
            seq: self.seq,
            interval_ms: 1_000,
            taken: self.taken,
            lost: Vec::new(),
            tables: wire::encode_tables(&tables).into(),
            frames: vec![frame],
        };
        let (tell, told) = mpsc::channel();
        self.store.submit(batch, Box::new(move |fate| tell.send(fate).unwrap()));
        match told.recv().unwrap().unwrap() {
            Outcome::Stored(committed) => committed,
            Outcome::Repeated { .. } => panic!("a batch is told once"),
        }
    }
}
