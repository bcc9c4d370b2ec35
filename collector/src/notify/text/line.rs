//! A history drawn by eight heights of a block, for messages that hold text only.

use super::{Language, value};

/// From low to high.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Values drawn in a line, with the first and the last beside them: `41% ▁▂▃▅▇█ 93%`. `None` with fewer than three values.
///
/// Bounded by [`crate::notify::HISTORY_MAX`]: the newest are drawn. What is no number is a gap.
#[must_use]
pub fn sparkline(values: &[f64], unit: &str, language: Language) -> Option<String> {
    let newest = values.get(values.len().saturating_sub(crate::notify::HISTORY_MAX)..).unwrap_or_default();
    let known: Vec<f64> = newest.iter().copied().filter(|value| value.is_finite()).collect();
    let (first, last) = (known.first()?, known.last()?);
    if known.len() < 3 {
        return None;
    }
    let (mut low, mut high) = known.iter().fold((*first, *first), |(low, high), value| (low.min(*value), high.max(*value)));
    // A share is drawn from none to all of it: 92 % to 93 % is no mountain.
    if unit == "1" && low >= 0.0 && high <= 1.0 {
        (low, high) = (0.0, 1.0);
    }
    let draw = |value: &f64| {
        if !value.is_finite() {
            return ' ';
        }
        let share = if high > low { (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) } else { 0.5 };
        // The height of the bar is the number of bounds that its share has passed.
        let passed = (1..8_u8).filter(|bound| share * 8.0 >= f64::from(*bound)).count();
        BLOCKS.get(passed).copied().unwrap_or('█')
    };
    let drawn: String = newest.iter().map(draw).collect();
    Some(format!("{} {drawn} {}", value(*first, unit, language), value(*last, unit, language)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawn(values: &[f64], unit: &str) -> String {
        sparkline(values, unit, Language::En).unwrap_or_default()
    }

    #[test]
    fn a_history_is_drawn_from_its_lowest_to_its_highest_and_a_share_from_none_to_all() {
        assert_eq!(drawn(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], ""), "0 ▁▂▃▄▅▆▇█ 7");
        assert_eq!(drawn(&[0.92, 0.93, 0.93], "1"), "92% ███ 93%");
        assert_eq!(drawn(&[5.0, 5.0, 5.0], ""), "5 ▅▅▅ 5");
        assert_eq!(drawn(&[1.0, f64::NAN, 2.0, 3.0], ""), "1 ▁ ▅█ 3");
        assert_eq!(drawn(&[1.0, 2.0], ""), "");
        assert_eq!(drawn(&[], ""), "");
    }

    proptest! {
        #[test]
        fn any_values_are_drawn_within_bounds(values in prop::collection::vec(any::<f64>(), 0..100)) {
            if let Some(line) = sparkline(&values, "", Language::PtBr) {
                let blocks = line.chars().filter(|sign| BLOCKS.contains(sign)).count();
                prop_assert!(blocks <= crate::notify::HISTORY_MAX && !line.chars().any(char::is_control));
            }
        }
    }
}
