//! Window: what is kept of one series to tell an aggregate over a stretch that ends now.
//!
//! Samples are folded into sixtieths of the window, at least a second each and aligned to the epoch, so that a window takes a
//! kilobyte whatever the interval, and is the same whenever it was begun. At T it holds the sixtieths that end after T less its length:
//! it reaches back its length, and at most one sixtieth more.
//!
//! Bounded: [`PARTS`] + 1 sixtieths, [`SAMPLES_MAX`] samples for quantiles.

use std::collections::VecDeque;

use farol_shared::metric::Kind;

use super::rule::Aggregate;

/// Into how many parts a window is divided.
pub const PARTS: i64 = 60;

/// Most samples of one sixtieth that a quantile is made of; when there are more, every second, fourth, ... is.
pub const SAMPLES_MAX: usize = 10;

/// How old the predecessor of a counter's sample may be to tell an increase, in milliseconds: twice the longest interval of an agent.
pub const PREDECESSOR_MS_MAX: i64 = 600_000;

/// For how long the newest value of a divisor holds at least, in milliseconds: a limit is told rarely.
pub const DIVISOR_HOLDS_MS: i64 = 600_000;

/// What a window tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spec {
    /// How samples become a value. Quantiles are all kept in the same way.
    pub aggregate: Aggregate,
    /// Its length, in milliseconds.
    pub window_ms: i64,
}

/// One sixtieth. What the numbers mean depends on the aggregate: count and sum; nothing and an extreme; time that is covered and increase.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Its number: it ends at `at` times its length.
    at: i64,
    weight: u32,
    value: f64,
}

/// One sixtieth for a line through its samples.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: i64,
    count: u32,
    sum: f64,
    /// Sum of the distances to its end, in milliseconds: at most 0.
    before_ms: i64,
}

/// One sixtieth for quantiles.
#[derive(Debug, Clone)]
struct Samples {
    at: i64,
    seen: u32,
    /// Every how manieth is kept.
    stride: u32,
    values: Vec<f64>,
}

#[derive(Debug, Clone)]
enum Kept {
    Newest,
    Parts(VecDeque<Part>),
    Points(VecDeque<Point>),
    Samples(VecDeque<Samples>),
}

/// What is kept of one series.
#[derive(Debug, Clone)]
pub struct Window {
    spec: Spec,
    kind: Kind,
    part_ms: i64,
    newest_ms: i64,
    newest: f64,
    kept: Kept,
}

/// A line through a window's samples: where it is now, and by how much it rises a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Its value now.
    pub level: f64,
    /// Its slope by second.
    pub slope: f64,
}

impl Window {
    /// An empty one.
    #[must_use]
    pub fn new(spec: Spec, kind: Kind) -> Self {
        let kept = match spec.aggregate {
            Aggregate::Last | Aggregate::Absent => Kept::Newest,
            Aggregate::Quantile => Kept::Samples(VecDeque::new()),
            Aggregate::Until => Kept::Points(VecDeque::new()),
            Aggregate::Mean
            | Aggregate::Max
            | Aggregate::Min
            | Aggregate::Sum
            | Aggregate::Count
            | Aggregate::Rate
            | Aggregate::Increase => Kept::Parts(VecDeque::new()),
        };
        let part_ms = part_ms(spec.window_ms);
        Self { spec, kind, part_ms, newest_ms: i64::MIN, newest: f64::NAN, kept }
    }

    /// Gauge or counter.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Time of the newest sample, in ms since the epoch; the least there is when there is none.
    #[must_use]
    pub const fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    /// Takes a sample in. What is not newer than the newest is a repeat, or late, and changes nothing; NaN is no value.
    pub fn add(&mut self, time_ms: i64, value: f64) {
        if time_ms <= self.newest_ms || value.is_nan() {
            return;
        }
        let (before_ms, before) = (self.newest_ms, self.newest);
        (self.newest_ms, self.newest) = (time_ms, value);
        let at = part_of(time_ms, self.part_ms);
        let oldest = part_of(time_ms - self.spec.window_ms, self.part_ms);
        match &mut self.kept {
            Kept::Newest => {}
            Kept::Parts(parts) => {
                trim(parts, |part| part.at < oldest);
                let step = if tells_steps(self.spec.aggregate, self.kind) {
                    let covered_ms = time_ms.saturating_sub(before_ms);
                    if before.is_nan() || covered_ms > PREDECESSOR_MS_MAX {
                        return;
                    }
                    let is_reset = self.kind == Kind::Counter && value < before;
                    (u32::try_from(covered_ms).unwrap_or(u32::MAX), if is_reset { value } else { value - before })
                } else {
                    (1, value)
                };
                put(parts, at, step, self.spec.aggregate);
            }
            Kept::Points(points) => {
                trim(points, |point| point.at < oldest);
                if points.back().is_none_or(|last| last.at != at) {
                    points.push_back(Point { at, count: 0, sum: 0.0, before_ms: 0 });
                }
                if let Some(last) = points.back_mut() {
                    last.count += 1;
                    last.sum += value;
                    last.before_ms += time_ms - at * self.part_ms;
                }
            }
            Kept::Samples(samples) => {
                trim(samples, |sample| sample.at < oldest);
                if samples.back().is_none_or(|last| last.at != at) {
                    samples.push_back(Samples { at, seen: 0, stride: 1, values: Vec::new() });
                }
                if let Some(last) = samples.back_mut() {
                    last.put(value);
                }
            }
        }
    }

    /// The value at a moment not before the newest sample; `None` when nothing in the window tells one. Of quantiles, lines and absence
    /// see the other methods.
    #[must_use]
    pub fn value(&self, at_ms: i64) -> Option<f64> {
        let from = at_ms.saturating_sub(self.spec.window_ms);
        match &self.kept {
            Kept::Newest => (self.newest_ms > from).then_some(self.newest),
            Kept::Parts(parts) => {
                let within = parts.iter().skip_while(|part| part.at * self.part_ms <= from);
                fold(within, self.spec.aggregate, self.kind)
            }
            Kept::Points(_) | Kept::Samples(_) => None,
        }
    }

    /// The samples in the window at a moment, as far as they are kept.
    pub fn samples(&self, at_ms: i64, into: &mut Vec<f64>) {
        let Kept::Samples(samples) = &self.kept else { return };
        let from = at_ms.saturating_sub(self.spec.window_ms);
        let within = samples.iter().skip_while(|part| part.at * self.part_ms <= from);
        within.for_each(|part| into.extend_from_slice(&part.values));
    }

    /// The line through the sixtieths' means at a moment, by least squares weighted by their samples. `None` unless they span half of
    /// the window: two samples of a minute say nothing about a day.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "distances within a window are far below 2^53")]
    pub fn line(&self, at_ms: i64) -> Option<Line> {
        let Kept::Points(points) = &self.kept else { return None };
        let from = at_ms.saturating_sub(self.spec.window_ms);
        let within = || points.iter().skip_while(|point| point.at * self.part_ms <= from);
        let x = |point: &Point| {
            let mean_ms = point.before_ms as f64 / f64::from(point.count);
            ((point.at * self.part_ms - at_ms) as f64 + mean_ms) / 1_000.0
        };
        let first = within().next()?;
        let last = points.back()?;
        if (x(last) - x(first)) * 1_000.0 < self.spec.window_ms as f64 / 2.0 {
            return None;
        }
        let (mut n, mut sx, mut sy) = (0.0, 0.0, 0.0);
        for point in within() {
            n += f64::from(point.count);
            sx += x(point) * f64::from(point.count);
            sy += point.sum;
        }
        let (mean_x, mean_y) = (sx / n, sy / n);
        let (mut up, mut down) = (0.0, 0.0);
        for point in within() {
            let (weight, dx) = (f64::from(point.count), x(point) - mean_x);
            up += weight * dx * (point.sum / weight - mean_y);
            down += weight * dx * dx;
        }
        let slope = up / down;
        slope.is_finite().then_some(Line { level: mean_y - slope * mean_x, slope })
    }
}

/// Length of a sixtieth, in milliseconds.
#[must_use]
pub const fn part_ms(window_ms: i64) -> i64 {
    let part = (window_ms + PARTS - 1) / PARTS;
    // Whole seconds: the grid on which rules are judged.
    let whole = (part + 999) / 1_000 * 1_000;
    if whole < 1_000 { 1_000 } else { whole }
}

/// The number of the sixtieth that a moment lies in: it holds what is after the end of the one before, its own end included.
const fn part_of(time_ms: i64, part_ms: i64) -> i64 {
    (time_ms - 1).div_euclid(part_ms) + 1
}

/// Whether parts hold steps from sample to sample instead of samples.
const fn tells_steps(aggregate: Aggregate, kind: Kind) -> bool {
    match aggregate {
        Aggregate::Rate | Aggregate::Increase => true,
        // As in history: the sum of a running total is what it grew by.
        Aggregate::Sum => matches!(kind, Kind::Counter),
        _ => false,
    }
}

fn trim<T>(parts: &mut VecDeque<T>, is_old: impl Fn(&T) -> bool) {
    while parts.front().is_some_and(&is_old) {
        parts.pop_front();
    }
}

fn put(parts: &mut VecDeque<Part>, at: i64, (weight, value): (u32, f64), aggregate: Aggregate) {
    match parts.back_mut() {
        Some(last) if last.at == at => {
            last.weight = last.weight.saturating_add(weight);
            last.value = match aggregate {
                Aggregate::Max => last.value.max(value),
                Aggregate::Min => last.value.min(value),
                _ => last.value + value,
            };
        }
        _ => parts.push_back(Part { at, weight, value }),
    }
}

fn fold<'a>(parts: impl Iterator<Item = &'a Part>, aggregate: Aggregate, kind: Kind) -> Option<f64> {
    let (mut weight, mut value, mut is_any) = (0_u64, 0.0, false);
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for part in parts {
        is_any = true;
        weight += u64::from(part.weight);
        value += part.value;
        least = least.min(part.value);
        most = most.max(part.value);
    }
    if !is_any {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts and milliseconds of a window are far below 2^53")]
    let weight = weight as f64;
    match aggregate {
        Aggregate::Mean => Some(value / weight),
        Aggregate::Count => Some(weight),
        Aggregate::Max => Some(most),
        Aggregate::Min => Some(least),
        Aggregate::Rate => (weight > 0.0).then(|| value / (weight / 1_000.0)),
        Aggregate::Sum if kind == Kind::Gauge => Some(value),
        Aggregate::Sum | Aggregate::Increase => (weight > 0.0).then_some(value),
        Aggregate::Last | Aggregate::Quantile | Aggregate::Until | Aggregate::Absent => None,
    }
}

impl Samples {
    /// Keeps every `stride`th; when there are too many, every second of them stays and the stride doubles.
    fn put(&mut self, value: f64) {
        if self.seen.is_multiple_of(self.stride) {
            if self.values.len() == SAMPLES_MAX {
                let mut index = 0;
                self.values.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(self.stride) {
                self.values.push(value);
            }
        }
        self.seen = self.seen.wrapping_add(1);
    }
}

/// A quantile of samples, between the two nearest ones by their distance (definition 7 of Hyndman and Fan); sorts them.
#[must_use]
pub fn quantile(samples: &mut [f64], q: f64) -> Option<f64> {
    if samples.is_empty() {
        return None;
    }
    samples.sort_unstable_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "there are a few hundred thousand samples at most")]
    let place = q.clamp(0.0, 1.0) * (samples.len() - 1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of samples")]
    let below = place.floor() as usize;
    let above = (below + 1).min(samples.len() - 1);
    let part = place - place.floor();
    if part == 0.0 {
        return Some(samples[below]);
    }
    Some(samples[below] + (samples[above] - samples[below]) * part)
}

/// How many records came: counted by sixtieths, in any order.
#[derive(Debug, Clone)]
pub struct Count {
    window_ms: i64,
    part_ms: i64,
    /// By number, ascending.
    parts: VecDeque<(i64, u32)>,
}

impl Count {
    /// None yet.
    #[must_use]
    pub const fn new(window_ms: i64) -> Self {
        Self { window_ms, part_ms: part_ms(window_ms), parts: VecDeque::new() }
    }

    /// Counts one that happened at `time_ms`.
    pub fn add(&mut self, time_ms: i64) {
        let at = part_of(time_ms, self.part_ms);
        let newest = self.parts.back().map_or(at, |(newest, _)| at.max(*newest));
        let oldest = newest - self.window_ms / self.part_ms - 1;
        trim(&mut self.parts, |(at, _)| *at < oldest);
        if at < oldest {
            return;
        }
        match self.parts.binary_search_by_key(&at, |(at, _)| *at) {
            Ok(index) => self.parts[index].1 = self.parts[index].1.saturating_add(1),
            Err(index) => self.parts.insert(index, (at, 1)),
        }
    }

    /// How many came within the window at a moment.
    #[must_use]
    pub fn value(&self, at_ms: i64) -> f64 {
        let from = at_ms.saturating_sub(self.window_ms);
        let within = self.parts.iter().filter(|(at, _)| at * self.part_ms > from);
        within.map(|(_, count)| f64::from(*count)).sum()
    }
}

#[cfg(test)]
mod tests;
