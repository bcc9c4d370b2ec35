//! Rollups: for each series and minute (or hour) count, last, sum, min and max; for counters the increase and the first
//! value in place of the sum. A rollup is made from the samples of its own bucket alone, so that it can be made again
//! when late samples come, and buckets are joined when they are read.
//!
//! In a block, the rows are buckets. Three columns stand for all series: how many rows of raw samples the bucket had, and
//! how far after its start the first and the last of them were. A series is one slice: of its figures only `last` is
//! kept as it is, the others as what distinguishes them from it, which is little.

use farol_shared::metric::Kind;

use crate::{
    codec::{
        Damaged, Reader,
        block::Builder,
        column::{self, Packing, Values},
        decimal, put,
    },
    fold::{Fold, step},
};

/// Keys of the columns that stand for all series; those of series follow.
pub(crate) const ROWS_KEY: u64 = 1;
pub(crate) const FIRST_KEY: u64 = 2;
pub(crate) const LAST_KEY: u64 = 3;

/// The key of a series' slice.
pub(crate) fn series_key(series: u32) -> u64 {
    u64::from(series) + LAST_KEY
}

/// The buckets of a rollup block: what all series have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Buckets {
    pub(crate) starts: Vec<i64>,
    pub(crate) rows: Vec<i64>,
    pub(crate) first_ms: Vec<i64>,
    pub(crate) last_ms: Vec<i64>,
}

impl Buckets {
    /// The buckets of some times in order, and where each begins among them.
    pub(crate) fn of(times: &[i64], width_ms: i64) -> (Self, Vec<usize>) {
        let mut buckets = Self::default();
        let mut begins = Vec::new();
        for (index, time) in times.iter().enumerate() {
            let start = time.div_euclid(width_ms) * width_ms;
            if buckets.starts.last() != Some(&start) {
                buckets.starts.push(start);
                buckets.rows.push(0);
                buckets.first_ms.push(*time);
                buckets.last_ms.push(*time);
                begins.push(index);
            }
            let last = buckets.starts.len() - 1;
            buckets.rows[last] += 1;
            buckets.last_ms[last] = *time;
        }
        begins.push(times.len());
        (buckets, begins)
    }

    /// Starts a block with these buckets.
    pub(crate) fn builder(&self, packing: Packing) -> Builder {
        let mut builder = Builder::new(&self.starts, packing);
        let distance = |times: &[i64]| times.iter().zip(&self.starts).map(|(time, start)| time - start).collect();
        for (key, wholes) in
            [(ROWS_KEY, self.rows.clone()), (FIRST_KEY, distance(&self.first_ms)), (LAST_KEY, distance(&self.last_ms))]
        {
            builder.append(key, |packing, out| column::encode_values(&Values::Whole(0, wholes), packing, out));
        }
        builder
    }

    /// Reads the three columns behind the starts.
    pub(crate) fn decode(starts: Vec<i64>, slices: [&[u8]; 3]) -> Result<Self, Damaged> {
        let wholes = |slice| match column::decode_values(&mut Reader::new(slice), starts.len())? {
            Values::Whole(0, wholes) => Ok(wholes),
            Values::Whole(..) | Values::Float(_) => Err(Damaged("a bucket's column is of the wrong kind")),
        };
        let [rows, first, last] = slices;
        let (rows, first, last) = (wholes(rows)?, wholes(first)?, wholes(last)?);
        let time =
            |distances: Vec<i64>| distances.iter().zip(&starts).map(|(distance, start)| start.wrapping_add(*distance)).collect();
        Ok(Self { rows, first_ms: time(first), last_ms: time(last), starts })
    }
}

/// Folds the samples of one series into its buckets, whole numbers without rounding.
pub(crate) fn fold(column: &[f64], times: &[i64], begins: &[usize], kind: Kind) -> Vec<Fold> {
    let present: Vec<f64> = column.iter().copied().filter(|value| !value.is_nan()).collect();
    let scale = decimal::common(&present).map(|(scale, _)| scale);
    let mut folds = Vec::with_capacity(begins.len());
    for bounds in begins.windows(2) {
        let mut fold = Fold::EMPTY;
        let (mut sum, mut increase) = (0_i64, 0_i64);
        for index in bounds[0]..bounds[1] {
            let value = column[index];
            if value.is_nan() {
                continue;
            }
            if let Some(whole) = scale.and_then(|scale| decimal::to_whole(value, scale)) {
                sum = sum.saturating_add(whole);
                if fold.count > 0 {
                    let step = decimal::to_whole(fold.last, scale.unwrap_or(0)).map_or(0, |before| match kind {
                        Kind::Counter if whole < before => whole,
                        Kind::Counter | Kind::Gauge => whole - before,
                    });
                    increase = increase.saturating_add(step);
                }
            }
            fold.join(&Fold::of(times[index], value), kind);
        }
        if let Some(scale) = scale {
            (fold.sum, fold.increase) = (decimal::from_whole(sum, scale), decimal::from_whole(increase, scale));
        }
        folds.push(fold);
    }
    folds
}

/// The figures are differences of whole numbers at a scale below this; else they are floats as they are.
const FLOATS: u8 = u8::MAX;

/// Appends the slice of one series.
pub(crate) fn encode(folds: &[Fold], rows: &[i64], kind: Kind, packing: Packing, out: &mut Vec<u8>) {
    out.push(kind.code());
    let missing = folds.iter().zip(rows).map(|(fold, rows)| rows - fold.count.cast_signed()).collect();
    part(&Values::Whole(0, missing), packing, out);
    let present: Vec<&Fold> = folds.iter().filter(|fold| fold.count > 0).collect();
    let last: Vec<f64> = present.iter().map(|fold| fold.last).collect();
    let total: Vec<f64> = present.iter().map(|fold| if kind == Kind::Counter { fold.increase } else { fold.sum }).collect();
    let min: Vec<f64> = present.iter().map(|fold| fold.min).collect();
    let max: Vec<f64> = present.iter().map(|fold| fold.max).collect();
    let first: Vec<f64> = if kind == Kind::Counter { present.iter().map(|fold| fold.first).collect() } else { Vec::new() };
    let all = [&last, &total, &min, &max, &first];
    let Some((scale, wholes)) = whole(&all) else {
        out.push(FLOATS);
        for floats in all {
            part(&Values::Float(floats.clone()), packing, out);
        }
        return;
    };
    out.push(scale);
    let [last, mut total, mut min, mut max, mut first] = wholes;
    for (index, fold) in present.iter().enumerate() {
        let newest = last[index];
        max[index] = max[index].wrapping_sub(newest);
        if kind == Kind::Counter {
            let oldest = first[index];
            min[index] = oldest.wrapping_sub(min[index]);
            total[index] = total[index].wrapping_sub(newest.wrapping_sub(oldest));
            first[index] = newest.wrapping_sub(oldest);
        } else {
            min[index] = newest.wrapping_sub(min[index]);
            total[index] = total[index].wrapping_sub(newest.wrapping_mul(fold.count.cast_signed()));
        }
    }
    for wholes in [last, total, min, max, first] {
        part(&Values::Whole(scale, wholes), packing, out);
    }
}

/// All figures as whole numbers at one scale, when there is one.
fn whole(all: &[&Vec<f64>; 5]) -> Option<(u8, [Vec<i64>; 5])> {
    let mut scale = 0;
    for values in all {
        scale = scale.max(decimal::common(values)?.0);
    }
    let mut wholes = [const { Vec::new() }; 5];
    for (wholes, values) in wholes.iter_mut().zip(all) {
        *wholes = values.iter().map(|value| decimal::to_whole(*value, scale)).collect::<Option<_>>()?;
    }
    Some((scale, wholes))
}

/// Appends a column with its length before it, so that it can be passed over.
fn part(values: &Values, packing: Packing, out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    column::encode_values(values, packing, &mut bytes);
    put(out, bytes.len() as u64);
    out.extend_from_slice(&bytes);
}

/// Which figures are needed; the others are not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Needed {
    pub(crate) total: bool,
    pub(crate) bounds: bool,
}

/// Everything.
pub(crate) const ALL: Needed = Needed { total: true, bounds: true };

/// Reads the slice of one series: a fold for each bucket, empty where it had no sample.
pub(crate) fn decode(bytes: &[u8], buckets: &Buckets, needed: Needed) -> Result<(Kind, Vec<Fold>), Damaged> {
    let mut reader = Reader::new(bytes);
    let kind = Kind::from_code(reader.byte()?).ok_or(Damaged("a rollup is of no known kind"))?;
    let rows = buckets.starts.len();
    let missing = wholes(&mut reader, rows)?;
    let counts: Vec<u64> =
        missing.iter().zip(&buckets.rows).map(|(missing, rows)| u64::try_from(rows - missing).unwrap_or(0)).collect();
    let present = counts.iter().filter(|count| **count > 0).count();
    let scale = reader.byte()?;
    let figures = if scale == FLOATS {
        let mut floats = || -> Result<Vec<f64>, Damaged> {
            let mut part = take(&mut reader)?;
            Ok(column::decode_values(&mut part, present)?.into_floats())
        };
        let [last, total, min, max] = [floats()?, floats()?, floats()?, floats()?];
        let first = if kind == Kind::Counter { floats()? } else { Vec::new() };
        Figures { last, total, min, max, first }
    } else {
        Figures::of_wholes(&mut reader, scale, &counts, present, kind, needed)?
    };
    figures.check(present, kind)?;
    let mut folds = Vec::with_capacity(rows);
    let mut index = 0;
    for (row, count) in counts.iter().enumerate() {
        if *count == 0 {
            folds.push(Fold::EMPTY);
            continue;
        }
        folds.push(figures.fold(index, *count, (buckets.first_ms[row], buckets.last_ms[row]), kind));
        index += 1;
    }
    Ok((kind, folds))
}

struct Figures {
    last: Vec<f64>,
    total: Vec<f64>,
    min: Vec<f64>,
    max: Vec<f64>,
    first: Vec<f64>,
}

impl Figures {
    fn of_wholes(
        reader: &mut Reader<'_>,
        scale: u8,
        counts: &[u64],
        present: usize,
        kind: Kind,
        needed: Needed,
    ) -> Result<Self, Damaged> {
        let last = wholes(reader, present)?;
        let mut part = |is_needed: bool| -> Result<Vec<i64>, Damaged> {
            let mut part = take(reader)?;
            if is_needed { decode_wholes(&mut part, present) } else { Ok(vec![0; present]) }
        };
        let is_counter = kind == Kind::Counter;
        let (mut total, mut min, mut max) = (part(needed.total || is_counter)?, part(needed.bounds)?, part(needed.bounds)?);
        let mut first = if is_counter { part(true)? } else { Vec::new() };
        let counts = counts.iter().filter(|count| **count > 0);
        for (index, count) in counts.enumerate() {
            let newest = last[index];
            max[index] = max[index].wrapping_add(newest);
            if is_counter {
                let oldest = newest.wrapping_sub(first[index]);
                min[index] = oldest.wrapping_sub(min[index]);
                total[index] = total[index].wrapping_add(first[index]);
                first[index] = oldest;
            } else {
                min[index] = newest.wrapping_sub(min[index]);
                total[index] = total[index].wrapping_add(newest.wrapping_mul(count.cast_signed()));
            }
        }
        let floats = |wholes: Vec<i64>| wholes.into_iter().map(|whole| decimal::from_whole(whole, scale)).collect();
        Ok(Self { last: floats(last), total: floats(total), min: floats(min), max: floats(max), first: floats(first) })
    }

    fn check(&self, present: usize, kind: Kind) -> Result<(), Damaged> {
        let first = if kind == Kind::Counter { present } else { self.first.len() };
        let lengths = [self.last.len(), self.total.len(), self.min.len(), self.max.len()];
        if lengths != [present; 4] || self.first.len() != first {
            return Err(Damaged("a rollup's columns differ in length"));
        }
        Ok(())
    }

    fn fold(&self, index: usize, count: u64, (first_ms, last_ms): (i64, i64), kind: Kind) -> Fold {
        let last = self.last[index];
        // Of a gauge the first value is not kept: its change since the bucket before is all told by the last one.
        let (first, sum, increase) = match kind {
            Kind::Counter => (self.first[index], 0.0, self.total[index]),
            Kind::Gauge => (last, self.total[index], step(last, last, kind)),
        };
        let (min, max) = (self.min[index], self.max[index]);
        Fold { count, min, max, sum, first, last, first_ms, last_ms, increase, covered_ms: (last_ms - first_ms).max(0) }
    }
}

fn take<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, Damaged> {
    let len = reader.count(usize::MAX >> 1)?;
    reader.take(len).map(Reader::new)
}

fn wholes(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, Damaged> {
    decode_wholes(&mut take(reader)?, count)
}

fn decode_wholes(part: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, Damaged> {
    match column::decode_values(part, count)? {
        Values::Whole(_, wholes) => Ok(wholes),
        Values::Float(none) if none.is_empty() => Ok(Vec::new()),
        Values::Float(_) => Err(Damaged("a rollup's column is of the wrong kind")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::row::tests::is_same;

    fn sample() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => (0_i64..100_000).prop_map(|whole| decimal::from_whole(whole, 2)),
            1 => Just(f64::NAN),
            1 => -1e6_f64..1e6,
        ]
    }

    proptest! {
        #[test]
        fn every_rollup_comes_back(samples in prop::collection::vec((0_i64..600_000, sample()), 1..300), is_counter: bool) {
            let kind = if is_counter { Kind::Counter } else { Kind::Gauge };
            let mut samples = samples;
            samples.sort_by_key(|(time, _)| *time);
            let times: Vec<i64> = samples.iter().map(|(time, _)| *time).collect();
            let column: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
            let (buckets, begins) = Buckets::of(&times, 60_000);
            let folds = fold(&column, &times, &begins, kind);
            let mut out = Vec::new();
            encode(&folds, &buckets.rows, kind, Packing::Small, &mut out);
            let (kind_back, back) = decode(&out, &buckets, ALL).unwrap();
            prop_assert_eq!(kind_back, kind);
            for (index, (a, b)) in folds.iter().zip(&back).enumerate() {
                prop_assert_eq!(a.count, b.count);
                if a.count == 0 {
                    continue;
                }
                prop_assert!(is_same(a.min, b.min) && is_same(a.max, b.max) && is_same(a.last, b.last));
                let is_same_total = if is_counter { is_same(a.increase, b.increase) && is_same(a.first, b.first) } else { is_same(a.sum, b.sum) };
                prop_assert!(is_same_total);
                let values = &column[begins[index]..begins[index + 1]];
                let sum: f64 = values.iter().filter(|value| !value.is_nan()).sum();
                prop_assert!((a.sum - sum).abs() <= 1e-6 * sum.abs().max(1.0));
            }
            let cheap = decode(&out, &buckets, Needed { total: true, bounds: false }).unwrap().1;
            prop_assert!(cheap.iter().zip(&back).all(|(a, b)| a.count == b.count && is_same(a.last, b.last) && a.sum == b.sum));
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
            let (buckets, _) = Buckets::of(&[0, 1, 60_000], 60_000);
            let _decoded = decode(&bytes, &buckets, ALL);
        }
    }
}
