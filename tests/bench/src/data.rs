//! A realistic synthetic workload with a fixed seed: hosts with 60 series each, as web servers show them.
//!
//! Counters of seconds (10 ms steps) and of bytes, memory in pages, percentages with two decimals, latencies with three,
//! full-mantissa ratios, queue lengths in bursts and near-constants, with a daily season, noise and jittered clocks.

use std::collections::BTreeMap;

use farol_shared::{
    batch::{SeriesKey, Table, Tables},
    metric::Kind,
    resource::{Resource, ResourceKind},
};

/// Series of one host.
pub(crate) const SERIES: usize = 60;

/// A small generator (xorshift64*), so that every run sees the same numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Starts from a seed; the same seed gives the same numbers.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The next number from 0 up to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a float exactly")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// About normally distributed: mean 0, deviation 1 (sum of twelve uniform numbers).
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    /// Seconds of CPU in steps of 10 ms, busy share of a core.
    CpuSeconds(f64),
    /// Bytes or operations a second, Poisson-like.
    Count(f64),
    /// Memory in pages of 4 KiB, mean in MiB.
    Memory(f64),
    /// Percentage with two decimals, mean.
    Percent(f64),
    /// Latency in ms with three decimals, median.
    Latency(f64),
    /// Full-mantissa ratio.
    Ratio,
    /// Queue length that mostly rests and sometimes jumps.
    Queue,
    /// Changes about once in ten minutes.
    Rare(f64),
}

use Shape::{Count, CpuSeconds, Latency, Memory, Percent, Queue, Rare, Ratio};

const GROUPS: &[(&str, &str, Shape, usize)] = &[
    ("system.cpu.time", "s", CpuSeconds(0.3), 8),
    ("system.network.io", "By", Count(240_000.0), 4),
    ("system.disk.io", "By", Count(90_000.0), 4),
    ("system.disk.operations", "{operation}", Count(40.0), 4),
    ("system.memory.usage", "By", Memory(900.0), 6),
    ("app.cpu.percent", "%", Percent(38.0), 6),
    ("app.cache.percent", "%", Percent(97.0), 2),
    ("app.latency", "ms", Latency(42.0), 6),
    ("app.ratio", "1", Ratio, 3),
    ("app.queue", "{task}", Queue, 5),
    ("app.workers", "{worker}", Rare(8.0), 6),
    ("system.filesystem.usage", "By", Rare(40_000_000_000.0), 6),
];

/// One host that can be asked for its next row of 60 values.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    random: Random,
    phase: f64,
    shapes: Vec<Shape>,
    values: Vec<f64>,
}

impl Host {
    /// Host number `index`; the same number always behaves the same.
    pub(crate) fn new(index: u64) -> Self {
        let mut random = Random::new(index + 1);
        let phase = random.unit() * 7_200.0;
        let shapes: Vec<Shape> = GROUPS.iter().flat_map(|(_, _, shape, count)| std::iter::repeat_n(*shape, *count)).collect();
        let values = shapes
            .iter()
            .map(|shape| match shape {
                CpuSeconds(_) => (random.unit() * 1e6).round() / 100.0,
                Count(rate) => (random.unit() * rate * 1e5).round(),
                Memory(mib) => mib * 1_048_576.0 / 4096.0,
                Percent(mean) | Rare(mean) | Latency(mean) => *mean,
                Ratio => random.unit(),
                Queue => 0.0,
            })
            .collect();
        Self { random, phase, shapes, values }
    }

    /// Moves on by `dt` seconds to `t` seconds since the epoch and returns the row.
    pub(crate) fn step(&mut self, t: f64, dt: f64) -> &[f64] {
        let season = 0.6 + 0.4 * (std::f64::consts::TAU * (t + self.phase) / 86_400.0).sin();
        let random = &mut self.random;
        for (value, shape) in self.values.iter_mut().zip(&self.shapes) {
            match *shape {
                CpuSeconds(share) => {
                    *value += ((share * season * dt * (1.0 + 0.3 * random.normal())).max(0.0) * 100.0).round() / 100.0;
                    *value = (*value * 100.0).round() / 100.0;
                }
                Count(rate) => *value += (rate * season * dt * (1.0 + 0.4 * random.normal())).max(0.0).round(),
                Memory(mib) => {
                    let pages = mib * 256.0 * (0.9 + 0.2 * season);
                    let now = *value / 4096.0;
                    *value = (now + (pages - now) * 0.02 + random.normal() * 40.0).max(0.0).round() * 4096.0;
                }
                Percent(mean) => {
                    let target = (mean * (0.8 + 0.3 * season)).min(100.0);
                    let next = *value + (target - *value) * 0.1 + random.normal() * 1.2;
                    *value = (next.clamp(0.0, 100.0) * 100.0).round() / 100.0;
                }
                Latency(median) => *value = (median * season * (0.35 * random.normal()).exp() * 1000.0).round() / 1000.0,
                Ratio => *value = (*value + 0.02 * random.normal()).clamp(0.0, 1.0),
                Queue => {
                    *value = if random.unit() < 0.01 { (random.unit() * 500.0).round() } else { (*value * 0.9).floor() };
                }
                Rare(base) => {
                    if random.unit() < dt / 600.0 {
                        *value = base + (random.normal() * base.sqrt()).round();
                    }
                }
            }
        }
        &self.values
    }
}

/// Resource and series of host number `index`.
pub(crate) fn tables(index: u64) -> Tables {
    let name = format!("bench-{index}");
    let series = GROUPS
        .iter()
        .flat_map(|(metric, unit, shape, count)| {
            (0..*count).map(move |n| SeriesKey {
                metric: (*metric).to_owned(),
                unit: (*unit).to_owned(),
                kind: if matches!(shape, CpuSeconds(_) | Count(_)) { Kind::Counter } else { Kind::Gauge },
                attributes: vec![("n".to_owned(), n.to_string())],
            })
        })
        .collect();
    let attributes = BTreeMap::from([("host.name".to_owned(), name.clone())]);
    let resource = Resource { key: format!("host:{name}"), kind: ResourceKind::Host, parent: None, tenant: None, attributes };
    Tables(vec![Table { resource, series }])
}
