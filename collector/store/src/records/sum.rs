//! Requests added up: numbers and durations, and how they look on disk.
//!
//! Most entries of a minute hold one request or two: then the durations themselves say everything, and no ranges are
//! written. Seconds that are whole micro- or nanoseconds, as clocks and access logs tell them, are written as such.

use farol_shared::{record::RequestSummary, sketch::Sketch};

use crate::{
    codec::{Damaged, Reader, put},
    model::Totals,
};

/// How often each range of a [`Sketch`] was hit, side by side: adding is adding.
#[derive(Debug, Clone, Default)]
pub(super) struct Hits {
    first: usize,
    counts: Vec<u64>,
}

impl Hits {
    fn add(&mut self, range: usize, hits: u64) {
        if self.counts.is_empty() {
            self.first = range;
        }
        if range < self.first {
            let before = self.first - range;
            self.counts.splice(..0, std::iter::repeat_n(0, before));
            self.first = range;
        }
        let index = range - self.first;
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] = self.counts[index].saturating_add(hits);
    }

    /// Adds what [`Sketch::encode`] wrote; what is no such thing adds nothing from there on.
    fn add_encoded(&mut self, bytes: &[u8]) {
        let mut reader = Reader::new(bytes);
        let mut range = 0_usize;
        while !reader.is_at_end() {
            let (Ok(step), Ok(hits)) = (reader.count(farol_shared::sketch::RANGES), reader.number()) else { return };
            range += step;
            if range >= farol_shared::sketch::RANGES {
                return;
            }
            self.add(range, hits);
        }
    }

    fn add_value(&mut self, value: f64) {
        let mut sketch = Sketch::new();
        sketch.record(value, 1);
        let mut bytes = Vec::with_capacity(4);
        sketch.encode(&mut bytes);
        self.add_encoded(&bytes);
    }

    /// As [`Sketch::encode`] writes it.
    fn encode(&self, out: &mut Vec<u8>) {
        let mut before = 0;
        for (range, hits) in (self.first..).zip(&self.counts).filter(|(_, hits)| **hits > 0) {
            put(out, (range - before) as u64);
            put(out, *hits);
            before = range;
        }
    }

    pub(super) fn sketch(&self) -> Sketch {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        Sketch::decode(&bytes).unwrap_or_default()
    }
}

/// Requests added up.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) failed: u64,
    pub(super) sum_s: f64,
    pub(super) min_s: f64,
    pub(super) max_s: f64,
    pub(super) slow_s: f64,
    pub(super) hits: Hits,
}

/// The same as it stands in bytes, durations not read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawSum<'a> {
    pub(super) count: u64,
    pub(super) failed: u64,
    pub(super) sum_s: f64,
    pub(super) min_s: f64,
    pub(super) max_s: f64,
    pub(super) slow_s: f64,
    /// Bytes of a sketch; none when smallest and longest are all there is.
    hits: Option<&'a [u8]>,
}

/// No ranges are written: there was one duration, or there were two.
const IS_PLAIN: u64 = 1 << 2;
/// How slow time is written.
const NOT_SLOW: u64 = 0;
const ALL_SLOW: u64 = 1;
const PART_SLOW: u64 = 2;

impl Sum {
    pub(super) fn add(&mut self, other: &RawSum<'_>) {
        self.add_numbers(other);
        match other.hits {
            Some(bytes) => self.hits.add_encoded(bytes),
            None if other.count == 0 => {}
            None => {
                self.hits.add_value(other.min_s);
                if other.count > 1 {
                    self.hits.add_value(other.max_s);
                }
            }
        }
    }

    /// Adds all but the durations' ranges.
    pub(super) fn add_numbers(&mut self, other: &RawSum<'_>) {
        if other.count == 0 {
            return;
        }
        self.min_s = if self.count == 0 { other.min_s } else { self.min_s.min(other.min_s) };
        self.max_s = self.max_s.max(other.max_s);
        self.count = self.count.saturating_add(other.count);
        self.failed = self.failed.saturating_add(other.failed);
        self.sum_s += other.sum_s;
        self.slow_s += other.slow_s;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let Self { count, failed, sum_s, min_s, max_s, slow_s, .. } = *other;
        self.add_numbers(&RawSum { count, failed, sum_s, min_s, max_s, slow_s, hits: None });
        for (range, hits) in (other.hits.first..).zip(&other.hits.counts).filter(|(_, hits)| **hits > 0) {
            self.hits.add(range, *hits);
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let is_plain = match self.count {
            1 => self.sum_s == self.min_s && self.min_s == self.max_s,
            2 => self.sum_s == self.min_s + self.max_s,
            _ => false,
        };
        let mut bytes = Vec::new();
        self.hits.encode(&mut bytes);
        let is_plain = is_plain && {
            let mut hits = Hits::default();
            hits.add_value(self.min_s);
            if self.count == 2 {
                hits.add_value(self.max_s);
            }
            let mut plain = Vec::with_capacity(8);
            hits.encode(&mut plain);
            plain == bytes
        };
        let hits = (!is_plain).then_some(&*bytes);
        let Self { count, failed, sum_s, min_s, max_s, slow_s, .. } = *self;
        RawSum { count, failed, sum_s, min_s, max_s, slow_s, hits }.encode(out);
    }

    pub(super) fn totals(&self) -> Totals {
        let Self { count, failed, sum_s, min_s, max_s, slow_s, .. } = *self;
        Totals { count, failed, sum_s, min_s, max_s, slow_s, sketch: self.hits.sketch() }
    }
}

impl<'a> RawSum<'a> {
    /// A summary as an agent sent it.
    pub(super) fn of(summary: &'a RequestSummary) -> Self {
        Self {
            count: summary.count,
            failed: summary.failed,
            sum_s: summary.sum_s,
            min_s: summary.min_s,
            max_s: summary.max_s,
            slow_s: summary.slow_s,
            hits: Some(&summary.sketch),
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let slow = match self.slow_s {
            0.0 => NOT_SLOW,
            slow if slow == self.sum_s => ALL_SLOW,
            _ => PART_SLOW,
        };
        put(out, self.count);
        put(out, self.failed << 3 | if self.hits.is_none() { IS_PLAIN } else { 0 } | slow);
        put_seconds(out, self.min_s);
        if self.hits.is_some() {
            put_seconds(out, self.max_s);
            put_seconds(out, self.sum_s);
        } else if self.count > 1 {
            put_seconds(out, self.max_s);
        }
        if slow == PART_SLOW {
            put_seconds(out, self.slow_s);
        }
        if let Some(hits) = self.hits {
            put(out, hits.len() as u64);
            out.extend_from_slice(hits);
        }
    }

    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Damaged> {
        let count = reader.number()?;
        let flags = reader.number()?;
        let min_s = seconds(reader)?;
        let is_plain = flags & IS_PLAIN != 0;
        let (max_s, sum_s) = match (is_plain, count) {
            (true, 0 | 1) => (min_s, min_s),
            (true, _) => {
                let max_s = seconds(reader)?;
                (max_s, min_s + max_s)
            }
            (false, _) => (seconds(reader)?, seconds(reader)?),
        };
        let slow_s = match flags & 3 {
            NOT_SLOW => 0.0,
            ALL_SLOW => sum_s,
            _ => seconds(reader)?,
        };
        let hits = if is_plain {
            None
        } else {
            let len = reader.count(usize::MAX)?;
            Some(reader.take(len)?)
        };
        Ok(Self { count, failed: flags >> 3, sum_s, min_s, max_s, slow_s, hits })
    }
}

/// Largest number of micro- or nanoseconds that is written whole: exact in a float, and two bits remain for the unit.
const WHOLE_MAX: f64 = 4_503_599_627_370_496.0;
const MICROSECONDS: u64 = 0;
const NANOSECONDS: u64 = 1;
const FLOAT: u64 = 2;

pub(super) fn put_seconds(out: &mut Vec<u8>, value: f64) {
    for (unit, scale) in [(MICROSECONDS, 1e6), (NANOSECONDS, 1e9)] {
        let whole = (value * scale).round();
        if (0.0..WHOLE_MAX).contains(&whole) && whole / scale == value {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, positive and below 2^52")]
            put(out, (whole as u64) << 2 | unit);
            return;
        }
    }
    put(out, FLOAT);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn seconds(reader: &mut Reader<'_>) -> Result<f64, Damaged> {
    let number = reader.number()?;
    #[expect(clippy::cast_precision_loss, reason = "written below 2^52")]
    let whole = (number >> 2) as f64;
    match number & 3 {
        MICROSECONDS => Ok(whole / 1e6),
        NANOSECONDS => Ok(whole / 1e9),
        _ => reader.float(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn summary(values: &[f64]) -> RequestSummary {
        let mut sketch = Sketch::new();
        values.iter().for_each(|value| sketch.record(*value, 1));
        let mut bytes = Vec::new();
        sketch.encode(&mut bytes);
        RequestSummary {
            count: values.len() as u64,
            failed: values.len() as u64 / 2,
            sum_s: values.iter().sum(),
            min_s: values.iter().copied().fold(f64::INFINITY, f64::min),
            max_s: values.iter().copied().fold(0.0, f64::max),
            slow_s: values.iter().filter(|value| **value > 0.5).sum(),
            sketch: bytes.into(),
            ..RequestSummary::default()
        }
    }

    fn duration() -> impl Strategy<Value = f64> {
        prop_oneof![
            (0_u32..3_000_000).prop_map(|us| f64::from(us) / 1e6),
            (0_u32..u32::MAX).prop_map(|ns| f64::from(ns) / 1e9),
            0.0_f64..1e5
        ]
    }

    proptest! {
        #[test]
        fn sums_of_parts_written_and_read_are_the_sum_of_all(parts in prop::collection::vec(prop::collection::vec(duration(), 1..6), 1..8)) {
            let mut sum = Sum::default();
            for part in &parts {
                let mut bytes = Vec::new();
                RawSum::of(&summary(part)).encode(&mut bytes);
                let mut before = Vec::new();
                sum.encode(&mut before);
                sum = Sum::default();
                for bytes in [before, bytes] {
                    let raw = RawSum::read(&mut Reader::new(&bytes)).unwrap();
                    if raw.count > 0 {
                        sum.add(&raw);
                    }
                }
            }
            let mut bytes = Vec::new();
            sum.encode(&mut bytes);
            let mut again = Sum::default();
            again.merge(&sum);
            let totals = again.totals();
            let all = summary(&parts.concat());
            prop_assert_eq!(&totals.sketch, &all.durations());
            for q in [0.0, 0.5, 0.95, 0.99, 1.0] {
                prop_assert_eq!(totals.sketch.quantile(q), all.durations().quantile(q));
            }
            prop_assert_eq!((totals.count, totals.min_s, totals.max_s), (all.count, all.min_s, all.max_s));
            prop_assert!((totals.sum_s - all.sum_s).abs() <= 1e-9 * all.sum_s.max(1.0));
            prop_assert!((totals.slow_s - all.slow_s).abs() <= 1e-9 * all.sum_s.max(1.0));
        }

        #[test]
        fn seconds_come_back_to_the_last_bit(value in prop_oneof![duration(), 0.0_f64..1e300]) {
            let mut bytes = Vec::new();
            put_seconds(&mut bytes, value);
            prop_assert_eq!(seconds(&mut Reader::new(&bytes)).unwrap().to_bits(), value.to_bits());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let mut sum = Sum::default();
            let mut reader = Reader::new(&bytes);
            while let Ok(raw) = RawSum::read(&mut reader) {
                sum.add(&raw);
            }
            drop(sum.totals());
        }
    }
}
