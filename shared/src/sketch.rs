//! A mergeable sketch of durations: how often each of many small ranges was hit, so that any quantile can be told later.
//!
//! Log-linear: each power of two is cut into 32 equal ranges, found by the first bits of the float itself. A range is told by its
//! middle, which is at most 1/64 (1.57 %) away from any value in it. Merging adds counts, so that sketches of many workers,
//! agents and minutes make exactly the sketch of all their values. The idea is that of HDR histograms (log-linear buckets).
//!
//! Bounded: [`RANGES`] counts at most, whatever is recorded.

/// Ranges a power of two, as a power of two.
const PART_BITS: u32 = 5;

/// Smallest exponent that has ranges of its own: 2^-20 s is just below one microsecond.
const EXPONENT_MIN: i32 = -20;

/// Largest exponent that has ranges of its own: 2^18 s are three days.
const EXPONENT_MAX: i32 = 17;

/// How many ranges there are: those of the exponents, and one for all that is below them.
pub const RANGES: usize = (((EXPONENT_MAX - EXPONENT_MIN + 1) as usize) << PART_BITS) + 1;

/// Furthest that a quantile lies from the true one, relative to it, for values between 1 µs and three days.
pub const RELATIVE_ERROR_MAX: f64 = 1.0 / 64.0;

/// Counts by range, sorted by range; ranges that were never hit take no space.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sketch {
    hits: Vec<(u16, u64)>,
    count: u64,
}

/// Why bytes are no sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no sketch")]
pub struct NotASketch;

impl Sketch {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a value `weight` times. What is not a positive number counts in the lowest range.
    pub fn record(&mut self, value: f64, weight: u64) {
        self.add(range_of(value), weight);
    }

    /// How many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Adds all that another sketch recorded.
    pub fn merge(&mut self, other: &Self) {
        for &(range, hits) in &other.hits {
            self.add(range, hits);
        }
    }

    /// The value below or at which the share `q` (0 to 1) of all values lies; `None` when there are none.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count.checked_sub(1)?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank between 0 and the count"
        )]
        let rank = (q.clamp(0.0, 1.0) * last as f64).round() as u64;
        let mut seen = 0_u64;
        let hit = self.hits.iter().find(|(_, hits)| {
            seen = seen.saturating_add(*hits);
            seen > rank
        });
        hit.or(self.hits.last()).map(|(range, _)| middle(*range))
    }

    /// How many values are at most `limit`, to within the range that holds it.
    #[must_use]
    pub fn at_most(&self, limit: f64) -> u64 {
        let range = range_of(limit);
        self.hits.iter().take_while(|(hit, _)| *hit <= range).map(|(_, hits)| hits).sum()
    }

    /// Appends the sketch as bytes: for each range hit, the distance to the one before and its count, both as LEB128.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        let mut before = 0;
        for &(range, hits) in &self.hits {
            put(bytes, u64::from(range - before));
            put(bytes, hits);
            before = range;
        }
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`NotASketch`] when the bytes end early, or name ranges out of order or out of bounds.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, NotASketch> {
        let mut sketch = Self::default();
        let mut range = 0_u64;
        while !bytes.is_empty() {
            let step = take(&mut bytes).ok_or(NotASketch)?;
            let hits = take(&mut bytes).ok_or(NotASketch)?;
            range = range.checked_add(step).filter(|range| *range < RANGES as u64).ok_or(NotASketch)?;
            if hits == 0 || (step == 0 && !sketch.hits.is_empty()) {
                return Err(NotASketch);
            }
            sketch.count = sketch.count.checked_add(hits).ok_or(NotASketch)?;
            sketch.hits.push((u16::try_from(range).map_err(|_| NotASketch)?, hits));
        }
        Ok(sketch)
    }

    fn add(&mut self, range: u16, weight: u64) {
        if weight == 0 {
            return;
        }
        match self.hits.binary_search_by_key(&range, |(range, _)| *range) {
            Ok(index) => self.hits[index].1 = self.hits[index].1.saturating_add(weight),
            Err(index) => self.hits.insert(index, (range, weight)),
        }
        self.count = self.count.saturating_add(weight);
    }
}

/// The range of a value: exponent and first bits of the mantissa as they stand in the float (IEEE 754 binary64).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the ranges above")]
fn range_of(value: f64) -> u16 {
    let lowest = f64::exp2(f64::from(EXPONENT_MIN));
    if value.is_nan() || value < lowest {
        return 0;
    }
    let parts = (value.to_bits() >> (52 - PART_BITS)) as i64;
    let first = (lowest.to_bits() >> (52 - PART_BITS)) as i64;
    (parts - first + 1).min(RANGES as i64 - 1) as u16
}

/// The middle of a range; of the lowest one 0, as it begins there.
fn middle(range: u16) -> f64 {
    if range == 0 {
        return 0.0;
    }
    let first = f64::exp2(f64::from(EXPONENT_MIN)).to_bits() >> (52 - PART_BITS);
    let start = |range: u64| f64::from_bits((first + range - 1) << (52 - PART_BITS));
    let range = u64::from(range);
    f64::midpoint(start(range), start(range + 1))
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(low_bits(number) | 0x80);
        number >>= 7;
    }
    bytes.push(low_bits(number));
}

fn low_bits(number: u64) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_sketch_has_no_quantile() {
        assert_eq!(Sketch::new().quantile(0.5), None);
        assert_eq!(Sketch::decode(&[]), Ok(Sketch::new()));
    }

    #[test]
    fn values_out_of_bounds_are_counted_at_the_ends() {
        let mut sketch = Sketch::new();
        for value in [f64::NAN, -1.0, 0.0, 1e-9, f64::INFINITY, 1e300] {
            sketch.record(value, 1);
        }
        assert_eq!(sketch.count(), 6);
        assert_eq!(sketch.quantile(0.0), Some(0.0));
        assert!(sketch.quantile(1.0).is_some_and(|value| (200_000.0..300_000.0).contains(&value)), "{:?}", sketch.quantile(1.0));
    }

    #[test]
    fn hostile_bytes_are_refused() {
        for bytes in [
            &[1][..],
            &[1, 0],
            &[0, 1, 0, 1],
            &[0xff, 0xff, 0x7f, 1],
            &[0x80; 12],
            &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ] {
            assert_eq!(Sketch::decode(bytes), Err(NotASketch), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn quantiles_are_within_the_error_of_the_true_ones(values in prop::collection::vec(1e-6_f64..100_000.0, 1..400), q in 0.0_f64..=1.0) {
            let mut sketch = Sketch::new();
            values.iter().for_each(|value| sketch.record(*value, 1));
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            let last = sorted.len() - 1;
            // The value whose rank is nearest to the wanted one; of two that are as near, either.
            let told = sketch.quantile(q).unwrap();
            let wanted = q * last as f64;
            let is_it = |rank: usize| (rank as f64 - wanted).abs() <= 0.5 && (told - sorted[rank]).abs() <= sorted[rank] * RELATIVE_ERROR_MAX * (1.0 + 1e-12);
            prop_assert!((0..=last).any(is_it), "{told} for rank {wanted} of {sorted:?}");
        }

        #[test]
        fn merging_parts_gives_the_sketch_of_all(left in prop::collection::vec(0.0_f64..10.0, 0..100), right in prop::collection::vec(0.0_f64..10.0, 0..100)) {
            let of = |values: &[f64]| {
                let mut sketch = Sketch::new();
                values.iter().for_each(|value| sketch.record(*value, 1));
                sketch
            };
            let mut merged = of(&left);
            merged.merge(&of(&right));
            prop_assert_eq!(merged, of(&[left, right].concat()));
        }

        #[test]
        fn bytes_give_the_same_sketch_back(values in prop::collection::vec((0.0_f64..1e6, 1_u64..1 << 40), 0..100)) {
            let mut sketch = Sketch::new();
            values.iter().for_each(|(value, weight)| sketch.record(*value, *weight));
            let mut bytes = Vec::new();
            sketch.encode(&mut bytes);
            prop_assert_eq!(Sketch::decode(&bytes), Ok(sketch));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            drop(Sketch::decode(&bytes));
        }
    }
}
