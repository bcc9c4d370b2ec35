//! Numbers as they are sent: short, without the noise that a quotient of floats carries.

use serde::Serializer;

/// Nine significant digits: no screen shows more, and a quotient would otherwise travel with seventeen. Whole numbers
/// stay as they are.
#[must_use]
pub fn concise(value: f64) -> f64 {
    if value.fract() == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powf(8.0 - value.abs().log10().floor());
    let rounded = (value * scale).round() / scale;
    if rounded.is_finite() { rounded } else { value }
}

/// Serialises pairs whose second is a number, concisely: `[[1,0.5],...]`.
///
/// # Errors
/// What the serialiser says.
pub fn pairs<T, S>(values: &[(T, f64)], serializer: S) -> Result<S::Ok, S::Error>
where
    T: serde::Serialize + Copy,
    S: Serializer,
{
    serializer.collect_seq(values.iter().map(|(first, value)| (*first, concise(*value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_digits_are_kept_and_whole_numbers_are_untouched() {
        assert_eq!(concise(2.0 / 3.0), 0.666_666_667);
        assert_eq!(concise(-1_234.567_891_23), -1_234.567_89);
        assert_eq!(concise(9_007_199_254_740_991.0), 9_007_199_254_740_991.0);
        assert_eq!(concise(5e-324), 5e-324, "where rounding would overflow, the value stays");
        assert!(concise(f64::NAN).is_nan());
    }
}
