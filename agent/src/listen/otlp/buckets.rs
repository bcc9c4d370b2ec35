//! Histograms: counts by range, what was added since an earlier state, and values that stand for them.

/// Most ranges of one sign: SDKs use 15 explicit or 160 exponential ones.
pub(super) const RANGES_MAX: usize = 320;

/// Scales of exponential ranges that are read; those that the specification names.
const SCALES: std::ops::RangeInclusive<i32> = -10..=20;

/// One state of a histogram.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Buckets {
    pub(super) sum: Option<f64>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) counts: Counts,
}

/// How often each range was hit.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Counts {
    /// Range `i` ends at `bounds[i]`, which belongs to it; the last has no end.
    Explicit { bounds: Vec<f64>, counts: Vec<u64> },
    /// Range `i` reaches from `base^i` to `base^(i+1)` with `base = 2^(2^-scale)`.
    Exponential { scale: i32, zero: u64, positive: Dense, negative: Dense },
}

/// Counts of neighbouring ranges from one index on.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Dense {
    pub(super) offset: i64,
    pub(super) counts: Vec<u64>,
}

impl Default for Counts {
    fn default() -> Self {
        Self::Explicit { bounds: Vec::new(), counts: Vec::new() }
    }
}

/// A range and how often it was hit.
struct Range {
    low: f64,
    high: f64,
    hits: u64,
}

impl Buckets {
    /// How many numbers it holds, for the books on memory.
    pub(super) fn numbers(&self) -> usize {
        match &self.counts {
            Counts::Explicit { bounds, counts } => bounds.len() + counts.len(),
            Counts::Exponential { positive, negative, .. } => positive.counts.len() + negative.counts.len(),
        }
    }

    /// Whether it makes sense.
    pub(super) fn is_valid(&self) -> bool {
        let are_finite = [self.sum, self.min, self.max].into_iter().flatten().all(f64::is_finite);
        are_finite
            && match &self.counts {
                Counts::Explicit { bounds, counts } => {
                    let is_empty = bounds.is_empty() && counts.is_empty();
                    let is_sorted = bounds.is_sorted_by(|a, b| a < b) && bounds.iter().all(|bound| bound.is_finite());
                    is_empty || (is_sorted && counts.len() == bounds.len() + 1)
                }
                Counts::Exponential { scale, .. } => SCALES.contains(scale),
            }
    }

    /// What was added to `before`; `None` when this is no later state of it. Bounds of all values stay those of the whole,
    /// which hold for a part as well.
    pub(super) fn since(&self, before: &Self) -> Option<Self> {
        let counts = match (&self.counts, &before.counts) {
            (Counts::Explicit { bounds, counts }, Counts::Explicit { bounds: old_bounds, counts: old }) => {
                if bounds != old_bounds || counts.len() != old.len() {
                    return None;
                }
                let counts = counts.iter().zip(old).map(|(new, old)| new.checked_sub(*old)).collect::<Option<_>>()?;
                Counts::Explicit { bounds: bounds.clone(), counts }
            }
            (
                Counts::Exponential { scale, zero, positive, negative },
                Counts::Exponential { scale: old_scale, zero: old_zero, positive: old_positive, negative: old_negative },
            ) => {
                // A histogram that grows wider halves its scale step by step, so that old ranges fall into new ones.
                let coarser = u32::try_from(old_scale - scale).ok()?;
                Counts::Exponential {
                    scale: *scale,
                    zero: zero.checked_sub(*old_zero)?,
                    positive: positive.since(old_positive, coarser)?,
                    negative: negative.since(old_negative, coarser)?,
                }
            }
            _ => return None,
        };
        let sum = self.sum.zip(before.sum).map(|(new, old)| new - old);
        Some(Self { sum, counts, ..self.clone() })
    }

    /// Values with how often each occurred. A range is told at one place in it, which is its middle, moved in all ranges
    /// alike so that the sum comes out right where that is possible.
    pub(super) fn values(&self) -> Vec<(f64, u64)> {
        let mut ranges = self.ranges();
        ranges.retain(|range| range.hits > 0 && range.low.is_finite() && range.high.is_finite());
        for range in &mut ranges {
            range.low = self.min.map_or(range.low, |min| range.low.max(min));
            range.high = self.max.map_or(range.high, |max| range.high.min(max)).max(range.low);
        }
        let middle = |range: &Range| f64::midpoint(range.low, range.high);
        let total: f64 = ranges.iter().map(|range| times(middle(range), range.hits)).sum();
        let missing = self.sum.map_or(0.0, |sum| sum - total);
        let end = |range: &Range| if missing > 0.0 { range.high } else { range.low };
        let room: f64 = ranges.iter().map(|range| times(end(range) - middle(range), range.hits)).sum();
        let share = if room == 0.0 { 0.0 } else { (missing / room).clamp(0.0, 1.0) };
        ranges.iter().map(|range| (middle(range) + share * (end(range) - middle(range)), range.hits)).collect()
    }

    fn ranges(&self) -> Vec<Range> {
        match &self.counts {
            Counts::Explicit { bounds, counts } => {
                let first_low = |high: f64| self.min.unwrap_or(if high > 0.0 { 0.0 } else { high });
                let range = |(index, hits): (usize, &u64)| {
                    let before = index.checked_sub(1).and_then(|before| bounds.get(before)).copied();
                    let (low, high) = match (before, bounds.get(index).copied()) {
                        (None, Some(high)) => (first_low(high), high),
                        (Some(low), Some(high)) => (low, high),
                        (Some(low), None) => (low, self.max.unwrap_or(low)),
                        // No bounds at all: a count and a sum.
                        (None, None) => {
                            let mean = self.sum.map_or(0.0, |sum| sum / times(1.0, (*hits).max(1)));
                            (self.min.unwrap_or(mean), self.max.unwrap_or(mean))
                        }
                    };
                    Range { low, high, hits: *hits }
                };
                counts.iter().enumerate().map(range).collect()
            }
            Counts::Exponential { scale, zero, positive, negative } => {
                let negative = negative.ranges(*scale).map(|range| Range { low: -range.high, high: -range.low, ..range });
                let zero = Range { low: 0.0, high: 0.0, hits: *zero };
                negative.chain([zero]).chain(positive.ranges(*scale)).collect()
            }
        }
    }
}

impl Dense {
    fn since(&self, before: &Self, coarser: u32) -> Option<Self> {
        let mut counts = self.counts.clone();
        for (index, hits) in before.indexed().filter(|(_, hits)| *hits > 0) {
            // Shifting rounds down for negative indices too, as it must.
            let index = index.checked_shr(coarser).unwrap_or(if index < 0 { -1 } else { 0 });
            let place = usize::try_from(index - self.offset).ok()?;
            let count = counts.get_mut(place)?;
            *count = count.checked_sub(hits)?;
        }
        Some(Self { offset: self.offset, counts })
    }

    fn indexed(&self) -> impl Iterator<Item = (i64, u64)> {
        (self.offset..).zip(self.counts.iter().copied())
    }

    fn ranges(&self, scale: i32) -> impl Iterator<Item = Range> {
        let step = f64::from(-scale).exp2();
        self.indexed().map(move |(index, hits)| Range {
            low: (float(index) * step).exp2(),
            high: (float(index + 1) * step).exp2(),
            hits,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn times(value: f64, hits: u64) -> f64 {
    value * hits as f64
}

#[expect(clippy::cast_precision_loss, reason = "an offset of 32 bits and an index below it")]
const fn float(index: i64) -> f64 {
    index as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn explicit(bounds: &[f64], counts: &[u64], sum: Option<f64>) -> Buckets {
        let counts = Counts::Explicit { bounds: bounds.to_vec(), counts: counts.to_vec() };
        Buckets { sum, counts, ..Buckets::default() }
    }

    fn exponential(scale: i32, offset: i64, counts: &[u64]) -> Buckets {
        let positive = Dense { offset, counts: counts.to_vec() };
        Buckets { counts: Counts::Exponential { scale, zero: 0, positive, negative: Dense::default() }, ..Buckets::default() }
    }

    #[test]
    fn values_lie_in_their_ranges_and_give_the_sum() {
        assert_eq!(explicit(&[1.0, 2.0], &[2, 1, 0], None).values(), [(0.5, 2), (1.5, 1)]);
        let values = explicit(&[1.0, 2.0], &[2, 1, 0], Some(3.25)).values();
        let sum: f64 = values.iter().map(|(value, hits)| times(*value, *hits)).sum();
        assert!((sum - 3.25).abs() < 1e-9 && values[0].0 <= 1.0 && values[1].0 <= 2.0, "{values:?}");
        let open = Buckets { max: Some(8.0), min: Some(0.5), ..explicit(&[1.0], &[1, 1], None) };
        assert_eq!(open.values(), [(0.75, 1), (4.5, 1)]);
        let one = Buckets { counts: Counts::Explicit { bounds: vec![], counts: vec![4] }, sum: Some(2.0), ..Buckets::default() };
        assert_eq!(one.values(), [(0.5, 4)]);
    }

    #[test]
    fn a_later_state_gives_what_was_added_and_a_restart_gives_none() {
        let before = explicit(&[1.0], &[1, 2], Some(5.0));
        let added = explicit(&[1.0], &[1, 5], Some(11.0)).since(&before).unwrap();
        assert_eq!(added, explicit(&[1.0], &[0, 3], Some(6.0)));
        assert_eq!(explicit(&[1.0], &[0, 3], None).since(&before), None);
        assert_eq!(explicit(&[2.0], &[9, 9], None).since(&before), None);
    }

    #[test]
    fn exponential_ranges_that_became_wider_are_subtracted_from() {
        // At scale 1 the ranges 2 and 3 are [2, 4); at scale 0 that is range 1.
        let before = exponential(1, 2, &[1, 1]);
        let added = exponential(0, 0, &[0, 3, 1]).since(&before).unwrap();
        assert_eq!(added, exponential(0, 0, &[0, 1, 1]));
        assert_eq!(added.values(), [(3.0, 1), (6.0, 1)]);
        assert_eq!(exponential(2, 2, &[1, 1]).since(&before), None, "ranges never become narrower");
    }

    #[test]
    fn nonsense_is_not_valid() {
        assert!(!explicit(&[2.0, 1.0], &[0, 0, 0], None).is_valid());
        assert!(!explicit(&[1.0], &[0], None).is_valid());
        assert!(!explicit(&[1.0], &[0, 1], Some(f64::NAN)).is_valid());
        assert!(!exponential(40, 0, &[1]).is_valid());
        assert!(explicit(&[], &[], None).is_valid());
    }

    proptest! {
        #[test]
        fn every_hit_is_told_at_a_finite_value(
            scale in -10..=20_i32, offset in any::<i32>(), counts in prop::collection::vec(0_u64..9, 0..20), sum in prop::option::of(-1e9..1e9_f64)
        ) {
            let buckets = Buckets { sum, ..exponential(scale, i64::from(offset), &counts) };
            prop_assert!(buckets.values().iter().all(|(value, _)| value.is_finite()));
            prop_assert_eq!(buckets.since(&buckets).map(|none| none.values().len()), Some(0));
        }
    }
}
