//! What the tests share: a clock that is set by hand, batches made from few words, a store in a folder of its own.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
};

use farol_shared::{
    batch::{Batch, SeriesKey, Table, Tables},
    clock::Clock,
    frame::{Frame, Row},
    metric::Kind,
    resource::{Resource, ResourceKind},
    wire,
};
use farol_store::{Across, Aggregate, CommitError, Options, Outcome, Query, Store};

/// Noon of some day, on the hour.
pub(crate) const START_MS: i64 = 1_760_000_400_000;
pub(crate) const HOUR_MS: i64 = 3_600_000;

#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(START_MS)))
    }

    pub(crate) fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

pub(crate) fn open(dir: &Path, clock: &Arc<TestClock>) -> Store {
    open_with(dir, clock, Options::default())
}

pub(crate) fn open_with(dir: &Path, clock: &Arc<TestClock>, options: Options) -> Store {
    let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(clock);
    Store::open(dir, options, clock).unwrap()
}

/// Hands a batch in and waits for its fate.
pub(crate) fn submit(store: &Store, batch: Batch) -> Result<Outcome, CommitError> {
    let (tell, told) = mpsc::channel();
    store.submit(batch, Box::new(move |fate| tell.send(fate).unwrap()));
    told.recv().unwrap()
}

/// A resource with gauges `g0`, `g1`, ... and one counter `c`.
pub(crate) fn table(key: &str, gauges: usize) -> Table {
    let resource = Resource {
        key: key.to_owned(),
        kind: ResourceKind::Host,
        parent: None,
        tenant: None,
        attributes: [("host.name".to_owned(), key.to_owned())].into(),
    };
    let series = |metric: String, kind, at: &str| SeriesKey {
        metric,
        unit: "1".to_owned(),
        kind,
        attributes: vec![("at".to_owned(), at.to_owned())],
    };
    let mut all = vec![series("c".to_owned(), Kind::Counter, "x")];
    all.extend((0..gauges).map(|index| series("g".to_owned(), Kind::Gauge, &index.to_string())));
    Table { resource, series: all }
}

/// A batch of one resource; `taken` counts up with the samples.
pub(crate) fn batch(agent: &str, seq: u64, taken: u64, tables: Vec<Table>, frames: Vec<(i64, Vec<f64>)>) -> Batch {
    Batch {
        agent: agent.to_owned(),
        boot: 7,
        seq,
        interval_ms: 1_000,
        taken,
        lost: Vec::new(),
        tables: wire::encode_tables(&Tables(tables)).into(),
        frames: frames
            .into_iter()
            .map(|(time_ms, values)| Frame { time_ms, rows: vec![Row(values)], records: Vec::new() })
            .collect(),
    }
}

pub(crate) fn ask(metric: &str, from_ms: i64, to_ms: i64) -> Query {
    Query {
        metric: metric.to_owned(),
        from_ms,
        to_ms,
        step_ms: 1_000,
        aggregate: Aggregate::Raw,
        across: Across::None,
        ..Query::default()
    }
}
