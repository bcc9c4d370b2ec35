//! One distribution: how many values, their sum, and the quantiles of those since the last tick.

use farol_shared::sketch::Sketch;

use crate::recorder::{Recorder, SeriesSlot};

/// The quantiles that are told.
pub(super) const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];

/// Series of one distribution: count, sum, least, greatest, and the quantiles.
pub(super) const PLACES: usize = 4 + QUANTILES.len();

/// Values since the last tick, and their count and sum since the series began.
#[derive(Debug)]
pub(super) struct Distribution {
    sketch: Sketch,
    /// What values are multiplied with before they go into the sketch, whose ranges are made for seconds. A power of two, so
    /// that nothing is lost; `None` until there is a value to choose it by.
    scale: Option<f64>,
    is_seconds: bool,
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
    /// Whether count and sum are kept by something else.
    is_total: bool,
}

impl Distribution {
    pub(super) fn of_unit(unit: &str) -> Self {
        Self {
            sketch: Sketch::new(),
            scale: None,
            is_seconds: unit == "s",
            count: 0.0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            is_total: false,
        }
    }

    /// Takes a finite value in, `weight` times.
    pub(super) fn take(&mut self, value: f64, weight: u64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if self.scale.is_none() && value > 0.0 {
            self.scale = Some(if self.is_seconds { 1.0 } else { scale_for(value) });
        }
        self.sketch.record(value * self.scale.unwrap_or(1.0), weight);
        if self.is_total {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a weight is a small number")]
        let times = weight as f64;
        self.count += times;
        let sum = self.sum + value * times;
        // Beyond all numbers it begins anew, as a counter does that overflows.
        self.sum = if sum.is_finite() { sum } else { 0.0 };
    }

    pub(super) fn totals_at(&mut self, count: f64, sum: f64) {
        (self.is_total, self.count, self.sum) = (true, count, sum);
    }

    /// Writes what is known to its slots, in the order of [`PLACES`], and begins the next interval.
    pub(super) fn record(&mut self, recorder: &mut Recorder, slots: &[SeriesSlot], is_first: bool, touched: bool) {
        let [count, sum, min, max, quantiles @ ..] = slots else { return };
        let begins = is_first && !self.is_total;
        if touched || !self.is_total {
            recorder.set(*count, if begins { 0.0 } else { self.count });
            recorder.set(*sum, if begins { 0.0 } else { self.sum });
        }
        if self.sketch.count() == 0 {
            return;
        }
        recorder.set(*min, self.min);
        recorder.set(*max, self.max);
        let scale = self.scale.unwrap_or(1.0);
        for (slot, (_, q)) in quantiles.iter().zip(QUANTILES) {
            // The middle of a range may lie outside of what was seen.
            let value = self.sketch.quantile(q).map(|value| (value / scale).max(self.min).min(self.max));
            recorder.set(*slot, value.unwrap_or(f64::NAN));
        }
        // Its memory is given back: a thousand quiet distributions cost next to nothing.
        self.sketch = Sketch::new();
        (self.scale, self.min, self.max) = (None, f64::INFINITY, f64::NEG_INFINITY);
    }
}

/// Brings a value to about 1: the sketch then tells values apart from 500,000 times less to 260,000 times more.
fn scale_for(value: f64) -> f64 {
    const EXPONENT_BITS: u64 = 0x7ff << 52;
    let magnitude = f64::from_bits(value.to_bits() & EXPONENT_BITS);
    let scale = magnitude.recip();
    if scale.is_normal() { scale } else { 1.0 }
}
