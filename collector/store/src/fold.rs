//! Folding: many samples of one series into one figure a step.

use farol_shared::metric::Kind;

use crate::model::Aggregate;

/// What is known of the samples of one series within one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fold {
    pub(crate) count: u64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) sum: f64,
    pub(crate) first: f64,
    pub(crate) last: f64,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    /// Sum of the differences between neighbours, resets of a counter handled.
    pub(crate) increase: f64,
    /// Time between those neighbours.
    pub(crate) covered_ms: i64,
}

impl Fold {
    /// No sample.
    pub(crate) const EMPTY: Self = Self {
        count: 0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        sum: 0.0,
        first: f64::NAN,
        last: f64::NAN,
        first_ms: i64::MAX,
        last_ms: i64::MIN,
        increase: 0.0,
        covered_ms: 0,
    };

    /// One sample.
    pub(crate) const fn of(time_ms: i64, value: f64) -> Self {
        Self {
            count: 1,
            min: value,
            max: value,
            sum: value,
            first: value,
            last: value,
            first_ms: time_ms,
            last_ms: time_ms,
            increase: 0.0,
            covered_ms: 0,
        }
    }

    /// Adds what came after, the step between the two included.
    #[inline]
    pub(crate) fn join(&mut self, later: &Self, kind: Kind) {
        if self.count == 0 {
            *self = *later;
            return;
        }
        self.increase += step(self.last, later.first, kind) + later.increase;
        self.covered_ms += (later.first_ms - self.last_ms).max(0) + later.covered_ms;
        self.count += later.count;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.sum += later.sum;
        (self.last, self.last_ms) = (later.last, later.last_ms);
    }

    /// The figure that was asked for, if these samples give one.
    #[expect(clippy::cast_precision_loss, reason = "counts and times are far below 2^53")]
    pub(crate) fn value(&self, aggregate: Aggregate, kind: Kind) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let is_covered = self.covered_ms > 0;
        match (aggregate, kind) {
            (Aggregate::Mean, Kind::Gauge) => Some(self.sum / self.count as f64),
            (Aggregate::Mean, Kind::Counter) => Some(f64::midpoint(self.first, self.last)),
            (Aggregate::Min, _) => Some(self.min),
            (Aggregate::Max, _) => Some(self.max),
            (Aggregate::Sum, Kind::Gauge) => Some(self.sum),
            (Aggregate::Last | Aggregate::Raw, _) => Some(self.last),
            (Aggregate::Count, _) => Some(self.count as f64),
            (Aggregate::Rate, _) => is_covered.then(|| self.increase / (self.covered_ms as f64 / 1_000.0)),
            (Aggregate::Sum, Kind::Counter) | (Aggregate::Increase, _) => is_covered.then_some(self.increase),
        }
    }
}

/// By how much a series grew from one sample to the next.
#[inline]
pub(crate) fn step(before: f64, after: f64, kind: Kind) -> f64 {
    match kind {
        // A counter below its predecessor began again at zero.
        Kind::Counter if after < before => after,
        Kind::Counter | Kind::Gauge => after - before,
    }
}

/// The steps of an answer, each with what is known of it.
#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) from_ms: i64,
    pub(crate) step_ms: i64,
    folds: Vec<Fold>,
    kind: Kind,
    /// What came before, so that the first sample of a step knows its predecessor.
    before: Option<(f64, i64)>,
}

impl Grid {
    pub(crate) fn new(from_ms: i64, step_ms: i64, points: usize, kind: Kind) -> Self {
        Self { from_ms, step_ms, folds: vec![Fold::EMPTY; points], kind, before: None }
    }

    /// Adds samples that came later than all before, at `time_ms`.
    #[inline]
    pub(crate) fn add(&mut self, time_ms: i64, fold: &Fold) {
        let index = (time_ms - self.from_ms).div_euclid(self.step_ms);
        if let Some(into) = usize::try_from(index).ok().and_then(|index| self.folds.get_mut(index)) {
            if into.count == 0 {
                *into = *fold;
                if let Some((last, last_ms)) = self.before {
                    into.increase += step(last, fold.first, self.kind);
                    into.covered_ms += (fold.first_ms - last_ms).max(0);
                }
            } else {
                into.join(fold, self.kind);
            }
        }
        self.before = Some((fold.last, fold.last_ms));
    }

    /// The points, steps without one left out.
    pub(crate) fn points(&self, aggregate: Aggregate) -> Vec<(i64, f64)> {
        let times = (0..).map(|index: i64| self.from_ms + index * self.step_ms);
        times.zip(&self.folds).filter_map(|(time, fold)| Some((time, fold.value(aggregate, self.kind)?))).collect()
    }
}
