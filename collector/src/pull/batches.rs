//! What an instance tells history: one stream of batches, through the same door as every agent.

use std::collections::BTreeMap;

use bytes::Bytes;
use farol_shared::{
    batch::{Batch, SeriesKey, Table, Tables},
    catalog,
    frame::{Frame, Row},
    limit,
    metric::Metric,
    record::{Records, Snapshot},
    resource::{Resource, ResourceKind},
    wire,
};
use serde_bytes::ByteBuf;

use super::{
    Declared, Reading,
    reading::{Identity, Values},
};

/// How often snapshots are written, in milliseconds. The newest is in memory; the disk's is for the next start.
const SNAPSHOT_EVERY_MS: i64 = 60_000;

/// One instance's stream of batches.
#[derive(Debug)]
pub(super) struct Stream {
    agent: String,
    key: String,
    attributes: BTreeMap<String, String>,
    interval_ms: u64,
    boot: u64,
    seq: u64,
    taken: u64,
    kept_ms: Option<i64>,
}

impl Stream {
    pub(super) fn new(declared: &Declared, target: &str, boot: u64) -> Self {
        let interval_ms = u64::try_from(declared.given.interval.as_millis()).unwrap_or(u64::MAX);
        let describe = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        Self {
            agent: format!("farol-collector#{}", declared.key()),
            key: declared.key(),
            attributes: BTreeMap::from([
                describe("service.name", &declared.given.name),
                describe("farol.integration.kind", declared.kind.name),
                describe("farol.integration.target", target.get(..target.floor_char_boundary(200)).unwrap_or_default()),
            ]),
            interval_ms: interval_ms.clamp(limit::INTERVAL_MS_MIN, limit::INTERVAL_MS_MAX),
            boot,
            seq: 0,
            taken: 0,
            kept_ms: None,
        }
    }

    /// The next batch as it travels: whether the instance is up, and what was read.
    pub(super) fn next(&mut self, now_ms: i64, is_up: bool, took_s: Option<f64>, reading: Option<&Reading>) -> Bytes {
        let mut now: BTreeMap<_, (SeriesKey, f64)> = reading.map(|reading| reading.now.clone()).unwrap_or_default();
        let own =
            [(&catalog::INTEGRATION_UP, Some(if is_up { 1.0 } else { 0.0 })), (&catalog::INTEGRATION_POLL_DURATION, took_s)];
        for (metric, value) in own {
            if let Some(value) = value {
                now.insert((metric.name.to_owned(), Vec::new()), (key_of(metric), value));
            }
        }
        let earlier: Vec<(i64, &Values)> = reading
            .iter()
            .flat_map(|reading| &reading.earlier)
            .filter(|(time, _)| **time < now_ms)
            .map(|(time, v)| (*time, v))
            .collect();
        let mut keys: BTreeMap<&Identity, &SeriesKey> = BTreeMap::new();
        for values in earlier.iter().map(|(_, values)| *values).chain([&now]) {
            keys.extend(values.iter().map(|(identity, (key, _))| (identity, key)));
        }
        let row =
            |values: &Values| Row(keys.keys().map(|identity| values.get(*identity).map_or(f64::NAN, |(_, v)| *v)).collect());
        let mut frames: Vec<Frame> = earlier
            .iter()
            .map(|(time_ms, values)| Frame { time_ms: *time_ms, rows: vec![row(values)], records: Vec::new() })
            .collect();
        frames.push(Frame { time_ms: now_ms, rows: vec![row(&now)], records: self.records(now_ms, reading) });
        if let Some(reading) = reading {
            self.attributes.extend(reading.described.clone());
        }
        let resource = Resource {
            key: self.key.clone(),
            kind: ResourceKind::External,
            parent: None,
            tenant: None,
            attributes: self.attributes.clone(),
        };
        let series = keys.into_values().cloned().collect();
        self.seq += 1;
        self.taken += frames.iter().map(|frame| frame.samples() as u64).sum::<u64>();
        let batch = Batch {
            agent: self.agent.clone(),
            boot: self.boot,
            seq: self.seq,
            interval_ms: self.interval_ms,
            taken: self.taken,
            lost: Vec::new(),
            tables: ByteBuf::from(wire::encode_tables(&Tables(vec![Table { resource, series }]))),
            frames,
        };
        Bytes::from(wire::encode(&batch))
    }

    fn records(&mut self, now_ms: i64, reading: Option<&Reading>) -> Vec<Records> {
        let Some(reading) = reading.filter(|reading| !reading.snapshots.is_empty()) else { return Vec::new() };
        if self.kept_ms.is_some_and(|kept_ms| now_ms.abs_diff(kept_ms) < SNAPSHOT_EVERY_MS.unsigned_abs()) {
            return Vec::new();
        }
        self.kept_ms = Some(now_ms);
        let snapshots = reading.snapshots.iter().take(limit::SNAPSHOTS_MAX);
        let snapshots = snapshots.map(|(name, value)| Snapshot { name: (*name).to_owned(), body: value.to_string() }).collect();
        vec![Records { snapshots, ..Records::default() }]
    }
}

fn key_of(metric: &Metric) -> SeriesKey {
    SeriesKey { metric: metric.name.to_owned(), unit: metric.unit.to_owned(), kind: metric.kind, attributes: Default::default() }
}
