//! Suggest: thresholds from what a value was: what only one in a hundred, and one in a thousand, went beyond.

use serde::Serialize;
use utoipa::ToSchema;

use super::{rule::Comparison, window::quantile};

/// Most values that are kept: when there are more, every second, fourth, ... is.
pub const VALUES_MAX: usize = 200_000;

/// With fewer values nothing is suggested: one in a hundred of them is nobody.
pub const VALUES_MIN: usize = 100;

/// Thresholds that would have been passed rarely.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = AlertSuggestion)]
pub struct Suggestion {
    /// Passed one time in a hundred.
    pub warning: f64,
    /// Passed one time in a thousand.
    pub critical: f64,
}

/// Values of the past, in bounded memory.
#[derive(Debug, Clone)]
pub struct Values {
    kept: Vec<f64>,
    seen: u64,
    stride: u64,
}

impl Default for Values {
    fn default() -> Self {
        Self { kept: Vec::new(), seen: 0, stride: 1 }
    }
}

impl Values {
    /// Takes a value in; what is not finite is none.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        if self.seen.is_multiple_of(self.stride) {
            if self.kept.len() == VALUES_MAX {
                let mut index = 0_usize;
                self.kept.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(self.stride) {
                self.kept.push(value);
            }
        }
        self.seen += 1;
    }

    /// Thresholds on this side, rounded away from what is usual to two digits; none of too few values, or of one that never moves.
    #[must_use]
    pub fn suggest(mut self, comparison: Comparison) -> Option<Suggestion> {
        if self.kept.len() < VALUES_MIN {
            return None;
        }
        let is_above = comparison == Comparison::Above;
        let (first, second) = if is_above { (0.99, 0.999) } else { (0.01, 0.001) };
        let (warning, critical) = (quantile(&mut self.kept, first)?, quantile(&mut self.kept, second)?);
        let (least, most) = (*self.kept.first()?, *self.kept.last()?);
        if least == most {
            return None;
        }
        let (warning, critical) = (rounded(warning, is_above), rounded(critical, is_above));
        // Two that fall together are set apart by a digit.
        let apart = digit(warning.abs().max(critical.abs()));
        let critical = match (critical == warning, is_above) {
            (false, _) => critical,
            (true, true) => critical + apart,
            (true, false) => critical - apart,
        };
        Some(Suggestion { warning, critical })
    }
}

/// The worth of the second digit of a number.
fn digit(value: f64) -> f64 {
    if value > 0.0 { 10_f64.powf(value.log10().floor() - 1.0) } else { 0.1 }
}

fn rounded(value: f64, is_up: bool) -> f64 {
    let digit = digit(value.abs());
    // A little less than the number itself is the number: 0.3 is 2.9999999999999996 tenths.
    let places = value / digit;
    let near = places.round();
    let whole = if (places - near).abs() < 1e-9 {
        near
    } else if is_up {
        places.ceil()
    } else {
        places.floor()
    };
    // Through text: 29 times 0.1 is not 2.9.
    format!("{:.1$}", whole * digit, decimals(digit)).parse().unwrap_or(value)
}

/// How many decimals a number of this worth of a digit has.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 300, rounded")]
fn decimals(digit: f64) -> usize {
    (-digit.log10()).round().clamp(0.0, 300.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = f64>, comparison: Comparison) -> Option<Suggestion> {
        let mut all = Values::default();
        values.for_each(|value| all.add(value));
        all.suggest(comparison)
    }

    #[test]
    fn a_threshold_is_what_one_in_a_hundred_and_one_in_a_thousand_pass() {
        let ramp = || (0..10_000).map(|n| f64::from(n) / 10_000.0);
        assert_eq!(of(ramp(), Comparison::Above), Some(Suggestion { warning: 0.99, critical: 1.0 }));
        let Suggestion { warning, critical } = of(ramp(), Comparison::Below).unwrap();
        assert!((0.009..=0.01).contains(&warning) && (0.0009..=0.001).contains(&critical), "{warning} {critical}");
    }

    #[test]
    fn too_few_values_and_one_that_never_moves_suggest_nothing() {
        assert_eq!(of((0..99).map(f64::from), Comparison::Above), None);
        assert_eq!(of((0..1_000).map(|_| 5.0), Comparison::Above), None);
        assert_eq!(of((0..1_000).map(|_| f64::NAN), Comparison::Above), None);
    }

    #[test]
    fn two_that_fall_together_are_set_apart_and_numbers_are_short() {
        let mostly = |n: i32| if n == 0 { 0.0 } else { 2.9 };
        assert_eq!(of((0..10_000).map(mostly), Comparison::Above), Some(Suggestion { warning: 2.9, critical: 3.0 }));
        assert_eq!(rounded(1_234.0, true), 1_300.0);
        assert_eq!(rounded(0.012_34, false), 0.012);
        assert_eq!(rounded(0.3, true), 0.3);
    }

    #[test]
    fn more_values_than_can_be_kept_are_thinned_evenly() {
        let many = u32::try_from(VALUES_MAX).unwrap() * 5;
        let Suggestion { warning, critical } = of((0..many).map(f64::from), Comparison::Above).unwrap();
        assert!(warning <= f64::from(many) && warning >= f64::from(many) * 0.98 && critical >= warning);
    }
}
