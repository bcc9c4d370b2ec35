//! Batches made by hand, whose every value can be told from every other: what must be in history is known exactly.

use std::collections::{BTreeMap, BTreeSet};

use farol_shared::{
    batch::{Batch, SeriesKey, Table, Tables},
    frame::{Frame, Row},
    metric::Kind,
    resource::{Resource, ResourceKind},
    wire,
};

/// A maker of batches for one agent with one resource.
#[derive(Debug, Clone)]
pub struct Maker {
    /// Number of the agent; part of every name and value.
    pub number: u64,
    /// Number of this run of the agent.
    pub boot: u64,
    /// Time of the first frame, in milliseconds since the epoch.
    pub start_ms: i64,
    /// Distance of two frames, in milliseconds.
    pub interval_ms: i64,
    /// Series of the resource.
    pub series: u64,
    tables: Vec<u8>,
}

/// Name of the gauge that every made batch carries; it is not in the catalogue, as a foreign one would not be.
pub const METRIC: &str = "farol.test.value";

impl Maker {
    /// A maker whose values depend on `number`, the seq and the series alone.
    #[must_use]
    pub fn new(number: u64, start_ms: i64, interval_ms: i64, series: u64) -> Self {
        let key = |index: u64| SeriesKey {
            metric: METRIC.to_owned(),
            unit: "1".to_owned(),
            kind: Kind::Gauge,
            attributes: vec![("n".to_owned(), format!("{index:02}"))],
        };
        let tables = Tables(vec![Table { resource: resource(&name(number)), series: (0..series).map(key).collect() }]);
        Self { number, boot: 1_000 + number, start_ms, interval_ms, series, tables: wire::encode_tables(&tables) }
    }

    /// The batch of this seq, with one frame.
    #[must_use]
    pub fn batch(&self, seq: u64) -> Batch {
        Batch {
            agent: name(self.number),
            boot: self.boot,
            seq,
            interval_ms: self.interval_ms.unsigned_abs(),
            taken: seq * self.series,
            lost: Vec::new(),
            tables: self.tables.clone().into(),
            frames: vec![self.frame(seq)],
        }
    }

    /// The frame of this seq.
    #[must_use]
    pub fn frame(&self, seq: u64) -> Frame {
        let row = Row((0..self.series).map(|index| self.value(seq, index)).collect());
        Frame { time_ms: self.time(seq), rows: vec![row], records: Vec::new() }
    }

    /// The body of this seq's batch, as it travels uncompressed.
    #[must_use]
    pub fn body(&self, seq: u64) -> Vec<u8> {
        wire::encode(&self.batch(seq))
    }

    /// Time of this seq's frame.
    #[must_use]
    pub fn time(&self, seq: u64) -> i64 {
        self.start_ms + i64::try_from(seq).expect("a test sends few batches") * self.interval_ms
    }

    /// The one value that belongs at this place: no other agent, seq or series has it.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "below 2^53 for fewer than 9,000 agents")]
    pub fn value(&self, seq: u64, index: u64) -> f64 {
        (self.number * 1_000_000_000_000 + seq * 1_000 + index) as f64
    }

    /// What history must hold when exactly these seqs were stored: (series, time, value as bits).
    #[must_use]
    pub fn expected(&self, seqs: impl Iterator<Item = u64> + Clone) -> BTreeSet<(u64, i64, u64)> {
        let place = |seq| (0..self.series).map(move |index| (index, self.time(seq), self.value(seq, index).to_bits()));
        seqs.flat_map(place).collect()
    }
}

/// A resource of the tests: a host of this name.
#[must_use]
pub fn resource(name: &str) -> Resource {
    let attributes = BTreeMap::from([("host.name".to_owned(), name.to_owned())]);
    Resource { key: format!("host:{name}"), kind: ResourceKind::Host, parent: None, tenant: None, attributes }
}

/// Name of the agent of this number and of its host.
#[must_use]
pub fn name(number: u64) -> String {
    format!("load-{number}")
}
