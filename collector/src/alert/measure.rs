//! Measure: how a condition over series becomes one value of a subject, and in which unit.
//!
//! Each series is folded by itself; what several series of one subject come to is added up. Of quantiles the samples are put together,
//! of lines both level and slope are added, of absence the newest sample of any counts.

use std::sync::Arc;

use farol_shared::{batch::SeriesKey, metric::Kind};

use super::{
    rule::{Against, Aggregate, Condition, SeriesCondition},
    select::AttributeTest,
    window::{DIVISOR_HOLDS_MS, Spec, Window, quantile},
};

/// What a series is to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It is measured.
    Measured,
    /// It divides what is measured.
    Divisor,
}

/// A condition over series, ready to be judged.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    pub(super) condition: SeriesCondition,
    tests: Vec<AttributeTest>,
    divisor_tests: Vec<AttributeTest>,
}

impl Measure {
    pub(super) fn of(condition: &SeriesCondition) -> Self {
        let parse = |tests: &[String]| tests.iter().filter_map(|test| AttributeTest::parse(test)).collect();
        Self {
            tests: parse(&condition.attributes),
            divisor_tests: condition.divided_by.as_ref().map(|divisor| parse(&divisor.attributes)).unwrap_or_default(),
            condition: condition.clone(),
        }
    }

    /// Whether a series of the right metric passes the tests of its part.
    pub(super) fn takes(&self, part: Part, key: &SeriesKey) -> bool {
        let tests = match part {
            Part::Measured => &self.tests,
            Part::Divisor => &self.divisor_tests,
        };
        tests.iter().all(|test| test.holds(&key.attributes))
    }

    /// What is kept of a series.
    pub(super) fn spec(&self, part: Part, kind: Kind) -> Spec {
        let window_ms = i64::from(self.condition.window_s) * 1_000;
        match (part, kind) {
            (Part::Measured, _) => Spec { aggregate: self.condition.aggregate, window_ms },
            (Part::Divisor, Kind::Counter) => Spec { aggregate: Aggregate::Rate, window_ms },
            (Part::Divisor, Kind::Gauge) => Spec { aggregate: Aggregate::Last, window_ms: window_ms.max(DIVISOR_HOLDS_MS) },
        }
    }

    /// Whether the values of its windows are simply added up.
    const fn is_sum(&self) -> bool {
        !matches!(self.condition.aggregate, Aggregate::Absent | Aggregate::Quantile | Aggregate::Until)
    }

    /// The value of a subject at a moment: `members` and `divisors` are places in `windows`, and in `values` what these come to now.
    pub(super) fn value(
        &self,
        at_ms: i64,
        (members, divisors): (&[(u32, u32)], &[u32]),
        (windows, values): (&[Option<Window>], &[f64]),
        samples: &mut Vec<f64>,
    ) -> Option<f64> {
        let sum = |slots: &mut dyn Iterator<Item = u32>| {
            let known = slots.map(|slot| values[slot as usize]).filter(|value| !value.is_nan());
            known.fold(None, |sum: Option<f64>, value| Some(sum.unwrap_or(0.0) + value))
        };
        let whole = match self.condition.divided_by {
            Some(_) => Some(sum(&mut divisors.iter().copied())?),
            None => None,
        };
        if self.is_sum() {
            let value = sum(&mut members.iter().map(|(_, slot)| *slot))?;
            return whole.map_or(Some(value), |whole| (whole != 0.0).then(|| value / whole));
        }
        let own = || members.iter().filter_map(|(_, slot)| windows[*slot as usize].as_ref());
        match self.condition.aggregate {
            Aggregate::Absent => {
                let newest_ms = own().map(Window::newest_ms).max().filter(|newest_ms| *newest_ms > i64::MIN)?;
                Some(seconds(at_ms.saturating_sub(newest_ms).max(0)))
            }
            Aggregate::Until => {
                let lines = own().filter_map(|window| window.line(at_ms));
                let (level, slope, count) =
                    lines.fold((0.0, 0.0, 0), |(level, slope, count), line| (level + line.level, slope + line.slope, count + 1));
                (count > 0).then(|| until(level, slope, whole))
            }
            _ => {
                samples.clear();
                own().for_each(|window| window.samples(at_ms, samples));
                let value = quantile(samples, self.condition.quantile.unwrap_or(0.5))?;
                whole.map_or(Some(value), |whole| (whole != 0.0).then(|| value / whole))
            }
        }
    }

    /// The unit of the value and its thresholds, in UCUM notation.
    pub(super) fn unit(&self, key: &SeriesKey) -> Arc<str> {
        let condition = &self.condition;
        if condition.against != Against::Nothing {
            return "1".into();
        }
        match condition.aggregate {
            Aggregate::Absent | Aggregate::Until => "s".into(),
            Aggregate::Count => "{sample}".into(),
            _ if condition.divided_by.is_some() => "1".into(),
            // Seconds by second are a share.
            Aggregate::Rate if key.unit == "s" => "1".into(),
            Aggregate::Rate => format!("{}/s", key.unit).into(),
            _ => key.unit.as_str().into(),
        }
    }
}

/// The unit of a condition that is not about series.
pub(super) fn unit_of(condition: &Condition) -> Arc<str> {
    match condition {
        Condition::Events(_) => "{event}".into(),
        Condition::Logs(_) => "{record}".into(),
        Condition::Silent(_) | Condition::Series(_) => "s".into(),
    }
}

/// In how many seconds a line reaches a whole, or 0 when there is none.
fn until(level: f64, slope: f64, whole: Option<f64>) -> f64 {
    let (left, speed) = match whole {
        Some(whole) => (whole - level, slope),
        None => (level, -slope),
    };
    if left <= 0.0 {
        0.0
    } else if speed > 0.0 {
        left / speed
    } else {
        f64::INFINITY
    }
}

/// Milliseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "a time between two moments is far below 2^53 ms")]
pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}
