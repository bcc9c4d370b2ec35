//! Values that are whole numbers of some power of ten: nearly everything a machine reports, and much cheaper to keep.

/// Most digits after the point that are recognised: nanoseconds.
pub(crate) const SCALE_MAX: u8 = 9;

const POWERS: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Whole numbers below this are exact in a 64-bit float (2^53).
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The whole number that stands for `value` at `scale` digits after the point, if it gives back the very same bits.
#[inline]
pub(crate) fn to_whole(value: f64, scale: u8) -> Option<i64> {
    let power = POWERS[usize::from(scale)];
    let scaled = value * power;
    if scaled.abs() >= EXACT_MAX || scaled.is_nan() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 2^53, and rounding is meant")]
    let whole = (scaled + 0.5_f64.copysign(scaled)) as i64;
    (from_whole(whole, scale).to_bits() == value.to_bits()).then_some(whole)
}

/// The value that a whole number stands for.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "writers only make whole numbers below 2^53; the rest rounds")]
pub(crate) fn from_whole(whole: i64, scale: u8) -> f64 {
    whole as f64 / POWERS[usize::from(scale.min(SCALE_MAX))]
}

/// The fewest digits, from `least` on, at which `value` is whole.
#[inline]
pub(crate) fn scale_of(value: f64, least: u8) -> Option<(u8, i64)> {
    (least..=SCALE_MAX).find_map(|scale| to_whole(value, scale).map(|whole| (scale, whole)))
}

/// Every value as a whole number at one common scale, when there is one.
pub(crate) fn common(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut scale = 0;
    let mut wholes = Vec::with_capacity(values.len());
    let mut index = 0;
    while let Some(value) = values.get(index) {
        if let Some(whole) = to_whole(*value, scale) {
            wholes.push(whole);
            index += 1;
        } else {
            // A finer scale than so far: what came before is counted anew, at most nine times.
            scale = scale_of(*value, scale + 1)?.0;
            wholes.clear();
            index = 0;
        }
    }
    Some((scale, wholes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_recognised() {
        assert_eq!(scale_of(12.34, 0), Some((2, 1234)));
        assert_eq!(scale_of(-0.001, 0), Some((3, -1)));
        assert_eq!(scale_of(-0.0, 0), None, "the sign of zero is kept");
        assert_eq!(scale_of(1.0 / 3.0, 0), None);
        assert_eq!(common(&[1.0, 2.5, 3.25]), Some((2, vec![100, 250, 325])));
        assert_eq!(common(&[1.0, f64::NAN]), None);
    }

    proptest! {
        #[test]
        fn a_whole_number_stands_for_the_same_bits(bits: u64, scale in 0..=SCALE_MAX) {
            let value = f64::from_bits(bits);
            if let Some(whole) = to_whole(value, scale) {
                prop_assert_eq!(from_whole(whole, scale).to_bits(), bits);
            }
        }

        #[test]
        fn every_decimal_is_recognised(whole in -1_000_000_000_000_i64..1_000_000_000_000, scale in 0_u8..=3) {
            let value = from_whole(whole, scale);
            prop_assert_eq!(to_whole(value, scale), Some(whole));
        }
    }
}
